"""Findings, worst first, and the differences that a declared convention explains."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from records.file import Run
from records.hypothesis import Choice, named
from records.pieces import Known
from records.schema import VerdictRecord
from records.verdict import Verdict
from reports.evidence import cases_of, error_key, worst_first
from reports.explanations import Causes
from reports.matrix import Matrix
from reports.measured import MeasuredView
from reports.text import count, cut, figure, listed, option_name

TENSOR_GROUPS = {
    "y": "y",
    "dx": "gradients",
    "dgamma": "gradients",
    "dbeta": "gradients",
    "running_mean": "running statistics",
    "running_var": "running statistics",
}
_NUMBER = re.compile(r"0x[0-9a-f.p+-]+|\d+")


class Beside(StrEnum):
    """What a finding can be that is no verdict, with its glyph: a measurement against a
    declaration, or digits lost as documented."""

    glyph: str

    def __new__(cls, word: str, glyph: str):
        self = str.__new__(cls, word)
        self._value_, self.glyph = word, glyph
        return self

    MISMATCH = "mismatch", "◯"
    HAZARD = "documented hazard", "▲"


@dataclass(frozen=True)
class Finding:
    """One thing to explain, to mend or to know: a sentence, and the verdict lines behind it, worst
    first.

    `field` names the convention of a mismatch and is "" for everything else. `quote` is the message
    of the worst verdict. `assumed` marks a mismatch with an option that nobody declares.
    """

    kind: Verdict | Beside
    target: str
    sentence: str
    quote: str
    rows: tuple[VerdictRecord, ...] = ()
    known: Known | None = None
    field: str = ""
    assumed: bool = False

    @property
    def cases(self) -> tuple[str, ...]:
        return cases_of(self.rows)

    @property
    def error(self) -> float | None:
        """The worst error over bound; of a hazard, that over the size of the values."""
        if not self.rows:
            return None
        worst = self.rows[0]
        return worst.relative_error if self.kind is Beside.HAZARD else worst.error_over_bound

    @property
    def label(self) -> str:
        """What it is called in the list of findings."""
        if self.kind is Beside.MISMATCH:
            return f"measured ≠ {'assumed' if self.assumed else 'declared'}"
        return self.kind

    @property
    def unreported(self) -> bool:
        """Whether it is known, but not to those who could mend it."""
        return bool(self.known and not self.known.reported)


@dataclass(frozen=True)
class Difference:
    """Verdicts of one target that one declared convention explains, or a few together."""

    target: str
    convention: str
    meaning: str
    sources: tuple[str, ...]
    rows: tuple[VerdictRecord, ...]

    @property
    def cases(self) -> tuple[str, ...]:
        return cases_of(self.rows)


def findings_of(run: Run, matrix: Matrix) -> tuple[Finding, ...]:
    """Return what went wrong, grouped by target and cause, worst first, and the documented hazards.

    What has no cause is grouped by tensor, or by its message where there is none.
    """
    causes = Causes(run)
    broken = {target.target: target.broken for target in run.targets if target.broken}
    groups: dict[tuple, list[VerdictRecord]] = {}
    for row in run.verdicts:
        whole = broken.get(row.target)
        if row.verdict.failing and not (whole and whole.ended is row.verdict):
            groups.setdefault(_group(row, causes(row)), []).append(row)
    found = [_finding(worst_first(group), causes) for group in groups.values()]
    for name, whole in broken.items():
        behind = [row for row in run.verdicts if (row.target, row.verdict) == (name, whole.ended)]
        sentence = whole.ended.of_target or f"This target was not judged: {whole.ended.meaning}."
        found.append(_make(whole.ended, name, sentence, whole.message, behind))
    found += [*_mismatches(matrix), *_hazards(run)]
    return tuple(sorted(found, key=_gravity, reverse=True))


def differences_of(run: Run, matrix: Matrix) -> tuple[Difference, ...]:
    """Return the explained differences by target and convention, the most frequent first."""
    groups: dict[tuple, list[VerdictRecord]] = {}
    for row in run.verdicts:
        if row.verdict is Verdict.DIFFERS:
            groups.setdefault((row.target, row.differs_by), []).append(row)
    order = {target.target: at for at, target in enumerate(run.targets)}
    about = {row.field: row for row in matrix.rows}
    differences = []
    for (target, differs_by), group in groups.items():
        named_options = [(field, option_name(option)) for field, option in differs_by]
        meanings = [
            f"{about[field].question} {dict(about[field].options).get(option, option)}"
            for field, option in named_options
            if field in about
        ]
        differences.append(
            Difference(
                target,
                named(differs_by),
                "; ".join(meanings),
                tuple(_sources(group, differs_by)),
                tuple(worst_first(group)),
            )
        )
    return tuple(sorted(differences, key=lambda item: (order[item.target], -len(item.rows))))


def _group(row: VerdictRecord, cause: str) -> tuple:
    """What findings are grouped by; numbers in a message are no cause of their own."""
    if cause:
        return row.verdict, row.target, "cause", cause
    if row.tensor:
        return row.verdict, row.target, "tensor", TENSOR_GROUPS.get(row.tensor, row.tensor)
    return row.verdict, row.target, "message", _NUMBER.sub("#", _quote(row))


def _finding(group: list[VerdictRecord], causes: Causes) -> Finding:
    worst = group[0]
    kind, where = worst.verdict, count(len(cases_of(group)), "case")
    tensors = list(dict.fromkeys(row.tensor for row in group if row.tensor))
    if kind is Verdict.VIOLATES and tensors:
        what = _violation(tensors, worst.error_over_bound, where)
    else:
        general = f"The verdict “{kind}” was reached in {where}"
        what = kind.finding.format(where=where) or general
    why = _why(worst, causes(worst))
    if kind is Verdict.VIOLATES:
        why = why or "; no convention, number or known fault explains it"
    return _make(kind, worst.target, f"{what}{why}.", _quote(worst), group)


def _violation(tensors: list[str], error: float | None, where: str) -> str:
    verb = "leaves its" if len(tensors) == 1 else "leave their"
    far = "" if error is None else f", at worst {figure(error)} × bound"
    if error is not None and math.isnan(error):
        far = ", with NaN as the error"
    return f"{listed(tensors)} {verb} bound in {where}{far}"


def _why(row: VerdictRecord, cause: str) -> str:
    if row.known:
        return _known(row.known)
    return f"; explained by {cause}" if cause else ""


def known_text(known: Known | None) -> str:
    """Return what is known, with the place where it is reported."""
    return f"{known.what.rstrip('.')} ({known.upstream})" if known else ""


def _known(known: Known) -> str:
    """Return what is known; that nobody reported it is said once, above the findings."""
    return f"; known: {known_text(known) if known.reported else known.what.rstrip('.')}"


def _make(kind, target: str, sentence: str, quote: str, group: Sequence[VerdictRecord]) -> Finding:
    known = group[0].known if group else None
    return Finding(kind, target, sentence, cut(quote, 300), tuple(group), known)


def _mismatches(matrix: Matrix) -> list[Finding]:
    """Return a finding for each option measured against a declaration, whatever the dtypes."""
    groups: dict[tuple, list[MeasuredView]] = {}
    for row in matrix.rows:
        for cell in row.cells:
            for item in filter(lambda item: item.mismatch, cell.measured):
                key = row.field, cell.target, item.declared, item.option, item.known
                groups.setdefault(key, []).append(item)
    return [_mismatch(field, target, group) for (field, target, *_), group in groups.items()]


def _mismatch(field: str, target: str, group: list[MeasuredView]) -> Finding:
    first = group[0]
    dtypes = list(dict.fromkeys(item.dtype for item in group))
    where = f" in {listed(dtypes)}"
    why = _known(first.known) if first.known else ""
    promise = f"{first.promise}, " if first.assumed else f"declared {first.declared} and "
    measured = f"measured {first.option}" if first.decided else "excluded by the probes"
    return Finding(
        kind=Beside.MISMATCH,
        target=target,
        sentence=f"{field} is {promise}{measured}{where}{why}.",
        quote=cut(first.record.evidence, 300),
        known=first.known,
        field=field,
        assumed=first.assumed,
    )


def _hazards(run: Run) -> list[Finding]:
    """Return a finding for each documented convention that cost a target's tensors their digits."""
    groups: dict[tuple[str, tuple[Choice, ...]], list[VerdictRecord]] = {}
    for row in run.verdicts:
        if row.hazard:
            groups.setdefault((row.target, row.hazard), []).append(row)
    return [_hazard(run, *key, group) for key, group in groups.items()]


def _hazard(run: Run, target: str, choices: tuple[Choice, ...], group: list) -> Finding:
    rows = sorted(group, key=lambda row: error_key(row.relative_error), reverse=True)
    worst, tensors = rows[0], list(dict.fromkeys(row.tensor for row in rows))
    known = run.header.conventions
    meanings = [
        f"{known[field].question} {known[field].options.get(str(option), option)}"
        for field, option in choices
        if field in known
    ]
    sentence = (
        f"{listed(tensors)} {'is' if len(tensors) == 1 else 'are'} wrong by up to "
        f"{figure(worst.relative_error)} × the size of the values in "
        f"{count(len(cases_of(rows)), 'case')}, as {named(choices)} allows: "
        f"{'; '.join([*meanings, *_sources(rows, choices)])}."
    )
    return _make(Beside.HAZARD, target, sentence, _quote(worst), rows)


def _sources(rows: Iterable[VerdictRecord], choices: tuple[Choice, ...]) -> list[str]:
    """Return who declares these conventions, each once."""
    fields = dict(choices)
    declared = (one for row in rows for one in row.conventions)
    return list(filter(None, dict.fromkeys(one.source for one in declared if one.field in fields)))


def _quote(row: VerdictRecord) -> str:
    """Return the message without the target and case in front, which the page shows anyway."""
    return row.message.removeprefix(f"{row.target} {row.case}: ")


def _gravity(finding: Finding) -> tuple:
    """Failing verdicts are graver than a mismatch, that than a hazard, and that than all others."""
    kind = finding.kind
    if isinstance(kind, Verdict):
        rank = 3 * kind.failing, kind.gravity
    else:
        rank = (2 if kind is Beside.MISMATCH else 1), 0
    return rank, not finding.known, error_key(finding.error), len(finding.rows)
