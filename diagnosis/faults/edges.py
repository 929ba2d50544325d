"""What rounding, underflow and overflow do at an edge, in some framework's order of operations."""

from dataclasses import replace

import numpy as np

from diagnosis.faults.fault import changed, moved, peculiar, state_before, widened
from diagnosis.faults.gradients import gradient_parts, has_gradients, mean_of
from reference.expected import Expected, expect
from reference.float_formats import FORMATS, wider_dtype
from reference.layer import axis_of, epsilon_of, trains, weight_of_batch
from reference.layout import CHANNEL, channel_major, from_channel_major
from reference.precision import Precision
from reference.sums import OPERATIONS


@peculiar(
    "an exact number comes back rounded: its factors are multiplied in another order",
    "y dx dgamma dbeta running_mean running_var",
)
def rounded_where_exact(question):
    return replace(question, exact=(), shared=None).usual


@peculiar(
    "the variance of the running statistics is recovered as 1 / invstd^2 - epsilon, which cancels "
    "where it is far below epsilon",
    "running_var",
)
def variance_recovered_from_inverse_std(question):
    layer, conventions = question.layer, question.declared
    epsilon, weight = epsilon_of(layer, conventions), weight_of_batch(layer, conventions)
    unit = Precision.of(layer.dtype, conventions).steps.unit_roundoff
    usual = expect(layer, question.steps, conventions, (), question.answered.steps)
    lost, result = 0.0, []
    for step, one in zip(question.steps, usual, strict=False):
        if trains(step, conventions) and one.tensors and step.x.size:
            variance = _variance(step.x, axis_of(layer, conventions))
            lost = (1 - weight) * lost + weight * 2 * OPERATIONS * unit * (variance + epsilon)
        result.append(widened(one, "running_var", lost))
    return result


@peculiar(
    "epsilon is added to each term of the variance, so that the errors of adding it up add up too",
    "running_var",
)
def epsilon_in_each_term(question):
    layer, conventions = question.layer, question.declared
    axis, epsilon = axis_of(layer, conventions), epsilon_of(layer, conventions)
    precision = Precision.of(layer.dtype, conventions)
    lost, result = np.float64(0), []
    for step, one in zip(question.steps, question.usual, strict=False):
        if trains(step, conventions) and one.tensors and step.x.size:
            x = channel_major(step.x, axis, wider_dtype(layer.dtype))
            terms = np.square(x - mean_of(x)) + epsilon
            drift = np.ravel(precision.drift(terms, CHANNEL)) / (x.shape[1] * x.shape[2])
            if conventions.running_statistic != "variance":
                drift = drift / np.sqrt(np.asarray(terms.mean(axis=CHANNEL), np.float64))
            lost = np.maximum(lost, drift)
        result.append(widened(one, "running_var", lost))
    return result


@peculiar(
    "1 / std^3, in the gradient of the variance, is below the smallest normal number and keeps no "
    "digit, or is 0: dx's variance term has another size in each channel",
    "dx",
)
def variance_gradient_underflows(question):
    """The size is read from the answer: a factor from 0 to what rounding up makes of 1 / std^3."""
    formats = Precision.of(question.layer.dtype, question.declared)

    def size(cube, answered, without, term):
        most = np.where(
            cube < formats.steps.smallest_normal,
            (cube + 2 * formats.steps.smallest_subnormal) / cube,
            1.0,
        )
        fitted = ((without - answered) * term).sum(axis=(1, 2), keepdims=True)
        fitted = fitted / np.square(term).sum(axis=(1, 2), keepdims=True)
        return np.where(most > 1, np.clip(np.nan_to_num(fitted), 0, most), 1.0)

    return _with_variance_term(question, size)


@peculiar(
    "1 / std^3, in the gradient of the variance, is above the largest number of the layer's dtype: "
    "infinity meets x - mean = 0, and dx is NaN",
    "dx",
)
def variance_gradient_overflows(question):
    """A channel may be NaN where rounding can take 1 / std^3 so far."""
    largest = FORMATS[question.layer.dtype].largest
    return _with_nan(question, ("dx",), lambda lowest: np.maximum(lowest, 0) ** -1.5 > largest)


@peculiar(
    "the variance is above the largest number of the layer's dtype, so it is infinite and 1 / std "
    "is 0: y is beta, and dx and dgamma are 0",
    "y dx dgamma running_var",
)
def variance_overflows(question):
    layer, conventions = question.layer, question.declared
    axis, own = axis_of(layer, conventions), FORMATS[layer.dtype]
    gathered = conventions.but(arithmetic="rounded_normalization")
    finite = expect(layer, question.steps, gathered)
    result = []
    for step, one, kept, answer in zip(
        question.steps, question.usual, finite, question.answered.steps, strict=False
    ):
        if trains(step, conventions) and one.tensors and step.x.size:
            infinite = _variance(step.x, axis) > own.largest
            beta = np.zeros(len(infinite)) if layer.beta is None else layer.beta
            for name, value in (("y", beta), ("dx", 0 * infinite), ("dgamma", 0 * infinite)):
                if name in one.tensors:
                    tensor = _where(infinite, value, one.tensors[name], axis, own)
                    one = changed(one, **{name: tensor})
            var, told = kept.tensors["running_var"], np.asarray(answer.get("running_var", 0.0))
            if np.shape(told) == infinite.shape:  # it is infinite too, or kept in float32
                tensor = _where(infinite & np.isinf(told), np.inf, var, axis, own)
                one = changed(one, running_var=tensor)
        result.append(one)
    return result


def _where(channels, value, expected: Expected, axis: int, stored_as) -> Expected:
    """Expect one value a channel, rounded once, in some channels."""
    shape = [1] * expected.value.ndim
    shape[axis if expected.value.ndim > 1 else 0] = -1
    channels = channels.reshape(shape)
    value = np.broadcast_to(np.asarray(value, np.float64), channels.size).reshape(shape)
    bound = stored_as.unit_roundoff * np.abs(np.nan_to_num(value, posinf=0.0)) + stored_as.underflow
    return replace(
        expected,
        value=np.where(channels, value, expected.value),
        bound=np.where(channels, bound, expected.bound),
    )


def _with_variance_term(question, size):
    """Expect dx of training steps with a variance term of another size in each channel."""
    layer, conventions = question.layer, question.declared
    result = []
    for step, one, answer in zip(
        question.steps, question.usual, question.answered.steps, strict=False
    ):
        told = answer.get("dx")
        if has_gradients(step, one, conventions) and np.shape(told) == step.x.shape:
            axis, dy, x_hat, factor = gradient_parts(question, step)
            x = channel_major(step.x, axis, dy.dtype)
            centred = x - mean_of(x)
            cube = (mean_of(np.square(centred)) + epsilon_of(layer, conventions)) ** -1.5
            without = factor * (dy - mean_of(dy))
            term = factor * x_hat * mean_of(dy * x_hat)
            answered = channel_major(np.asarray(told), axis, dy.dtype)
            sizes = size(cube, answered, without, term)
            value = from_channel_major(without - sizes * term, axis, step.x.shape)
            near = moved(layer, one.tensors["dx"], value)
            one = changed(one, dx=near if np.any(sizes != 1) else one.tensors["dx"])
        result.append(one)
    return result


def _variance(x: np.ndarray, axis: int) -> np.ndarray:
    values = channel_major(x, axis, np.float64)
    return np.square(values - mean_of(values)).mean(axis=(1, 2))


@peculiar(
    "E[x^2] - E[x]^2 is not kept from going below 0, where 1 / std is NaN",
    "y dx dgamma running_var",
)
def variance_below_zero(question):
    """A channel may be NaN where rounding can take its variance below -epsilon."""
    declared = question.declared.but(variance_algorithm="one_pass")
    one_pass = replace(question, declared=declared)
    names = ("y", "dx", "dgamma")
    expectations = _with_nan(one_pass, names, lambda lowest: lowest < 0)
    return [_of_any_sign(one) if one.tensors else one for one in expectations]


def _of_any_sign(expectation):
    var = expectation.tensors["running_var"]
    return changed(expectation, running_var=replace(var, least=-np.inf))


def _with_nan(question, names, may_be_nan):
    """Expect NaN in channels that are NaN throughout, where they may be.

    `may_be_nan` says it of the lowest that var + epsilon can be by its bound, and of the running
    variance, plus epsilon, as the layer told it.
    """
    layer, conventions = question.layer, question.declared
    axis, epsilon = axis_of(layer, conventions), epsilon_of(layer, conventions)
    usual = expect(layer, question.steps, conventions, question.exact, question.answered.steps)
    result = []
    for number, (step, one, answer) in enumerate(
        zip(question.steps, usual, question.answered.steps, strict=False)
    ):
        if one.tensors and step.x.size:
            if trains(step, conventions):
                lowest = _lowest_variance(layer, step, conventions)
            else:
                lowest = state_before(question, number)["running_var"]
            with np.errstate(divide="ignore", invalid="ignore"):
                channels = may_be_nan(lowest + epsilon)
            for name in names:
                if (
                    name in one.tensors
                    and np.shape(answer.get(name)) == one.tensors[name].value.shape
                ):
                    tensor = _or_nan(one.tensors[name], answer[name], channels, axis)
                    one = changed(one, **{name: tensor})
        result.append(one)
    return result


def _lowest_variance(layer, step, conventions) -> np.ndarray:
    """Return the least that the computed variance of a batch can be, (channels,)."""
    plain = conventions.but(
        running_statistic="variance", running_variance="biased", running_update="on_forward"
    )
    plain = plain.but(moving_average="weighted_sum")
    whole = replace(layer, momentum=1.0, raw_momentum=None)
    (alone,) = expect(whole, [replace(step, dy=None)], plain)
    variance = alone.tensors["running_var"]
    return np.asarray(variance.value - variance.bound, np.float64)


def _or_nan(expected: Expected, answered: np.ndarray, channels: np.ndarray, axis: int) -> Expected:
    """Expect NaN in channels that are NaN throughout, where they may be."""
    axis = axis if answered.ndim > 1 else 0
    by_channel = np.moveaxis(np.isnan(answered), axis, 0).reshape(len(channels), -1)
    shape = [1] * answered.ndim
    shape[axis] = -1
    broken = (channels & by_channel.all(axis=1)).reshape(shape)
    return replace(expected, value=np.where(broken, np.nan, expected.value))
