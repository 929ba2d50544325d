"""What explains a target: the fewest hypotheses that account for all of its violating cases.

One case often fits several hypotheses. All cases of a target together fit few: those that explain
a violation, and that no conforming case of the target refutes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from diagnosis.fitting import Number
from diagnosis.hypotheses import Change, cause_of, holds, loosens, of_number
from diagnosis.question import Question
from diagnosis.search import Search
from records.hypothesis import Hypothesis, Interval, Kind, described
from reference.expected import relevant

LARGEST_WITNESS = 20_000
"""Elements of x above which a conforming case is not kept: the small ones refute as well."""


@dataclass(frozen=True)
class Explanation:
    """A hypothesis as it stands after all cases, and the cases it explains; None explains none."""

    hypothesis: Hypothesis | None
    sentence: str
    cases: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.hypothesis.name if self.hypothesis else ""


@dataclass
class _Cluster:
    """Violations that look alike: the pairs of conventions that explain one, searched once."""

    pairs: list[Hypothesis] = field(default_factory=list)
    searched: int | None = None  # the size of the smallest case that was

    def explain(self, search: Search) -> list[Hypothesis]:
        """Return the pairs that explain a case: those of others, or its own if it is smallest."""
        fitting = [one for one in self.pairs if search.holds(one)]
        size = sum(step.x.size for step in search.whole.steps)
        if not fitting and (self.searched is None or size < self.searched):
            self.searched = size
            fitting = search.pairs()
            self.pairs += fitting
        return fitting


class TargetDiagnosis:
    """Collects the cases of one target and says what explains its violations."""

    def __init__(self) -> None:
        self._violating: dict[str, Question] = {}
        self._fitting: dict[str, list[Hypothesis]] = {}
        self._conforming: list[Question] = []
        self._found: dict[str, Hypothesis] = {}
        self._clusters: dict[tuple, _Cluster] = {}

    def conforms(self, question: Question) -> None:
        """Add a case that conforms: it may refute what would explain others."""
        if question.steps and question.steps[0].x.size <= LARGEST_WITNESS:
            self._conforming.append(replace(question))  # without what it had computed

    def violates(self, case: str, question: Question, known: bool = False) -> list[Hypothesis]:
        """Add a case that violates, and return what would explain it, taken alone.

        A `known` divergence has its reason written down. None is searched for; it is the target's
        only where what explains its other cases explains this one as well.
        """
        if known and not self._found:
            return []
        search = Search(question)
        fitting: list[Hypothesis] = []
        if known:
            fitting = [one for one in self._found.values() if search.holds(one)]
            if not fitting:
                return fitting
        elif search.violated:
            cluster = self._clusters.setdefault(search.form, _Cluster())
            fitting = search.simple() or cluster.explain(search)
        self._violating[case], self._fitting[case] = replace(question), fitting
        self._found.update({one.name: one for one in fitting if not loosens(one)})
        return fitting

    def explanations(self) -> list[Explanation]:
        """Return the explanations of the target, the one that explains most cases first.

        Each case counts for one. Between hypotheses that explain as many, a convention comes
        before a number, then half of a pair that was found or that others need, then the tighter
        bound, then the special one: had a wrong epsilon been the cause, more cases than those with
        the default one would violate.
        """
        remaining = {case: list(fitting) for case, fitting in self._fitting.items()}
        found: list[Explanation] = []
        refuted: set[tuple] = set()
        while best := self._best(remaining, found, refuted):
            hypothesis, cases = best
            if self._refuted(hypothesis):
                refuted.add(cause_of(hypothesis))
                continue
            # What is accepted also explains a case that something simpler would have explained.
            others = [case for case in remaining if case not in cases]
            more = [case for case in others if holds(hypothesis, self._violating[case])]
            found.append(Explanation(hypothesis, hypothesis.sentence, (*cases, *more)))
            for case in found[-1].cases:
                del remaining[case]
        while best := self._best(remaining, found, set()):  # what holds in a few cases only
            hypothesis, cases = best
            sentence = f"{hypothesis.sentence}; in these cases only, others refute it"
            found.append(Explanation(hypothesis, sentence, cases))
            for case in cases:
                del remaining[case]
        if remaining:
            found.append(Explanation(None, described([]), tuple(remaining)))
        return found

    def _best(
        self,
        remaining: Mapping[str, list[Hypothesis]],
        found: Sequence[Explanation],
        left_out: set[tuple],
    ) -> tuple[Hypothesis, tuple[str, ...]] | None:
        """Return the hypothesis that ranks first, and the cases it explains."""
        halves = {half for one in found if one.hypothesis for half in one.hypothesis.changes}
        ranked = sorted(self._ranked(remaining, left_out, halves), key=lambda row: row[0])
        return ranked[0][1:] if ranked else None

    def _ranked(
        self,
        remaining: Mapping[str, list[Hypothesis]],
        left_out: set[tuple],
        halves: set[Change],
    ) -> Iterator[tuple[tuple, Hypothesis, tuple[str, ...]]]:
        """Yield a row a cause: its rank, the hypothesis, and the cases it explains."""
        fitting_cases: dict[tuple, dict[str, Hypothesis]] = {}
        places: dict[tuple, int] = {}
        for case, fitting in remaining.items():
            for place, one in enumerate(fitting):
                cause = cause_of(one)
                if cause not in left_out:
                    fitting_cases.setdefault(cause, {})[case] = one
                    places[cause] = places.get(cause, 0) + place
        for cause, by_case in fitting_cases.items():
            one, cases = _joined(by_case)
            rank = (
                -len(cases),
                one.kind is Kind.NUMBER,
                not set(one.changes) & halves,
                -self._needed_as_half(one),
                places[cause],
                not one.subject.startswith("default_"),
                one.name,
            )
            yield rank, one, cases

    def _needed_as_half(self, hypothesis: Hypothesis) -> int:
        own, cause = set(hypothesis.changes), cause_of(hypothesis)
        return sum(
            any(cause_of(one) == cause or (own and own < set(one.changes)) for one in fitting)
            for fitting in self._fitting.values()
        )

    def _refuted(self, hypothesis: Hypothesis) -> bool:
        """Say whether a conforming case speaks against a hypothesis.

        None speaks against a number: those have the number that was asked for.
        """
        if hypothesis.kind is Kind.NUMBER:
            return False
        return any(
            not holds(hypothesis, question)
            for question in self._conforming
            if _plays_a_part(hypothesis, question)
        )


def _plays_a_part(hypothesis: Hypothesis, question: Question) -> bool:
    if hypothesis.kind is Kind.FAULT:
        return True
    declared, layer, steps = question.declared, question.layer, question.steps
    changed = declared.but(**dict(hypothesis.changes))
    return relevant(changed, layer, steps) != relevant(declared, layer, steps)


def _joined(by_case: Mapping[str, Hypothesis]) -> tuple[Hypothesis, tuple[str, ...]]:
    """Return one cause as it stands in its cases: for a number, in the most that agree on one."""
    one = next(iter(by_case.values()))
    intervals = {case: own.interval for case, own in by_case.items() if own.interval is not None}
    if not intervals:
        return one, tuple(by_case)
    agreeing = _agreeing(intervals)
    low = max(intervals[case].low for case in agreeing)
    high = min(intervals[case].high for case in agreeing)
    return of_number(one.subject, Number.within(low, high, one.subject)), tuple(agreeing)


def _agreeing(intervals: Mapping[str, Interval]) -> list[str]:
    """Return the largest set of cases whose intervals have a number in common."""
    best: list[str] = []
    for point in (interval.low for interval in intervals.values()):
        cases = [case for case, one in intervals.items() if one.low <= point <= one.high]
        best = max(best, cases, key=len)
    return best
