"""What explains a target: the fewest hypotheses that account for all of its violating cases.

One case often fits several hypotheses. All cases of a target together fit few: those that explain
a violation, and that no conforming case of the target refutes.
"""

from dataclasses import dataclass

from reference.conventions import CONVENTIONS
from reference.diagnosis import Hypothesis, diagnose, holds
from reference.faults import FAULTS
from reference.fitting import Interval
from reference.question import Question


@dataclass(frozen=True)
class Explanation:
    """A hypothesis, as it stands after all cases, and the cases it explains. "" explains none."""

    name: str
    cases: tuple[str, ...]


class TargetDiagnosis:
    """Collects the cases of one target and says what explains its violations."""

    def __init__(self):
        self._violating: dict[str, Question] = {}
        self._candidates: dict[str, list[Hypothesis]] = {}
        self._conforming: list[Question] = []

    def conforms(self, question: Question) -> None:
        """Add a case that conforms: it may refute what would explain others."""
        self._conforming.append(question)

    def violates(self, case: str, question: Question) -> list[Hypothesis]:
        """Add a case that violates, and return what would explain it, taken alone."""
        self._violating[case] = question
        self._candidates[case] = diagnose(question)
        return self._candidates[case]

    def explanations(self) -> list[Explanation]:
        """Return the explanations of the target, the one that explains most cases first.

        Each case counts for one. Between hypotheses that explain as many, a convention comes
        before a number, then half of a pair that was found or that others need, then the tighter
        bound, then the special one: had a wrong epsilon been the cause, more cases than those with
        the default one would violate.
        """
        remaining = {case: list(fitting) for case, fitting in self._candidates.items()}
        found: list[Explanation] = []
        dropped: set[str] = set()
        while True:
            halves = {half for one in found for half in one.name.split(", ")}
            ranked = sorted(self._ranked(remaining, dropped, halves))
            if not ranked:
                break
            *_, name, full_name, cases = ranked[0]
            if self._refuted(full_name):
                dropped.add(name)
                continue
            # What is accepted also explains a case that something simpler would have explained.
            others = [case for case in remaining if case not in cases]
            cases += [case for case in others if holds(full_name, self._violating[case])]
            found.append(Explanation(full_name, tuple(cases)))
            for case in cases:
                del remaining[case]
        return found + ([Explanation("", tuple(remaining))] if remaining else [])

    def _ranked(self, remaining, dropped, halves):
        """Yield a sortable row a hypothesis: its rank, its name, with its number, its cases."""
        fitting_cases: dict[str, list[str]] = {}
        places: dict[str, int] = {}
        for case, fitting in remaining.items():
            for place, one in enumerate(fitting):
                if one.name not in dropped:
                    fitting_cases.setdefault(one.name, []).append(case)
                    places[one.name] = places.get(one.name, 0) + place
        for name, cases in fitting_cases.items():
            intervals = {
                case: one.interval
                for case in cases
                for one in remaining[case]
                if one.name == name and one.interval is not None
            }
            full_name = name
            if intervals:
                cases, interval = _agreeing(intervals)
                full_name = f"{name}={interval.best:.8g}"
            special = name.startswith("default_")
            yield (
                -len(cases),
                bool(intervals),
                name not in halves,
                -self._needed_as_half(name),
                places[name],
                not special,
                name,
                full_name,
                cases,
            )

    def _needed_as_half(self, name: str) -> int:
        return sum(
            any(name in one.name.split(", ") for one in fitting)
            for fitting in self._candidates.values()
        )

    def _refuted(self, name: str) -> bool:
        # A number is refuted by no conforming case: those have the number that was asked for.
        fields = {part.partition("=")[0] for part in name.split(", ")}
        if name not in FAULTS and not fields <= CONVENTIONS.keys():
            return False
        return any(not holds(name, question) for question in self._conforming)


def _agreeing(intervals: dict[str, Interval]) -> tuple[list[str], Interval]:
    """Return the largest set of cases whose intervals have a number in common, and their own."""
    best: list[str] = []
    for point in (interval.low for interval in intervals.values()):
        cases = [case for case, one in intervals.items() if one.low <= point <= one.high]
        best = max(best, cases, key=len)
    low = max(intervals[case].low for case in best)
    high = min(intervals[case].high for case in best)
    return best, Interval(low, high)
