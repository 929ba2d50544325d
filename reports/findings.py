"""Findings, worst first, and the differences that a declared convention explains."""

import math
import re
from dataclasses import dataclass

from reports.evidence import Row, assigned, error_key, worst_first
from reports.matrix import Matrix
from reports.records import Run
from reports.text import count, cut, figure, listed, mapping, plain

TENSOR_GROUPS = {
    "y": "y",
    "dx": "gradients",
    "dgamma": "gradients",
    "dbeta": "gradients",
    "running_mean": "running statistics",
    "running_var": "running statistics",
}
KINDS = ("broken adapter", "crashed", "timed out", "violates", "raised", "mismatch")
"""The kinds of finding, the gravest first."""

_EXPLAINED = re.compile(r"; explained by (.+)$", re.DOTALL)
_NUMBER = re.compile(r"0x[0-9a-f.p+-]+|\d+")


@dataclass(frozen=True)
class Finding:
    """One thing to explain or mend: a sentence, and the verdict lines behind it, worst first.

    `quote` is the message of the worst verdict. `field` names the convention of a mismatch and
    is "" for every other kind. `known` says why a violation is expected, and `upstream` where it
    is reported; both are "" where nobody knows yet.
    """

    kind: str
    target: str
    sentence: str
    quote: str
    error: float | None
    cases: tuple[str, ...]
    rows: tuple[Row, ...]
    field: str = ""
    known: str = ""
    upstream: str = ""


@dataclass(frozen=True)
class Difference:
    """Verdicts of one target that one declared convention explains."""

    target: str
    convention: str
    meaning: str
    sources: tuple[str, ...]
    cases: tuple[str, ...]
    rows: tuple[Row, ...]


def findings_of(run: Run, rows: tuple[Row, ...], matrix: Matrix) -> tuple[Finding, ...]:
    """Return what went wrong, grouped by target, tensor group and cause, worst first."""
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        if row.verdict not in ("conforms", "differs", "declined"):
            groups.setdefault(_group(row), []).append(row)
    broken = {
        plain(target.get("target")): plain(mapping(target.get("broken")).get("message"))
        for target in run.targets
        if target.get("broken")
    }
    found = []
    for (kind, target, *_), group in groups.items():
        if kind != "broken adapter" or target not in broken:
            found.append(_finding(kind, target, worst_first(group)))
    for target, message in broken.items():
        behind = [row for row in rows if (row.target, row.verdict) == (target, "broken adapter")]
        sentence = "The adapter does not work, so this target was not judged."
        found.append(_make("broken adapter", target, sentence, message, behind))
    found += _mismatches(matrix)
    return tuple(sorted(found, key=_gravity, reverse=True))


def differences_of(rows: tuple[Row, ...], matrix: Matrix) -> tuple[Difference, ...]:
    """Return the explained differences by target and convention, the most frequent first."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.verdict == "differs":
            groups.setdefault((row.target, row.convention), []).append(row)
    targets = list(dict.fromkeys(cell.target for row in matrix.rows[:1] for cell in row.cells))
    order = {target: at for at, target in enumerate(targets)}
    about = {row.field: row for row in matrix.rows}
    differences = []
    for (target, convention), group in groups.items():
        named = assigned(convention)
        meanings = [
            f"{about[name].question} {dict(about[name].options).get(option, option)}"
            for name, option in named
            if name in about
        ]
        fields = {name for name, _ in named}
        sources = dict.fromkeys(
            item.source
            for row in group
            for item in row.used
            if item.field in fields and item.source
        )
        differences.append(
            Difference(
                target,
                convention,
                "; ".join(meanings),
                tuple(sources),
                _cases(group),
                tuple(worst_first(group)),
            )
        )
    return tuple(
        sorted(differences, key=lambda item: (order.get(item.target, 99), -len(item.rows)))
    )


def _group(row: Row) -> tuple:
    """What findings are grouped by; numbers in a message are no cause of their own."""
    cause = row.known or _diagnosis(row)
    if not cause and not row.tensor:
        cause = _NUMBER.sub("#", _quote(row))
    return row.verdict, row.target, TENSOR_GROUPS.get(row.tensor, row.tensor), cause


def _diagnosis(row: Row) -> str:
    """Return the conventions that would explain a violation, "" where there are none."""
    explained = _EXPLAINED.search(row.message)
    return row.convention or (explained[1] if explained else "")


def _finding(kind: str, target: str, group: list[Row]) -> Finding:
    worst = group[0]
    where = count(len(_cases(group)), "case")
    if kind == "violates" and not worst.tensor:
        sentence = f"The layer did not do what its target declares in {where}."
    elif kind == "violates":
        tensors = list(dict.fromkeys(row.tensor for row in group))
        verb = "leaves its" if len(tensors) == 1 else "leave their"
        cause = _diagnosis(worst)
        why = f"; explained by {cause}, which is not declared" if cause else ""
        why = why or ("" if worst.known else "; no convention explains it")
        far = "" if worst.error is None else f", at worst {figure(worst.error)} × bound"
        if worst.error is not None and math.isnan(worst.error):
            far = ", with NaN as the error"
        sentence = f"{listed(tensors)} {verb} bound in {where}{far}{why}."
    elif kind == "raised":
        sentence = f"An error was raised in {where} where an answer was due."
    elif kind == "crashed":
        sentence = f"The process died in {where}."
    elif kind == "timed out":
        sentence = f"No answer came in time in {where}."
    elif kind == "broken adapter":
        sentence = f"The adapter’s answer could not be judged in {where}."
    else:
        sentence = f"The verdict “{kind}” was reached in {where}."
    return _make(kind, target, sentence, _quote(worst), group)


def _make(kind: str, target: str, sentence: str, quote: str, group: list[Row]) -> Finding:
    worst = group[0] if group else None
    return Finding(
        kind=kind,
        target=target,
        sentence=sentence,
        quote=cut(quote, 300),
        error=worst.error if worst else None,
        cases=_cases(group),
        rows=tuple(group),
        known=worst.known if worst else "",
        upstream=worst.upstream if worst else "",
    )


def _mismatches(matrix: Matrix) -> list[Finding]:
    return [
        Finding(
            kind="mismatch",
            target=cell.target,
            sentence=f"{row.field} is declared {cell.declared} and measured {cell.option}.",
            quote=cut("; ".join(item.evidence for item in cell.measured if item.evidence), 300),
            error=None,
            cases=(),
            rows=(),
            field=row.field,
        )
        for row in matrix.rows
        for cell in row.cells
        if cell.mismatch
    ]


def _quote(row: Row) -> str:
    """Return the message without the target and case in front, which the page shows anyway."""
    return row.message.removeprefix(f"{row.target} {row.case}: ")


def _cases(group: list[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.case for row in group))


def _gravity(finding: Finding) -> tuple:
    kind = KINDS.index(finding.kind) if finding.kind in KINDS else -1
    return -kind, not finding.known, error_key(finding.error), len(finding.rows)
