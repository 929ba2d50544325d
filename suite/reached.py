"""What a stopped run has reached, and what is run when it goes on: the end is to be the same.

A target whose verdicts are sound so far goes on with what is left. One with trouble is asked from
its first case again, unless all of it was reached: what explains a violation is found over all its
cases, and how often a process may die is counted over all of them. What was told stands, and is
told once.
"""

from collections.abc import Collection
from dataclasses import dataclass

from records.file import Run
from records.schema import VerdictRecord
from records.verdict import Verdict

MEASUREMENT = ""
"""What stands in the place of a case where a target is measured."""

Test = tuple[str, str]
"""A case, or MEASUREMENT, and a target, by their names."""


@dataclass(frozen=True)
class Reached:
    """The tests that need not be run again, and the targets of which that holds for all or none."""

    tests: frozenset[Test] = frozenset()
    troubled: frozenset[str] = frozenset()

    @classmethod
    def of(cls, stopped: Run) -> "Reached":
        """Return what a run has reached. Violations that nothing explains yet are not."""
        told = {(record.case, record.target) for record in stopped.verdicts}
        told |= {(MEASUREMENT, record.target) for record in stopped.measured}
        explained = {record.target for record in stopped.explanations}
        unexplained = to_explain(stopped.verdicts) - explained
        return cls(
            frozenset(test for test in told if test[1] not in unexplained),
            frozenset(record.target for record in stopped.verdicts if not _goes_on(record)),
        )

    def settled(self, planned: Collection[Test]) -> set[Test]:
        """Return those of the planned tests that need not be run."""
        again = self.troubled & {test[1] for test in planned if test not in self.tests}
        return {test for test in planned if test in self.tests and test[1] not in again}


def to_explain(verdicts: Collection[VerdictRecord]) -> set[str]:
    """Return the targets with a case that violates, of which an explanation has to speak.

    Of a case that in the end could not be judged, none does.
    """
    cut = {(one.case, one.target) for one in verdicts if not (one.verdict.judged or one.tensor)}
    violating = {(one.case, one.target) for one in verdicts if one.verdict.diagnosed}
    return {target for _, target in violating - cut}


def _goes_on(record: VerdictRecord) -> bool:
    return record.verdict.sound or record.verdict is Verdict.DECLINED
