"""Why a layer is outside its bounds: the hypotheses under which every tensor of a case fits.

The search goes from the simple to the far-fetched and stops where something fits: one convention
changed, a number other than the declared one or a known fault; a looser bound, which explains any
noise and therefore comes after those; two conventions changed. It first looks at the channels that
are worst, where a hypothesis fails fast, and holds what is left against the whole case. (Statistics
of a channel depend on it alone; hypotheses that mix channels go to the whole case at once.)
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diagnosis.faults import FAULTS, Fault
from diagnosis.fitting import Interval, fit_epsilon, fit_momentum
from diagnosis.question import Question
from reference.conventions import CONVENTIONS
from reference.expected import StepExpectation
from reference.layer import Layer, epsilon_of, weight_of_batch

NUMBERS = {
    "epsilon": (fit_epsilon, {"y", "dx", "dgamma", "running_var"}),
    "momentum": (fit_momentum, {"running_mean", "running_var"}),
}
"""The numbers that are recovered: how, and the tensors that depend on them within one step."""

MIXES_CHANNELS = {("normalizer", "per_sample")}


@dataclass(frozen=True)
class Hypothesis:
    """One explanation: a name such as `running_variance=biased`, and one sentence.

    A number that was recovered comes with its interval, and `name` is the number's name alone.
    """

    name: str
    sentence: str
    interval: Interval | None = None

    def __str__(self):
        return self.name if self.interval is None else f"{self.name}={self.interval.best:.8g}"


def diagnose(question: Question) -> list[Hypothesis]:
    """Return the simplest hypotheses under which every tensor of the case is within its bound.

    Several that fit cannot be told apart by this case; none means that the search found nothing.
    """
    if not question.steps or question.fits(question.usual):
        return []
    search = _Search(question)
    return (
        search.one_convention("values", "behaviour")
        + search.other_axis()
        + search.fitted_numbers()
        + search.faults()
        or search.looser_bound()
        or search.two_conventions(("values", "behaviour"))
        or search.two_conventions(("values", "behaviour", "bound"))
    )


def describe(hypotheses: Sequence[Hypothesis]) -> str:
    """Say in one sentence what would explain a violation."""
    if not hypotheses:
        return "no convention, number or known fault explains it, alone or in pairs"
    first = hypotheses[0]
    line = f"explained by {first}: {first.sentence}"
    others = len(hypotheses) - 1
    return line if not others else f"{line} (or by {', '.join(map(str, hypotheses[1:]))})"


class _Search:
    """The stages of the search; what they share is computed once."""

    def __init__(self, whole: Question):
        self.whole = whole
        self.part = whole.worst_part()
        self.violated = self.part.first_violated()

    def one_convention(self, *kinds: str) -> list[Hypothesis]:
        return self._changed([(one,) for one in self._candidates(kinds)])

    def looser_bound(self) -> list[Hypothesis]:
        """Return the looser bounds that suffice, the tightest first: it excuses least."""

        def width(hypothesis: Hypothesis) -> float:
            field, option = hypothesis.name.split("=")
            conventions = self.whole.declared.but(**{field: option})
            return sum(
                float(np.minimum(expected.bound, 1e300).mean())
                for step in self.whole.expect(conventions)
                for expected in step.tensors.values()
                if expected.bound.size
            )

        return sorted(self.one_convention("bound"), key=width)

    def two_conventions(self, kinds: tuple[str, ...]) -> list[Hypothesis]:
        usual = self.part.usual
        telling = [
            (field, option)
            for field, option in self._candidates(kinds, any_touch=True)
            if (field, option) in MIXES_CHANNELS
            or not _same(usual, self.part.expect(self.part.declared.but(**{field: option})))
        ]
        pairs = itertools.combinations(telling, 2)
        return self._changed([(one, two) for one, two in pairs if one[0] != two[0]])

    def _candidates(self, kinds, any_touch=False) -> list[tuple[str, str]]:
        """Return the (convention, option)s that are not declared and touch what is violated."""
        found = []
        for field, convention in CONVENTIONS.items():
            touched = convention.touches & self.violated
            if convention.changes in kinds and (any_touch or touched == self.violated):
                declared = getattr(self.whole.declared, field)
                found += [(field, option) for option in convention.options if option != declared]
        return found

    def _changed(self, choices) -> list[Hypothesis]:
        found = []
        for chosen in choices:
            conventions = self.whole.declared.but(**dict(chosen))
            mixes = any(one in MIXES_CHANNELS for one in chosen)
            if not mixes and not self.part.fits(self.part.expect(conventions)):
                continue
            if self.whole.fits(self.whole.expect(conventions)):
                name = ", ".join(f"{field}={option}" for field, option in chosen)
                meaning = "; ".join(
                    f"{CONVENTIONS[field].question} {CONVENTIONS[field].options[option]}"
                    for field, option in chosen
                )
                found.append(Hypothesis(name, meaning))
        return found

    def other_axis(self) -> list[Hypothesis]:
        if self.whole.layer.channel_axis is not None:
            return []
        axis = -1 if self.whole.declared.default_channel_axis == 1 else 1
        conventions = self.whole.declared.but(default_channel_axis=axis)
        if not self.whole.fits(self.whole.expect(conventions)):
            return []
        return [Hypothesis(f"default_channel_axis={axis}", "a bare constructor takes another axis")]

    def fitted_numbers(self) -> list[Hypothesis]:
        """Recover an epsilon or a weight of the new batch from the first training step."""
        found = []
        trained = self.part.first_training_step()
        for field, (fit, touches) in NUMBERS.items():
            if not trained or not self.violated <= touches:
                continue
            interval = fit(*trained, self.whole.declared)
            if not interval or interval.high < 0 or self._is_declared(field, interval):
                continue
            if any(self.fits_with(field, number) for number in interval.samples()):
                own = self.whole.layer
                if getattr(own, field) is None and own.raw_momentum is None:
                    found.append(fitted(f"default_{field}", interval))
                found.append(fitted(field, interval))
        return found

    def _is_declared(self, field: str, interval: Interval) -> bool:
        """Say whether an interval holds the number that the layer was given, or its default."""
        number_of = {"epsilon": epsilon_of, "momentum": weight_of_batch}[field]
        number = number_of(self.whole.layer, self.whole.declared)
        return interval.low <= number <= interval.high

    def fits_with(self, field: str, number: float) -> bool:
        """Say whether another epsilon or momentum fits the whole case."""
        return all(
            one.fits(one.expect(one.declared, _with_number(one.layer, field, number)))
            for one in (self.part, self.whole)
        )

    def faults(self) -> list[Hypothesis]:
        found = [fault for fault in FAULTS.values() if self._has(fault)]
        found = [fault for fault in found if not fault.general] or found
        return [Hypothesis(fault.name, fault.sentence) for fault in found]

    def _has(self, fault: Fault) -> bool:
        if not self.violated <= fault.touches:
            return False
        questions = (self.whole,) if fault.mixes_channels else (self.part, self.whole)
        return all(
            one.fits(fault.expectations(one.layer, one.steps, one.declared)) for one in questions
        )


def _with_number(layer: Layer, field: str, number: float) -> Layer:
    if field == "momentum":
        return replace(layer, momentum=number, raw_momentum=None)
    return replace(layer, epsilon=number)


def fitted(name: str, interval: Interval) -> Hypothesis:
    """Return the hypothesis that a number is one of an interval."""
    what = "an epsilon" if name.endswith("epsilon") else "a weight of the new batch"
    return Hypothesis(name, f"{what} of {interval} gives these numbers", interval)


def _same(one: Sequence[StepExpectation], other: Sequence[StepExpectation]) -> bool:
    if [step.refused_by for step in one] != [step.refused_by for step in other]:
        return False
    return all(
        np.array_equal(a.tensors[name].value, b.tensors[name].value, equal_nan=True)
        and np.array_equal(a.tensors[name].bound, b.tensors[name].bound, equal_nan=True)
        for a, b in zip(one, other, strict=True)
        for name in a.tensors
    )


def holds(name: str, question: Question) -> bool:
    """Say whether a hypothesis, by its name, fits a case: a convention, a number or a fault."""
    if name in FAULTS:
        fault = FAULTS[name]
        return question.fits(fault.expectations(question.layer, question.steps, question.declared))
    changed = dict(part.split("=") for part in name.split(", "))
    if changed.keys() <= CONVENTIONS.keys():
        return question.fits(question.expect(question.declared.but(**changed)))
    ((field, number),) = changed.items()
    if field == "default_channel_axis":
        conventions = question.declared.but(default_channel_axis=int(number))
        return question.fits(question.expect(conventions))
    field = field.removeprefix("default_")
    layer = _with_number(question.layer, field, float(number))
    return question.fits(question.expect(question.declared, layer))
