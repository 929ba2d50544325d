"""Faults that kernels really have: wrong layers that no convention describes, each with a name.

A fault turns the expectation of a correct layer into that of the faulty one, so that a violation
can be recognised as it. The values are the faulty layer's; the bounds are the correct layer's,
taken at the faulty value, which is near enough to recognise a fault by.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reference.batch_norm import channel_major, from_channel_major
from reference.conventions import Conventions
from reference.expected import Expected, Layer, Step, StepExpectation, expect

Expectations = list[StepExpectation]


@dataclass(frozen=True)
class Fault:
    """A named fault: one sentence, and what a layer with it answers."""

    name: str
    sentence: str
    expectations: Callable[[Layer, Sequence[Step], Conventions], Expectations]


FAULTS: dict[str, Fault] = {}


def _fault(sentence: str):
    def register(function):
        name = function.__name__
        FAULTS[name] = Fault(name, sentence, function)
        return function

    return register


def _with(expectation: StepExpectation, **tensors) -> StepExpectation:
    return replace(expectation, tensors={**expectation.tensors, **tensors})


def _moved(expected: Expected, value: np.ndarray) -> Expected:
    """Return a faulty value with the correct one's bound, and the rounding of the distance."""
    distance = np.abs(np.asarray(value - expected.value, np.float64))
    return Expected(value, expected.bound * 2 + distance * 2**-10 * _relative(expected))


def _relative(expected: Expected) -> np.ndarray:
    magnitude = np.abs(np.asarray(expected.value, np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.minimum(np.where(magnitude > 0, expected.bound / magnitude, 1.0), 1.0)


@_fault("the tensors are all zero: nothing was written")
def zeros(layer, steps, conventions):
    return [
        _with(
            one,
            **{
                name: Expected(np.zeros_like(one.tensors[name].value), one.tensors[name].bound)
                for name in ("y", "dx", "dgamma", "dbeta")
                if name in one.tensors
            },
        )
        for one in expect(layer, steps, conventions)
    ]


@_fault("gamma and beta are swapped")
def gamma_and_beta_swapped(layer, steps, conventions):
    swapped = replace(layer, gamma=layer.beta, beta=layer.gamma)
    return expect(swapped, steps, conventions)


@_fault("running mean and running variance are swapped")
def running_statistics_swapped(layer, steps, conventions):
    swapped = replace(layer, running_mean=layer.running_var, running_var=layer.running_mean)
    return [
        _with(
            one,
            running_mean=one.tensors["running_var"],
            running_var=one.tensors["running_mean"],
        )
        for one in expect(swapped, steps, conventions)
    ]


def _gradient_parts(layer, step, expectation, conventions):
    """Return axis, dy and x_hat, channel-major, and gamma / std of a training step with dy."""
    axis = conventions.default_channel_axis if layer.channel_axis is None else layer.channel_axis
    x = channel_major(step.x, axis, np.float64)
    dy = channel_major(step.dy, axis, np.float64)
    centred = x - x.mean(axis=(1, 2), keepdims=True)
    inverse = 1 / np.sqrt(np.square(centred).mean(axis=(1, 2), keepdims=True) + layer.epsilon)
    gamma = np.ones(x.shape[0]) if layer.gamma is None else np.asarray(layer.gamma, np.float64)
    return axis, dy, centred * inverse, gamma[:, None, None] * inverse


def _gradient_fault(change):
    """Make the expectations of a fault that shows in the gradients of training steps only."""

    def expectations(layer, steps, conventions):
        if layer.epsilon is None:
            return expect(layer, steps, conventions)
        result = []
        for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
            if step.dy is not None and step.training and "dx" in one.tensors and step.x.size:
                axis, dy, x_hat, factor = _gradient_parts(layer, step, one, conventions)
                name, value = change(dy, x_hat, factor)
                if name == "dx":
                    value = from_channel_major(value, axis, step.x.shape)
                one = _with(one, **{name: _moved(one.tensors[name], value)})
            result.append(one)
        return result

    return expectations


def _mean(array):
    return array.mean(axis=(1, 2), keepdims=True)


@_fault("dx lacks the term of the mean: mean(dy) is not subtracted")
def dx_without_mean_term(layer, steps, conventions):
    change = _gradient_fault(
        lambda dy, x_hat, factor: ("dx", factor * (dy - x_hat * _mean(dy * x_hat)))
    )
    return change(layer, steps, conventions)


@_fault("dx lacks the term of the variance: x_hat mean(dy x_hat) is not subtracted")
def dx_without_variance_term(layer, steps, conventions):
    change = _gradient_fault(lambda dy, x_hat, factor: ("dx", factor * (dy - _mean(dy))))
    return change(layer, steps, conventions)


@_fault("dx lacks gamma")
def dx_without_gamma(layer, steps, conventions):
    result = []
    for one in expect(layer, steps, conventions):
        if "dx" in one.tensors and layer.gamma is not None:
            without = replace(layer, gamma=np.ones_like(layer.gamma))
            others = expect(without, steps, conventions)
            one = _with(one, dx=others[len(result)].tensors["dx"])
        result.append(one)
    return result


@_fault("dgamma is multiplied by x instead of x_hat's centred value: the mean's term is missing")
def dgamma_without_mean_term(layer, steps, conventions):
    if layer.epsilon is None:
        return expect(layer, steps, conventions)
    result = []
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        if step.dy is not None and step.training and step.x.size and "dx" in one.tensors:
            axis, dy, _, _ = _gradient_parts(layer, step, one, conventions)
            x = channel_major(step.x, axis, np.float64)
            variance = np.square(x - _mean(x)).mean(axis=(1, 2))
            value = (dy * x).sum(axis=(1, 2)) / np.sqrt(variance + layer.epsilon)
            one = _with(one, dgamma=_moved(one.tensors["dgamma"], value))
        result.append(one)
    return result


@_fault("gradients of gamma and beta are added up over the steps")
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
            one = _with(one, **totals)
        result.append(one)
    return result


@_fault("each training batch is normalised with the statistics of the batch before it")
def statistics_of_previous_batch(layer, steps, conventions):
    result = []
    previous = None
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        if step.training and previous is not None and "y" in one.tensors:
            axis = layer.channel_axis or conventions.default_channel_axis
            before = channel_major(previous, axis, np.float64)
            mean, variance = before.mean(axis=(1, 2)), before.var(axis=(1, 2))
            stale = replace(layer, running_mean=mean, running_var=variance)
            y = expect(stale, [replace(step, dy=None, training=False)], conventions)[0]
            one = _with(one, y=y.tensors["y"])
        if step.training:
            previous = step.x
        result.append(one)
    return result


@_fault("only the first call is right: later training steps leave the running statistics alone")
def first_call_only(layer, steps, conventions):
    result = expect(layer, steps, conventions)
    first = next((i for i, step in enumerate(steps) if step.training), None)
    if first is None:
        return result
    kept = {name: result[first].tensors.get(name) for name in ("running_mean", "running_var")}
    if None in kept.values():
        return result
    return result[: first + 1] + [
        _with(one, **kept) if one.tensors else one for one in result[first + 1 :]
    ]


@_fault("the running variance divides by n where n is even, by n - 1 where it is odd")
def biased_for_even_counts(layer, steps, conventions):
    axis = conventions.default_channel_axis if layer.channel_axis is None else layer.channel_axis
    count = steps[0].x.size // max(steps[0].x.shape[axis], 1)
    return expect(
        layer, steps, conventions.but(running_variance="unbiased" if count % 2 else "biased")
    )


@_fault("channels beyond the last full power of two are left as they are: y = x there")
def channels_beyond_power_of_two_untouched(layer, steps, conventions):
    axis = conventions.default_channel_axis if layer.channel_axis is None else layer.channel_axis
    result = []
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        channels = step.x.shape[axis]
        full = 1 << (channels.bit_length() - 1) if channels else 0
        if "y" in one.tensors and full < channels:
            value = np.moveaxis(one.tensors["y"].value.copy(), axis, 0)
            value[full:] = np.moveaxis(step.x, axis, 0)[full:]
            y = Expected(np.moveaxis(value, 0, axis), one.tensors["y"].bound)
            one = _with(one, y=y)
        result.append(one)
    return result


@_fault("the statistics are taken over all axes: one mean and one variance for all channels")
def statistics_over_all_axes(layer, steps, conventions):
    return _with_other_statistics(
        layer, steps, conventions, lambda x: (x.mean() + 0 * x[:, 0, 0], x.var() + 0 * x[:, 0, 0])
    )


@_fault("the statistics are taken over the samples of the first position only")
def statistics_of_first_position(layer, steps, conventions):
    return _with_other_statistics(
        layer, steps, conventions, lambda x: (x[:, :, 0].mean(axis=1), x[:, :, 0].var(axis=1))
    )


def _with_other_statistics(layer, steps, conventions, statistics):
    axis = conventions.default_channel_axis if layer.channel_axis is None else layer.channel_axis
    result = []
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        if step.training and "y" in one.tensors and step.x.size:
            mean, variance = statistics(channel_major(step.x, axis, np.float64))
            other = replace(layer, running_mean=mean, running_var=variance)
            y = expect(other, [replace(step, dy=None, training=False)], conventions)[0]
            one = _with(one, y=y.tensors["y"])
        result.append(one)
    return result


@_fault("channels-last data is read as channels-first")
def channels_last_read_as_first(layer, steps, conventions):
    if layer.channel_axis != -1 or steps[0].x.ndim < 3:
        return expect(layer, steps, conventions)

    def misread(array):
        if array is None:
            return None
        channels = array.shape[-1]
        return array.reshape(array.shape[0], channels, *array.shape[1:-1])

    def back(array, shape):
        return array.reshape(shape)

    read = [replace(step, x=misread(step.x), dy=misread(step.dy)) for step in steps]
    result = []
    for step, one in zip(
        steps, expect(replace(layer, channel_axis=1), read, conventions), strict=False
    ):
        for name in ("y", "dx"):
            if name in one.tensors:
                tensor = one.tensors[name]
                shape = step.x.shape
                tensor = Expected(back(tensor.value, shape), back(tensor.bound, shape))
                one = _with(one, **{name: tensor})
        result.append(one)
    return result
