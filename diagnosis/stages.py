"""The number that suits one combination of conventions best, at each stage of a call."""

from dataclasses import replace

import numpy as np

from diagnosis import blocks
from diagnosis.fitting import LIKELIEST, Number, fit_epsilon, fit_momentum
from diagnosis.hypotheses import numbered
from diagnosis.leftover import errors_in_bounds, held
from diagnosis.question import GRADIENTS, Question
from reference.conventions import Conventions
from reference.expected import expect

Ratios = dict[str, float]
"""The largest error/bound of each tensor; NaN counts as infinitely far."""

STAYS = Number.exactly(0.0)
"""The weight of a batch that does not move the running statistics."""


def best_epsilon(question: Question, conventions: Conventions) -> tuple[Number, Ratios]:
    """Return the epsilon that puts y within its bounds, or else the likeliest."""
    number, nearest = fit_epsilon(question.call(0), conventions)
    for epsilon in number.candidates() if number else ():
        found = ratios(question, conventions, epsilon, 0.0, ("y",))
        if number and found["y"] <= 1:
            return number.at(epsilon), found
    return Number.exactly(nearest), ratios(question, conventions, nearest, 0.0, ("y",))


def usual_epsilon(question: Question, conventions: Conventions) -> tuple[Number, Ratios]:
    """Return the epsilon under which y is nearest, a usual one where that is about as near."""
    given = () if question.layer.epsilon is None else (question.layer.epsilon,)
    _, nearest = fit_epsilon(question.call(0), conventions)
    tried = {
        epsilon: ratios(question, conventions, epsilon, 0.0, ("y",))
        for epsilon in (*given, *LIKELIEST["epsilon"], nearest)
    }
    least = min(found["y"] for found in tried.values())
    epsilon = next(one for one, found in tried.items() if not found["y"] > 2 * least)
    return Number.exactly(epsilon), tried[epsilon]


def settled_epsilon(
    question: Question, conventions: Conventions, epsilon: Number, names: tuple[str, ...]
) -> tuple[Number, Ratios]:
    """Return the epsilon, of those that y allows, that suits the gradients best."""
    tried = []
    for value in epsilon.candidates():
        found = ratios(question, conventions, value, 0.0, names)
        tried.append((epsilon.at(value), found))
        if max(found.values()) <= 1:
            break
    return min(tried, key=lambda one: max(one[1].values()))


def best_weight(
    question: Question, conventions: Conventions, epsilon: float, names: tuple[str, ...]
) -> tuple[Number, Ratios]:
    """Return the weight of the batch that explains the running statistics, or the likeliest."""
    call = question.call(0)
    call = replace(call, layer=replace(call.layer, epsilon=epsilon))
    number, nearest = fit_momentum(call, conventions)
    for weight in number.candidates() if number else ():
        found = ratios(question, conventions, epsilon, weight, names)
        if number and max(found.values()) <= 1:
            return (STAYS if weight == 0 and number.high < 1e-3 else number.at(weight)), found
    return Number.exactly(nearest), ratios(question, conventions, epsilon, nearest, names)


def ratios(
    question: Question,
    conventions: Conventions,
    epsilon: float,
    weight: float,
    names: tuple[str, ...],
) -> Ratios:
    """Return how far some tensors of a call are from what conventions with numbers expect."""
    found = [
        _ratios(part, conventions, epsilon, weight, names)
        for part in blocks.of_question(question, conventions)
    ]
    return {name: max(one[name] for one in found) for name in names}


@np.errstate(all="ignore")
def _ratios(question, conventions: Conventions, epsilon: float, weight: float, names) -> Ratios:
    step, answer = question.steps[0], question.answered.steps[0]
    if not set(names) & set(GRADIENTS):
        step = replace(step, dy=None)
    layer = numbered(question.layer, epsilon=epsilon, momentum=weight)
    loose = expect(layer, [step], conventions)
    call = layer, [step], conventions, question.declared
    tensors = held(loose, lambda tight: expect(layer, [step], tight), *call)[0].tensors
    return {name: float(errors_in_bounds(answer[name], tensors[name]).max()) for name in names}
