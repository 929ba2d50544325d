"""Evidence: what one target answered in one case, and the order of verdicts."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from records.file import Run
from records.schema import CaseRecord, VerdictRecord
from records.verdict import Verdict
from reports.text import fact

_FACTS = ("dtype", "shape", "channel_axis", "epsilon", "momentum", "raw_momentum", "steps")


@dataclass(frozen=True)
class CaseFacts:
    """A case: its id, which is its claim, the reason for it, and its configuration as text."""

    id: str
    reason: str = ""
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Everything recorded of one case on one target; `verdict` is the gravest one."""

    case: CaseFacts
    target: str
    verdict: Verdict
    rows: tuple[VerdictRecord, ...]


def error_key(error: float | None) -> tuple[int, float]:
    """Sort key of an error/bound: none < finite < inf < NaN."""
    if error is None:
        return 0, 0.0
    if math.isnan(error):
        return 3, 0.0
    return (2, 0.0) if math.isinf(error) else (1, error)


def worst_first(rows: Iterable[VerdictRecord]) -> list[VerdictRecord]:
    """Return the rows by falling error/bound; rows without one come last, in recorded order."""
    return sorted(rows, key=lambda row: error_key(row.error_over_bound), reverse=True)


def gravest(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the gravest of some verdicts."""
    return max(verdicts, key=lambda verdict: verdict.gravity)


def fields_of(row: VerdictRecord) -> set[str]:
    """Return the conventions that a verdict speaks of."""
    return {one.field for one in row.conventions} | {field for field, _ in row.differs_by}


def cases_of(rows: Sequence[VerdictRecord]) -> tuple[str, ...]:
    """Return the cases of some verdicts, each once."""
    return tuple(dict.fromkeys(row.case for row in rows))


def evidence_of(run: Run) -> tuple[Evidence, ...]:
    """Return one evidence page for each case × target, in the order of their first verdict."""
    cases = {case.case: _facts(case) for case in run.cases}
    pairs: dict[tuple[str, str], list[VerdictRecord]] = {}
    for row in run.verdicts:
        pairs.setdefault((row.case, row.target), []).append(row)
    return tuple(
        Evidence(
            cases.get(case) or CaseFacts(case),
            target,
            gravest(row.verdict for row in found),
            tuple(found),
        )
        for (case, target), found in pairs.items()
    )


def verdict_counts(rows: Iterable[VerdictRecord]) -> Counter[Verdict]:
    """Count the verdicts."""
    return Counter(row.verdict for row in rows)


def _facts(case: CaseRecord) -> CaseFacts:
    facts = ((name.replace("_", " "), fact(getattr(case, name))) for name in _FACTS)
    return CaseFacts(case.case, case.reason, tuple((label, text) for label, text in facts if text))
