"""What a fault is, the registry of faults, and what they are made from."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from diagnosis.judgement import RUNNING
from diagnosis.question import Question
from reference.expected import Expected, StepExpectation
from reference.float_formats import FORMATS
from reference.layer import Layer, axis_of, state_of
from reference.sums import OPERATIONS

Expectations = list[StepExpectation]


@dataclass(frozen=True)
class Fault:
    """A named fault: one sentence, and what a layer with it answers to a question.

    `touches` names the tensors that it changes within one step. A `general` fault covers others
    too, and is named only where none of those fits; one that mixes channels cannot be recognised
    by looking at some of them.
    """

    name: str
    sentence: str
    touches: frozenset[str]
    expectations: Callable[[Question], Expectations]
    general: bool = False
    mixes_channels: bool = False


FAULTS: dict[str, Fault] = {}
"""The faults that the search looks for in any layer."""

PECULIAR: dict[str, Fault] = {}
"""What one framework does at one edge: nothing to look for elsewhere, but known by its name."""


def fault(sentence: str, touches: str, registry: dict[str, Fault] = FAULTS, **kind: bool):
    def register(function):
        name = function.__name__
        registry[name] = Fault(name, sentence, frozenset(touches.split()), function, **kind)
        return function

    return register


def peculiar(sentence: str, touches: str):
    return fault(sentence, touches, PECULIAR)


def changed(expectation: StepExpectation, **tensors) -> StepExpectation:
    return replace(expectation, tensors={**expectation.tensors, **tensors})


def widened(expectation: StepExpectation, name: str, more: np.ndarray | float) -> StepExpectation:
    """Return an expectation that bounds one tensor by so much more; a refusal as it is."""
    if not expectation.tensors:
        return expectation
    one = expectation.tensors[name]
    return changed(expectation, **{name: replace(one, bound=one.bound + more)})


def moved(layer: Layer, expected: Expected, value: np.ndarray) -> Expected:
    """Return a faulty value with twice the correct one's bound, and its own roundings."""
    unit = FORMATS[layer.dtype].unit_roundoff
    return Expected(value, 2 * expected.bound + 2 * OPERATIONS * unit * np.abs(value))


def with_state(question: Question) -> Layer:
    """Return the layer with its initial state written out."""
    channels = question.steps[0].x.shape[axis_of(question.layer, question.declared)]
    gamma, beta, mean, var = state_of(question.layer, channels, question.declared)
    return replace(question.layer, gamma=gamma, beta=beta, running_mean=mean, running_var=var)


def state_before(question, number) -> dict[str, np.ndarray]:
    """Return the running statistics before a step, as the layer itself told them."""
    layer = question.call(number).layer
    start = {
        "running_mean": 0.0,
        "running_var": float(question.declared.initial_running_var == "one"),
    }
    channels = question.steps[0].x.shape[axis_of(layer, question.declared)]
    return {
        name: np.full(channels, start[name])
        if getattr(layer, name) is None
        else np.asarray(getattr(layer, name), np.float64)
        for name in RUNNING
    }
