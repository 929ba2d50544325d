"""Why a layer is outside its bounds: the hypotheses under which every tensor of a case fits.

The search goes from the simple to the far-fetched and stops where something fits: one convention
changed, a number other than the declared one or a known fault; a looser bound, which explains any
noise and therefore comes after those; two conventions changed. It first looks at where a hypothesis
fails fast: at y of the first step, then at all steps up to the first violated one, both in the
channels that are worst; what is left is held against the whole case.
"""

import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

import numpy as np

from diagnosis import hypotheses, parts
from diagnosis.faults import FAULTS, Fault
from diagnosis.fitting import FITS, is_declared
from diagnosis.hypotheses import Change
from diagnosis.judgement import RUNNING
from diagnosis.question import Question
from diagnosis.specimen import mixes
from records.hypothesis import Hypothesis, Kind
from reference.conventions import CONVENTIONS
from reference.expected import TENSORS, StepExpectation, relevant

OF_STATE = frozenset(("y", "dx", "dgamma", *RUNNING))
"""The tensors that the running statistics have a part in, one step later."""

NUMBERS = {"epsilon": OF_STATE - {"running_mean"}, "momentum": frozenset(RUNNING)}
"""The tensors that depend on each number within one step."""


def diagnose(question: Question) -> list[Hypothesis]:
    """Return the simplest hypotheses under which every tensor of the case is within its bound.

    Several that fit cannot be told apart by this case; none means that the search found nothing.
    """
    search = Search(question)
    return search.simple() or search.pairs() if search.violated else []


class Search:
    """The stages of the search for one case; what they share is computed once.

    `violated` names the tensors outside their bounds in the first step that has any, or "refusal".
    """

    def __init__(self, whole: Question):
        self.whole = whole
        self.violated: frozenset[str] = frozenset()
        self.step = max(len(whole.steps) - 1, 0)
        self._errors: dict[str, np.ndarray] = {}
        self._broken_by: dict[Change, frozenset[str]] = {}
        for number, errors in enumerate(whole.errors(whole.usual) if whole.steps else ()):
            outside = frozenset(name for name, error in errors.items() if np.any(error > 1))
            if outside:
                self.step, self.violated, self._errors = number, outside, errors
                return
        if whole.steps and not whole.fits(whole.usual):
            self.violated = frozenset(["refusal"])

    @cached_property
    def part(self) -> Question:
        """The steps up to the first violated one, in the channels that are worst."""
        return parts.of_worst_channels(parts.up_to(self.whole, self.step), self._errors)

    @cached_property
    def form(self) -> tuple:
        """What cases with one cause have in common: the tensors violated, the dtype, the calls."""
        calls = tuple((step.training, step.dy is None) for step in self.part.steps)
        return self.violated, self.whole.layer.dtype, calls, self.whole.declared

    def holds(self, hypothesis: Hypothesis) -> bool:
        """Say whether what explained another case explains this one."""
        match hypothesis.kind:
            case Kind.CONVENTIONS:
                reached = frozenset().union(*(self._reach(one) for one in hypothesis.changes))
                return self.violated <= reached and self._hold(hypothesis.changes)
            case Kind.FAULT:
                return self._has(FAULTS[hypothesis.subject])
            case _:
                subject, number = hypothesis.subject, hypothesis.interval
                return number is not None and self._fits_with(subject, number.best)

    def simple(self) -> list[Hypothesis]:
        """Return what explains the case alone: a convention, a number, a fault, a looser bound."""
        return [
            *self._of_changes((one,) for one in self._telling("values", "behaviour")),
            *self._other_axis(),
            *self._numbers(),
            *self._faults(),
        ] or self._looser_bounds()

    def pairs(self) -> list[Hypothesis]:
        """Return the pairs of conventions that explain the case."""
        return self._pairs("values", "behaviour") or self._pairs("values", "behaviour", "bound")

    def _options(self, *kinds: str) -> list[Change]:
        """Return the (convention, option)s that are not declared and play a part in the case."""
        layer, steps, declared = self.part.layer, self.part.steps, self.whole.declared
        own = relevant(declared, layer, steps)
        return [
            (name, option)
            for name, convention in CONVENTIONS.items()
            if convention.changes in kinds
            for option in convention.options
            if option != getattr(declared, name)
            and relevant(declared.but(**{name: option}), layer, steps) != own
        ]

    def _telling(self, *kinds: str) -> list[Change]:
        """Return those of the options that change all that is violated."""
        return [one for one in self._options(*kinds) if self.violated <= self._reach(one)]

    def _reach(self, change: Change) -> frozenset[str]:
        """Return the tensors that a change can move in the first violated step."""
        if change[0] not in CONVENTIONS:
            return frozenset(TENSORS)
        touches = CONVENTIONS[change[0]].touches
        return touches | OF_STATE if self.step and touches & set(RUNNING) else touches

    def _of_changes(self, choices: Iterable[tuple[Change, ...]]) -> list[Hypothesis]:
        return [hypotheses.of_changes(*changes) for changes in choices if self._hold(changes)]

    def _hold(self, changes: tuple[Change, ...]) -> bool:
        """Say whether changed conventions fit, held against more and more of the case."""
        conventions = self.whole.declared.but(**dict(changes))
        questions = *self._parts(changes), self.whole
        expectations = _fitting(questions, lambda one: one.expect(conventions))
        if expectations is None:
            return False
        of_bound = [
            name in CONVENTIONS and CONVENTIONS[name].changes == "bound" for name, _ in changes
        ]
        moved = self._moved(expectations)
        return all(of_bound) or (bool(moved) if any(of_bound) else self.violated <= moved)

    def _moved(self, expectations: Sequence[StepExpectation]) -> frozenset[str]:
        """Return what is violated and lies, under a hypothesis, beyond the usual bounds too.

        What stays within those is not explained by it, however near the answer may be.
        """
        moved = {"refusal"}
        if len(expectations) <= self.step or "refusal" in self.violated:
            return frozenset(moved)
        usual, other = self.whole.usual[self.step].tensors, expectations[self.step].tensors
        for name in self.violated & other.keys():
            value, was = np.asarray(other[name].value), usual[name]
            with np.errstate(all="ignore"):
                same = value.shape == np.shape(was.value) and bool(
                    np.all((np.abs(value - was.value) <= was.bound) | (value == was.value))
                )
            if not same:
                moved.add(name)
        return frozenset(moved)

    def _parts(self, changes: tuple[Change, ...]) -> Sequence[Question]:
        mixed = frozenset().union(*(mixes(*change) for change in changes))
        if "channels" not in mixed:
            return self._opening, self.part
        return () if "samples" in mixed else (self._opening_samples,)

    @cached_property
    def _opening(self) -> Question:
        return parts.opening(self.part)

    @cached_property
    def _opening_samples(self) -> Question:
        return parts.of_first_samples(self.whole)

    def _looser_bounds(self) -> list[Hypothesis]:
        """Return the looser bounds that suffice, the tightest first: it excuses least."""

        def width(hypothesis: Hypothesis) -> float:
            return sum(
                float(np.minimum(expected.bound, 1e300).mean())
                for step in hypotheses.expected(hypothesis, self.whole)
                for expected in step.tensors.values()
                if expected.bound.size
            )

        return sorted(self._of_changes((one,) for one in self._telling("bound")), key=width)

    def _pairs(self, *kinds: str) -> list[Hypothesis]:
        pairs = itertools.combinations(self._options(*kinds), 2)
        return self._of_changes(pair for pair in pairs if self._may_explain(*pair))

    def _may_explain(self, one: Change, other: Change) -> bool:
        """Say whether a pair can fit, by what each does alone.

        Together they must reach all that is violated, and in the first step, whose state is given,
        what one of them does to a tensor that the other does not reach is what both do.
        """
        if one[0] == other[0] or not self.violated <= self._reach(one) | self._reach(other):
            return False
        touched = CONVENTIONS[one[0]].touches, CONVENTIONS[other[0]].touches
        broken = self._broken(one), self._broken(other)
        return not (broken[0] - touched[1] or broken[1] - touched[0])

    def _broken(self, change: Change) -> frozenset[str]:
        """Return the tensors of the first step that are outside their bounds by one change."""
        if change not in self._broken_by:
            first = self._whole_first if "channels" in mixes(*change) else self._first
            expectations = first.expect(first.declared.but(**dict([change])))
            outside: list[str] = []
            for errors in first.errors(expectations):
                outside = [name for name, error in errors.items() if np.any(error > 1)]
            if not outside and not first.fits(expectations):
                outside = ["refusal"]
            self._broken_by[change] = frozenset(outside)
        return self._broken_by[change]

    @cached_property
    def _first(self) -> Question:
        return parts.up_to(self.part, 0)

    @cached_property
    def _whole_first(self) -> Question:
        return parts.up_to(self.whole, 0)

    def _other_axis(self) -> list[Hypothesis]:
        if self.whole.layer.channel_axis is not None:
            return []
        axis = -1 if self.whole.declared.default_channel_axis == 1 else 1
        one = hypotheses.of_changes(("default_channel_axis", axis))
        return [one] if hypotheses.holds(one, self.whole) else []

    def _numbers(self) -> list[Hypothesis]:
        """Recover an epsilon or a weight of the new batch from the first violated step."""
        found = []
        for subject, touched in NUMBERS.items():
            if not self.violated <= touched:
                continue
            call = self.part.call(self.step)
            number, _ = FITS[subject](call, self.whole.declared)
            if number is None or is_declared(call, subject, number, self.whole.declared):
                continue
            if any(self._fits_with(subject, value) for value in number.candidates()):
                own = self.whole.layer
                if getattr(own, subject) is None and own.raw_momentum is None:
                    found.append(hypotheses.of_number(f"default_{subject}", number))
                found.append(hypotheses.of_number(subject, number))
        return found

    def _fits_with(self, subject: str, number: float) -> bool:
        """Say whether another epsilon or momentum fits the whole case."""
        if not self.violated <= NUMBERS[subject.removeprefix("default_")]:
            return False
        expectations = _fitting(
            self._part_and_whole, lambda one: hypotheses.with_number(one, subject, number)
        )
        return expectations is not None and self.violated <= self._moved(expectations)

    def _faults(self) -> list[Hypothesis]:
        found = [fault for fault in FAULTS.values() if self._has(fault)]
        found = [fault for fault in found if not fault.general] or found
        return list(map(hypotheses.of_fault, found))

    def _has(self, fault: Fault) -> bool:
        if not self.violated <= fault.touches:
            return False
        questions = (self.whole,) if fault.mixes_channels else self._part_and_whole
        return all(one.fits(fault.expectations(one)) for one in questions)

    @cached_property
    def _part_and_whole(self) -> tuple[Question, ...]:
        return (self.whole,) if self.part is self.whole else (self.part, self.whole)


def _fitting(
    questions: Iterable[Question], expect: Callable[[Question], list[StepExpectation]]
) -> list[StepExpectation] | None:
    """Return what the last of some questions expects where all fit, asked one after the other."""
    expectations = None
    for one in questions:
        expectations = expect(one)
        if not one.fits(expectations):
            return None
    return expectations
