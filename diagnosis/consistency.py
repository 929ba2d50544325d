"""What explains a target: the fewest hypotheses that account for all of its violating cases.

One case often fits several hypotheses. All cases of a target together fit few: those that explain
a violation, and that no conforming case of the target refutes.
"""

from dataclasses import dataclass, replace

from diagnosis.faults import FAULTS
from diagnosis.fitting import Interval
from diagnosis.question import Question
from diagnosis.search import Hypothesis, describe, diagnose, fitted, holds
from reference.conventions import CONVENTIONS

LARGEST_WITNESS = 20_000
"""Elements of x above which a conforming case is not kept: the small ones refute as well."""


@dataclass(frozen=True)
class Explanation:
    """A hypothesis, as it stands after all cases, and the cases it explains. "" explains none."""

    name: str
    sentence: str
    cases: tuple[str, ...]


class TargetDiagnosis:
    """Collects the cases of one target and says what explains its violations."""

    def __init__(self):
        self._violating: dict[str, Question] = {}
        self._candidates: dict[str, list[Hypothesis]] = {}
        self._conforming: list[Question] = []
        self._found: dict[str, Hypothesis] = {}

    def conforms(self, question: Question) -> None:
        """Add a case that conforms: it may refute what would explain others."""
        if question.steps and question.steps[0].x.size <= LARGEST_WITNESS:
            self._conforming.append(replace(question))  # without what it had computed

    def violates(self, case: str, question: Question, known: bool = False) -> list[Hypothesis]:
        """Add a case that violates, and return what would explain it, taken alone.

        For a violation that is `known` to have the reason of others, what explained those is tried
        first, and is enough; but no looser bound, which explains what it should not.
        """
        self._violating[case] = replace(question)
        fitting: list[Hypothesis] = []
        if known:
            fitting = [one for one in self._found.values() if holds(str(one), question)]
        self._candidates[case] = fitting or diagnose(question)
        self._found.update({str(one): one for one in self._candidates[case] if not _loosens(one)})
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
        refuted: set[str] = set()
        while best := self._best(remaining, found, refuted):
            name, explanation = best
            if self._refuted(explanation.name):
                refuted.add(name)
                continue
            # What is accepted also explains a case that something simpler would have explained.
            others = [case for case in remaining if case not in explanation.cases]
            more = [case for case in others if holds(explanation.name, self._violating[case])]
            found.append(replace(explanation, cases=explanation.cases + tuple(more)))
            for case in found[-1].cases:
                del remaining[case]
        while best := self._best(remaining, found, set()):  # what holds in a few cases only
            _, explanation = best
            sentence = f"{explanation.sentence}; in these cases only, others refute it"
            found.append(replace(explanation, sentence=sentence))
            for case in explanation.cases:
                del remaining[case]
        if remaining:
            found.append(Explanation("", describe([]), tuple(remaining)))
        return found

    def _best(self, remaining, found, left_out) -> tuple[str, Explanation] | None:
        """Return the name of the hypothesis that ranks first, and what it explains."""
        halves = {half for one in found for half in one.name.split(", ")}
        ranked = sorted(self._ranked(remaining, left_out, halves), key=lambda row: row[0])
        return ranked[0][1:] if ranked else None

    def _ranked(self, remaining, left_out, halves):
        """Yield a row a hypothesis: its rank, its name, and what it explains."""
        fitting_cases: dict[str, list[str]] = {}
        places: dict[str, int] = {}
        sentences: dict[str, str] = {}
        for case, fitting in remaining.items():
            for place, one in enumerate(fitting):
                if one.name not in left_out:
                    fitting_cases.setdefault(one.name, []).append(case)
                    places[one.name] = places.get(one.name, 0) + place
                    sentences[one.name] = one.sentence
        for name, cases in fitting_cases.items():
            explanation = Explanation(name, sentences[name], tuple(cases))
            intervals = {
                case: one.interval
                for case in cases
                for one in remaining[case]
                if one.name == name and one.interval is not None
            }
            if intervals:
                cases, interval = _agreeing(intervals)
                number = fitted(name, interval)
                explanation = Explanation(str(number), number.sentence, tuple(cases))
            rank = (
                -len(cases),
                bool(intervals),
                name not in halves,
                -self._needed_as_half(name),
                places[name],
                not name.startswith("default_"),
                name,
            )
            yield rank, name, explanation

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


def _loosens(hypothesis: Hypothesis) -> bool:
    fields = [part.partition("=")[0] for part in hypothesis.name.split(", ")]
    return any(field in CONVENTIONS and CONVENTIONS[field].changes == "bound" for field in fields)


def _agreeing(intervals: dict[str, Interval]) -> tuple[list[str], Interval]:
    """Return the largest set of cases whose intervals have a number in common, and their own."""
    best: list[str] = []
    for point in (interval.low for interval in intervals.values()):
        cases = [case for case, one in intervals.items() if one.low <= point <= one.high]
        best = max(best, cases, key=len)
    low = max(intervals[case].low for case in best)
    high = min(intervals[case].high for case in best)
    return best, Interval(low, high)
