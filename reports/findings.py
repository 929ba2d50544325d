"""Findings, worst first, and the differences that a declared convention explains."""

import math
import re
from dataclasses import dataclass

from records.file import VERDICTS, Run
from reports.evidence import FAILING, Row, assigned, error_key, worst_first
from reports.explanations import Causes
from reports.matrix import Matrix
from reports.measured import Measured, assumed
from reports.targets import broken_as
from reports.text import count, cut, figure, listed, plain

TENSOR_GROUPS = {
    "y": "y",
    "dx": "gradients",
    "dgamma": "gradients",
    "dbeta": "gradients",
    "running_mean": "running statistics",
    "running_var": "running statistics",
}
UNREPORTED = "not reported"
KINDS = (
    "broken adapter",
    "crashed",
    "timed out",
    "not run",
    "violates",
    "raised",
    "mismatch",
    "unavailable",
)
"""The kinds of finding, the gravest first."""

NOT_JUDGED = {
    "broken adapter": "The adapter does not work, so this target was not judged.",
    "unavailable": "This target is not to be had on the machine of the run; it was not judged.",
}

SENTENCES = {
    "raised": "An error was raised in {where} where an answer was due",
    "crashed": "The process died in {where}",
    "timed out": "No answer came in time in {where}",
    "not run": "The target was given up before {where}, so nothing is known of it there",
    "broken adapter": "The adapter’s answer could not be judged in {where}",
}

_NUMBER = re.compile(r"0x[0-9a-f.p+-]+|\d+")


@dataclass(frozen=True)
class Finding:
    """One thing to explain or mend: a sentence, and the verdict lines behind it, worst first.

    `quote` is the message of the worst verdict. `field` names the convention of a mismatch and
    is "" for every other kind. `known` says why a violation is expected, and `upstream` where it
    is reported; both are "" where nobody knows yet. `assumed` marks a mismatch with an option that
    nobody declares.
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
    assumed: bool = False

    @property
    def unreported(self) -> bool:
        """Whether it is known, but not to those who could mend it."""
        return self.upstream.startswith(UNREPORTED)


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
    """Return what went wrong, grouped by target and cause, worst first.

    What has no cause is grouped by tensor, or by its message where there is none.
    """
    causes = Causes(run)
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        if row.verdict in FAILING or row.verdict not in VERDICTS:
            groups.setdefault(_group(row, causes(row)), []).append(row)
    broken = {
        plain(target.get("target")): (broken_as(target), plain(target["broken"].get("message")))
        for target in run.targets
        if broken_as(target)
    }
    found = []
    for (kind, target, *_), group in groups.items():
        if target not in broken or kind != broken[target][0]:
            found.append(_finding(kind, target, worst_first(group), causes))
    for target, (kind, message) in broken.items():
        behind = [row for row in rows if (row.target, row.verdict) == (target, kind)]
        sentence = NOT_JUDGED.get(kind, NOT_JUDGED["broken adapter"])
        found.append(_make(kind, target, sentence, message, behind))
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


def _group(row: Row, cause: str) -> tuple:
    """What findings are grouped by; numbers in a message are no cause of their own."""
    if cause:
        return row.verdict, row.target, "cause", cause
    if row.tensor:
        return row.verdict, row.target, "tensor", TENSOR_GROUPS.get(row.tensor, row.tensor)
    return row.verdict, row.target, "message", _NUMBER.sub("#", _quote(row))


def _finding(kind: str, target: str, group: list[Row], causes: Causes) -> Finding:
    worst = group[0]
    where = count(len(_cases(group)), "case")
    if kind == "violates":
        what = _violation(group, where)
    elif kind in SENTENCES:
        what = SENTENCES[kind].format(where=where)
    else:
        what = f"The verdict “{kind}” was reached in {where}"
    why = _why(worst, causes(worst))
    if kind == "violates":
        why = why or "; no convention, number or known fault explains it"
    return _make(kind, target, f"{what}{why}.", _quote(worst), group)


def _violation(group: list[Row], where: str) -> str:
    worst = group[0]
    tensors = list(dict.fromkeys(row.tensor for row in group if row.tensor))
    if not tensors:
        return f"The layer did not do what its target declares in {where}"
    verb = "leaves its" if len(tensors) == 1 else "leave their"
    far = "" if worst.error is None else f", at worst {figure(worst.error)} × bound"
    if worst.error is not None and math.isnan(worst.error):
        far = ", with NaN as the error"
    return f"{listed(tensors)} {verb} bound in {where}{far}"


def _why(row: Row, cause: str) -> str:
    if row.known:
        return _known(row.known, row.upstream)
    return f"; explained by {cause}" if cause else ""


def known_text(what: str, upstream: str) -> str:
    """Return what is known, with the place where it is reported."""
    what = what.rstrip(".")
    return f"{what} ({upstream})" if upstream else what


def _known(what: str, upstream: str) -> str:
    """Return what is known; that nobody reported it is said once, above the findings."""
    return f"; known: {known_text(what, '' if upstream.startswith(UNREPORTED) else upstream)}"


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
    """Return a finding for each option measured against a declaration, whatever the dtypes."""
    groups: dict[tuple, list[Measured]] = {}
    for row in matrix.rows:
        for cell in row.cells:
            for item in filter(lambda item: item.mismatch, cell.measured):
                key = row.field, cell.target, item.declared, item.option, item.known
                groups.setdefault(key, []).append(item)
    return [_mismatch(field, target, group) for (field, target, *_), group in groups.items()]


def _mismatch(field: str, target: str, group: list[Measured]) -> Finding:
    first = group[0]
    dtypes = list(dict.fromkeys(item.dtype for item in group if item.dtype))
    where = f" in {listed(dtypes)}" if dtypes else ""
    why = _known(first.known, first.upstream) if first.known else ""
    promise = f"{first.promise}, " if assumed(first.source) else f"declared {first.declared} and "
    return Finding(
        kind="mismatch",
        target=target,
        sentence=f"{field} is {promise}measured {first.option}{where}{why}.",
        quote=cut(first.evidence, 300),
        error=None,
        cases=(),
        rows=(),
        field=field,
        known=first.known,
        upstream=first.upstream,
        assumed=assumed(first.source),
    )


def _quote(row: Row) -> str:
    """Return the message without the target and case in front, which the page shows anyway."""
    return row.happened.removeprefix(f"{row.target} {row.case}: ")


def _cases(group: list[Row]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row.case for row in group))


def _gravity(finding: Finding) -> tuple:
    kind = KINDS.index(finding.kind) if finding.kind in KINDS else -1
    return -kind, not finding.known, error_key(finding.error), len(finding.rows)
