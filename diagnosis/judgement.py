"""The verdict on what a layer answered: inside its bounds or not, and by which convention."""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from diagnosis.judged import Judgement, Worst
from diagnosis.sharpness import hazard, relative_errors, widest
from records.hypothesis import named
from records.verdict import Verdict
from reference.conventions import CANONICAL, CONVENTIONS, Conventions
from reference.expected import (
    OPTIONAL,
    TENSORS,
    Expected,
    StepExpectation,
    expect,
    relevant,
    strays,
)
from reference.float_formats import FORMATS
from reference.layer import Layer, Step

RUNNING = ("running_mean", "running_var")
"""The tensors through which a step has a part in the next ones."""


@dataclass(frozen=True)
class Answered:
    """A layer's answer: the tensors of each step, and the words of a refusal of the next one.

    `withheld` names the tensors that the layer does not give; nothing is asked of them.
    """

    steps: Sequence[Mapping[str, np.ndarray]]
    refusal: str | None = None
    withheld: frozenset[str] = frozenset()


def judge(
    layer: Layer,
    steps: Sequence[Step],
    answered: Answered,
    declared: Conventions,
    exact: Sequence[str] = (),
    shared: Callable[[Conventions], list[StepExpectation]] | None = None,
) -> list[Judgement]:
    """Judge every tensor of every step under the declared conventions.

    A tensor inside its bound conforms, or differs where the canonical conventions would put it
    outside; outside its bound it violates. Inside a bound that is wider than the values of some
    channel it is undecided, whatever the other channels are: they conform, or differ as it says.
    A refusal differs where a declared convention says so.
    `shared` gives what conventions expect of the case, whatever the answer, where the caller keeps
    that for several targets.
    """

    def expectations(conventions):
        expected = shared(conventions) if shared else expect(layer, steps, conventions, exact)
        if strays(expected, answered.steps):
            return expect(layer, steps, conventions, exact, answered.steps)
        return expected

    alternatives = _Alternatives(expectations, declared, layer, steps)
    judgements = []
    for number, expectation in enumerate(alternatives.of(declared)):
        if expectation.refused_by:
            judgements.append(_refusal(number, expectation.refused_by, answered, declared))
            break
        if number >= len(answered.steps):
            detail = f"step {number} was refused: {answered.refusal or 'no answer'}"
            judgements.append(Judgement(Verdict.RAISED, "", number, detail=detail))
            break
        answer = answered.steps[number]
        complaint = malformed(answer, expectation, layer.dtype, answered.withheld)
        if complaint:
            # Without an axis in the case, the shape of the statistics is the layer's own choice.
            own_axis = layer.channel_axis is None and "shape" in complaint
            verdict = Verdict.VIOLATES if own_axis else Verdict.BROKEN_ADAPTER
            judgements.append(Judgement(verdict, "", number, detail=complaint))
            break
        for tensor, expected in expectation.tensors.items():
            if tensor in answer:
                observed = np.asarray(answer[tensor])
                judgements.append(_judge_tensor(number, tensor, observed, expected, alternatives))
            elif tensor in answered.withheld:
                detail = f"the framework does not give {tensor}"
                judgements.append(Judgement(Verdict.DECLINED, tensor, number, detail=detail))
    else:
        if answered.refusal is not None:
            detail = f"raised after its last step: {answered.refusal}"
            judgements.append(Judgement(Verdict.RAISED, "", len(steps), detail=detail))
    return judgements


def malformed(
    answer: Mapping[str, np.ndarray],
    expectation: StepExpectation,
    dtype: str,
    withheld: frozenset[str] = frozenset(),
) -> str | None:
    """Say what is wrong with the form of an answer: a tensor missing, its shape or its dtype."""
    # A layer chooses what it keeps its state in; what that costs is told by the bounds.
    own = dict.fromkeys(("y", "dx", *OPTIONAL), (dtype,))
    valid: dict[str, tuple[str, ...]] = {**dict.fromkeys(TENSORS, (dtype, "float32")), **own}
    for tensor, expected in expectation.tensors.items():
        if tensor not in answer:
            if tensor in OPTIONAL or tensor in withheld:
                continue
            return f"the answer has no {tensor}"
        observed = answer[tensor]
        if observed.shape != np.shape(expected.value):
            return (
                f"{tensor} has the shape {observed.shape}, should have {np.shape(expected.value)}"
            )
        if observed.dtype.name not in valid[tensor]:
            names = " or ".join(dict.fromkeys(valid[tensor]))
            return f"{tensor} has the dtype {observed.dtype.name}, should have {names}"
    return None


def error_over_bound(observed: np.ndarray, expected: Expected) -> np.ndarray:
    """Return |observed - expected| / bound elementwise; at most 1 is correct.

    Equal values give 0, also where both are NaN or where the expected value rounds to the same
    infinity in the observed dtype. An infinite bound makes no claim and gives 0, but for a NaN in
    place of a number. Below the least possible value the bound ends there.
    """
    wide = np.asarray(expected.value)
    value = observed.astype(wide.dtype)
    bound = _bound_at(value, expected)
    with np.errstate(all="ignore"):
        ratio = (np.abs(value - wide) / bound).astype(np.float64)
    if np.isfinite(ratio).all():  # nearly always; what follows is for the numbers that are none
        return ratio
    threshold = FORMATS[observed.dtype.name].overflow_threshold
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.abs(value - wide)
        ratio = np.where(error == 0, 0.0, (error / bound).astype(np.float64))
        overflows = np.isinf(value) & (np.sign(value) == np.sign(wide))
        overflows &= np.abs(wide) + bound >= threshold
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    lost = np.isnan(value) & np.isfinite(wide) & (not expected.may_be_nan)
    equal = overflows | (np.isinf(bound) & ~lost) | (np.isnan(value) & np.isnan(wide))
    return np.where(equal, 0.0, ratio)


def is_within(observed: np.ndarray, expected: Expected) -> bool:
    """Say whether every element is at most one bound from its expected value."""
    wide = np.asarray(expected.value)
    value = observed.astype(wide.dtype)
    bound = _bound_at(value, expected)
    with np.errstate(all="ignore"):
        error = np.abs(value - wide)
        outside = ~(error <= bound)
    if not outside.any():
        return True
    with np.errstate(all="ignore"):
        ratio = (error[outside] / bound[outside]).astype(np.float64)
    if np.isfinite(ratio).all():
        return not np.any(ratio > 1)  # division rounds: what is told as 1 is within
    return not np.any(error_over_bound(observed, expected) > 1)


def _bound_at(value: np.ndarray, expected: Expected) -> np.ndarray:
    """Return the bounds that observed values meet: below the least possible one, the way to it."""
    if not np.any(value < expected.least):
        return expected.bound
    room = np.maximum(expected.value - expected.least, 0)
    return np.where(value < expected.least, np.minimum(expected.bound, room), expected.bound)


class _Alternatives:
    """What other conventions would expect, computed once each and only when asked for."""

    def __init__(self, expectations, declared: Conventions, layer: Layer, steps: Sequence[Step]):
        self._expectations = expectations
        self._declared = declared
        self._relevant = functools.cache(lambda one: relevant(one, layer, steps))
        self._expected: dict[Conventions, list[StepExpectation]] = {}

    def of(self, conventions: Conventions) -> list[StepExpectation]:
        """Return what the conventions expect, as far as they play a part in the case."""
        own = self._relevant(conventions)
        if own not in self._expected:
            self._expected[own] = self._expectations(own)
        return self._expected[own]

    def _tensor(self, conventions: Conventions, step: int, tensor: str) -> Expected | None:
        steps = self.of(conventions)
        return steps[step].tensors.get(tensor) if step < len(steps) else None

    def canonical(self, step: int, tensor: str) -> Expected | None:
        return self._tensor(CANONICAL, step, tensor)

    def explanation(
        self, step: int, tensor: str, observed: np.ndarray
    ) -> tuple[tuple[str, object], ...]:
        """Return the fewest declared deviations that put this tensor in its bound."""
        deviations = {
            field: option
            for field, option in self._relevant(self._declared).deviations().items()
            if _moves(field, step, tensor)
        }
        for size in range(1, len(deviations)):
            for fields in itertools.combinations(deviations, size):
                chosen = {field: deviations[field] for field in fields}
                if _fits(observed, self._tensor(CANONICAL.but(**chosen), step, tensor)):
                    return tuple(chosen.items())
        return tuple(deviations.items())  # the declared conventions fit, and these are all of them


def _moves(field: str, step: int, tensor: str) -> bool:
    """Say whether a convention has a part in a tensor: in its step, or through the state there."""
    if field not in CONVENTIONS:
        return True
    touches = CONVENTIONS[field].touches
    return tensor in touches or (step > 0 and not touches.isdisjoint(RUNNING))


def _fits(observed: np.ndarray, expected: Expected | None) -> bool:
    if expected is None or np.shape(expected.value) != observed.shape:
        return False
    return is_within(observed, expected)


def _refusal(number, field, answered: Answered, declared: Conventions) -> Judgement:
    convention = field, getattr(declared, field)
    if len(answered.steps) > number or answered.refusal is None:
        detail = f"step {number} was answered, should be refused by {named([convention])}"
        return Judgement(Verdict.VIOLATES, "", number, detail=detail)
    detail = f"step {number} is refused by {named([convention])}: {answered.refusal}"
    return Judgement(Verdict.DIFFERS, "", number, differs_by=(convention,), detail=detail)


def _judge_tensor(step, tensor, observed, expected: Expected, alternatives) -> Judgement:
    ratio = error_over_bound(observed, expected)
    canonical = alternatives.canonical(step, tensor)
    if canonical is not None and np.shape(canonical.value) != observed.shape:
        canonical = None
    worst = _worst(ratio, observed, expected, canonical)
    largest = float(ratio.max(initial=0.0))
    with np.errstate(invalid="ignore", over="ignore"):
        ulp = FORMATS[observed.dtype.name].ulp(np.asarray(expected.value, np.float64))
        distance = np.abs(observed.astype(np.float64) - np.asarray(expected.value, np.float64))
        max_ulp = float(np.max(distance / ulp, initial=0.0, where=ratio > 0))
    verdict, differs_by = Verdict.CONFORMS, ()
    if largest > 1:
        verdict = Verdict.VIOLATES
    elif canonical is not expected and not _fits(observed, canonical):
        verdict = Verdict.DIFFERS
        differs_by = alternatives.explanation(step, tensor, observed)
    if expected.open_channels and verdict is not Verdict.VIOLATES:
        verdict = Verdict.UNDECIDED
    errors = None if verdict is Verdict.CONFORMS else relative_errors(observed, expected)
    error = None if errors is None else float(errors.max())
    costly = hazard(error, observed.dtype.name, differs_by)
    return Judgement(
        verdict,
        tensor,
        step,
        differs_by=differs_by,
        error_over_bound=largest,
        max_ulp=max_ulp,
        bound_over_scale=widest(expected),
        open_channels=expected.open_channels,
        relative_error=error,
        hazard=costly,
        lost=_worst(errors, observed, expected, canonical) if costly else None,
        worst=worst,
    )


def _worst(ratio, observed, expected: Expected, canonical: Expected | None) -> Worst | None:
    if ratio.size == 0:
        return None
    index = np.unravel_index(np.argmax(ratio), ratio.shape)
    return Worst(
        index=tuple(map(int, index)),
        observed=float(observed[index]),
        expected=float(expected.value[index]),
        canonical=None if canonical is None else float(canonical.value[index]),
        bound=float(expected.bound[index]),
    )
