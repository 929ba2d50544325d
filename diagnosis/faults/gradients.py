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


def _has_gradients(step: Step, one: StepExpectation, conventions: Conventions) -> bool:
    return trains(step, conventions) and "dx" in one.tensors and step.x.size > 0


def _gradient_parts(layer, step, expectation, conventions):
    """Return axis, dy and x_hat, channel-major, and gamma / std of a training step with dy."""
    axis = axis_of(layer, conventions)
    wide = wider_dtype(layer.dtype)
    x = channel_major(step.x, axis, wide)
    dy = channel_major(step.dy, axis, wide)
    centred = x - _mean(x)
    inverse = 1 / np.sqrt(_mean(np.square(centred)) + epsilon_of(layer, conventions))
    gamma = np.ones(x.shape[0]) if layer.gamma is None else np.asarray(layer.gamma, wide)
    return axis, dy, centred * inverse, gamma[:, None, None] * inverse


def _gradient_fault(change):
    """Make the expectations of a fault that shows in the gradients of training steps only."""

    def expectations(layer, steps, conventions):
        result = []
        for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
            if _has_gradients(step, one, conventions):
                axis, dy, x_hat, factor = _gradient_parts(layer, step, one, conventions)
                name, value = change(dy, x_hat, factor)
                if name == "dx":
                    value = from_channel_major(value, axis, step.x.shape)
                one = changed(one, **{name: moved(layer, one.tensors[name], value)})
            result.append(one)
        return result

    return expectations


def _mean(array):
    return array.mean(axis=(1, 2), keepdims=True)


@fault("dx lacks the term of the mean: mean(dy) is not subtracted", "dx")
def dx_without_mean_term(layer, steps, conventions):
    change = _gradient_fault(
        lambda dy, x_hat, factor: ("dx", factor * (dy - x_hat * _mean(dy * x_hat)))
    )
    return change(layer, steps, conventions)


@fault("dx lacks the term of the variance: x_hat mean(dy x_hat) is not subtracted", "dx")
def dx_without_variance_term(layer, steps, conventions):
    change = _gradient_fault(lambda dy, x_hat, factor: ("dx", factor * (dy - _mean(dy))))
    return change(layer, steps, conventions)


@fault(
    "the gradient of the variance is 2 x / n in place of 2 (x - mean) / n: of E[x^2] - E[x]^2, "
    "with no gradient through E[x]",
    "dx",
)
def variance_gradient_uncentred(layer, steps, conventions):
    axis = axis_of(layer, conventions)
    result = []
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        if _has_gradients(step, one, conventions):
            _, dy, x_hat, factor = _gradient_parts(layer, step, one, conventions)
            x = channel_major(step.x, axis, wider_dtype(layer.dtype))
            inverse = 1 / np.sqrt(_mean(np.square(x - _mean(x))) + epsilon_of(layer, conventions))
            value = factor * (dy - _mean(dy) - x * inverse * _mean(dy * x_hat))
            value = from_channel_major(value, axis, step.x.shape)
            # x in place of x - mean makes the terms, and so their roundings, that much larger
            larger = from_channel_major(
                np.abs(factor * x * inverse) * np.abs(_mean(np.abs(dy * x_hat))), axis, step.x.shape
            )
            near = moved(layer, one.tensors["dx"], value)
            unit = FORMATS[layer.dtype].unit_roundoff
            bound = near.bound + OPERATIONS * unit * np.asarray(larger, np.float64)
            one = changed(one, dx=replace(near, bound=bound))
        result.append(one)
    return result


@fault("dx lacks gamma", "dx")
def dx_without_gamma(layer, steps, conventions):
    result = []
    for one in expect(layer, steps, conventions):
        if "dx" in one.tensors and layer.gamma is not None:
            without = replace(layer, gamma=np.ones_like(layer.gamma))
            others = expect(without, steps, conventions)
            one = changed(one, dx=others[len(result)].tensors["dx"])
        result.append(one)
    return result


@fault(
    "dgamma is multiplied by x instead of x_hat's centred value: the mean's term is missing",
    "dgamma",
)
def dgamma_without_mean_term(layer, steps, conventions):
    result = []
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        if _has_gradients(step, one, conventions):
            axis, dy, _, _ = _gradient_parts(layer, step, one, conventions)
            x = channel_major(step.x, axis, wider_dtype(layer.dtype))
            variance = np.square(x - _mean(x)).mean(axis=(1, 2))
            value = (dy * x).sum(axis=(1, 2)) / np.sqrt(variance + epsilon_of(layer, conventions))
            one = changed(one, dgamma=moved(layer, one.tensors["dgamma"], value))
        result.append(one)
    return result


@fault("gradients of gamma and beta are added up over the steps", "dgamma dbeta")
def gradients_accumulated(layer, steps, conventions):
    totals = {}
    result = []
    for one in expect(layer, steps, conventions):
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
def parameter_gradients_averaged(layer, steps, conventions):
    axis = axis_of(layer, conventions)
    count = max(steps[0].x.size // max(steps[0].x.shape[axis], 1), 1)
    return [
        changed(
            one,
            **{
                name: Expected(one.tensors[name].value / count, one.tensors[name].bound / count)
                for name in ("dgamma", "dbeta")
                if name in one.tensors
            },
        )
        for one in expect(layer, steps, conventions)
    ]


@fault("the gradients of gamma and beta are swapped", "dgamma dbeta")
def dgamma_and_dbeta_swapped(layer, steps, conventions):
    return [
        changed(one, dgamma=one.tensors["dbeta"], dbeta=one.tensors["dgamma"])
        if "dgamma" in one.tensors
        else one
        for one in expect(layer, steps, conventions)
    ]
