"""Faults of the backward pass."""

from dataclasses import replace

import numpy as np

from diagnosis.faults.fault import changed, fault, moved
from reference.conventions import Conventions
from reference.expected import Expected, StepExpectation, expect
from reference.float_formats import FORMATS, wider_dtype
from reference.layer import Step, axis_of, epsilon_of, trains
from reference.layout import channel_major, from_channel_major
from reference.sums import OPERATIONS


def has_gradients(step: Step, one: StepExpectation, conventions: Conventions) -> bool:
    return trains(step, conventions) and "dx" in one.tensors and step.x.size > 0


def gradient_parts(question, step):
    """Return axis, dy and x_hat, channel-major, and gamma / std of a training step with dy."""
    layer, conventions = question.layer, question.declared
    axis = axis_of(layer, conventions)
    wide = wider_dtype(layer.dtype)
    x = channel_major(step.x, axis, wide)
    dy = channel_major(step.dy, axis, wide)
    centred = x - mean_of(x)
    inverse = 1 / np.sqrt(mean_of(np.square(centred)) + epsilon_of(layer, conventions))
    gamma = np.ones(x.shape[0]) if layer.gamma is None else np.asarray(layer.gamma, wide)
    return axis, dy, centred * inverse, gamma[:, None, None] * inverse


def _dx_fault(change):
    """Make the expectations of a fault that shows in the dx of training steps only."""

    def expectations(question):
        result = []
        for step, one in zip(question.steps, question.usual, strict=False):
            if has_gradients(step, one, question.declared):
                axis, dy, x_hat, factor = gradient_parts(question, step)
                value = from_channel_major(change(dy, x_hat, factor), axis, step.x.shape)
                one = changed(one, dx=moved(question.layer, one.tensors["dx"], value))
            result.append(one)
        return result

    return expectations


def mean_of(array):
    return array.mean(axis=(1, 2), keepdims=True)


@fault("dx lacks the term of the mean: mean(dy) is not subtracted", "dx")
def dx_without_mean_term(question):
    change = _dx_fault(lambda dy, x_hat, factor: factor * (dy - x_hat * mean_of(dy * x_hat)))
    return change(question)


@fault("dx lacks the term of the variance: x_hat mean(dy x_hat) is not subtracted", "dx")
def dx_without_variance_term(question):
    return _dx_fault(lambda dy, x_hat, factor: factor * (dy - mean_of(dy)))(question)


@fault(
    "the gradient of the variance is 2 x / n in place of 2 (x - mean) / n: of E[x^2] - E[x]^2, "
    "with no gradient through E[x]",
    "dx",
)
def variance_gradient_uncentred(question):
    layer, conventions = question.layer, question.declared
    axis = axis_of(layer, conventions)
    result = []
    for step, one in zip(question.steps, question.usual, strict=False):
        if has_gradients(step, one, conventions):
            _, dy, x_hat, factor = gradient_parts(question, step)
            x = channel_major(step.x, axis, wider_dtype(layer.dtype))
            inverse = 1 / np.sqrt(
                mean_of(np.square(x - mean_of(x))) + epsilon_of(layer, conventions)
            )
            value = factor * (dy - mean_of(dy) - x * inverse * mean_of(dy * x_hat))
            value = from_channel_major(value, axis, step.x.shape)
            # x in place of x - mean makes the terms, and so their roundings, that much larger
            larger = from_channel_major(
                np.abs(factor * x * inverse) * np.abs(mean_of(np.abs(dy * x_hat))),
                axis,
                step.x.shape,
            )
            near = moved(layer, one.tensors["dx"], value)
            unit = FORMATS[layer.dtype].unit_roundoff
            bound = near.bound + OPERATIONS * unit * np.asarray(larger, np.float64)
            one = changed(one, dx=replace(near, bound=bound))
        result.append(one)
    return result


@fault("dx lacks gamma", "dx")
def dx_without_gamma(question):
    layer = question.layer
    if layer.gamma is None:
        return question.usual
    without = replace(layer, gamma=np.ones_like(layer.gamma))
    others = expect(without, question.steps, question.declared)
    return [
        changed(one, dx=other.tensors["dx"]) if "dx" in one.tensors else one
        for one, other in zip(question.usual, others, strict=True)
    ]


@fault(
    "dgamma is multiplied by x instead of x_hat's centred value: the mean's term is missing",
    "dgamma",
)
def dgamma_without_mean_term(question):
    layer, conventions = question.layer, question.declared
    result = []
    for step, one in zip(question.steps, question.usual, strict=False):
        if has_gradients(step, one, conventions):
            axis, dy, _, _ = gradient_parts(question, step)
            x = channel_major(step.x, axis, wider_dtype(layer.dtype))
            variance = np.square(x - mean_of(x)).mean(axis=(1, 2))
            value = (dy * x).sum(axis=(1, 2)) / np.sqrt(variance + epsilon_of(layer, conventions))
            one = changed(one, dgamma=moved(layer, one.tensors["dgamma"], value))
        result.append(one)
    return result


@fault("gradients of gamma and beta are added up over the steps", "dgamma dbeta")
def gradients_accumulated(question):
    totals = {}
    result = []
    for one in question.usual:
        if "dgamma" in one.tensors:
            for name in ("dgamma", "dbeta"):
                before = totals.get(name)
                now = one.tensors[name]
                if before is not None:
                    now = Expected(before.value + now.value, 2 * (before.bound + now.bound))
                totals[name] = now
            one = changed(one, **totals)
        result.append(one)
    return result


@fault("the gradients of gamma and beta are means where they should be sums", "dgamma dbeta")
def parameter_gradients_averaged(question):
    x = question.steps[0].x
    count = max(x.size // max(x.shape[axis_of(question.layer, question.declared)], 1), 1)
    return [
        changed(
            one,
            **{
                name: Expected(one.tensors[name].value / count, one.tensors[name].bound / count)
                for name in ("dgamma", "dbeta")
                if name in one.tensors
            },
        )
        for one in question.usual
    ]


@fault("the gradients of gamma and beta are swapped", "dgamma dbeta")
def dgamma_and_dbeta_swapped(question):
    return [
        changed(one, dgamma=one.tensors["dbeta"], dbeta=one.tensors["dgamma"])
        if "dgamma" in one.tensors
        else one
        for one in question.usual
    ]
