"""What one framework does with what it keeps: averages, parameters and the memory they are in."""

from dataclasses import replace

import numpy as np

from diagnosis.faults.fault import changed, moved, peculiar, state_before
from diagnosis.faults.gradients import mean_of
from diagnosis.judgement import RUNNING
from diagnosis.question import GRADIENTS
from reference.expected import Expected, expect
from reference.float_formats import wider_dtype
from reference.layer import axis_of, epsilon_of, trains, weight_of_batch
from reference.layout import channel_major, column, from_channel_major
from reference.precision import Precision
from reference.running_statistics import effective_weight
from reference.sums import OPERATIONS, growth


@peculiar(
    "inference divides the running statistics by 1 - (1 - m)^t after t batches, as if they had "
    "started at 0",
    "y dx dgamma",
)
def corrected_as_if_from_zero(question):
    layer, conventions = question.layer, question.declared
    history = np.float64(1 - weight_of_batch(layer, conventions))
    batches, result = 0, []
    for number, (step, one) in enumerate(zip(question.steps, question.usual, strict=False)):
        if trains(step, conventions):
            batches += 1
        elif batches and one.tensors and number < len(question.answered.steps):
            state = state_before(question, number)
            with np.errstate(divide="ignore", invalid="ignore"):
                corrected = {name: state[name] / (1 - history**batches) for name in RUNNING}
            other = expect(replace(layer, **corrected), [step], conventions)[0].tensors
            names = ("y", "dx", "dgamma")
            near = {
                name: moved(layer, other[name], other[name].value)
                for name in names
                if name in other
            }
            one = changed(one, **near)
        result.append(one)
    return result


@peculiar(
    "the batch is normalised by the running statistics after it has entered them, and the gradient "
    "flows through its share",
    "y dx dgamma",
)
def normalised_by_updated_statistics(question):
    layer, conventions = question.layer, question.declared
    axis, batches, result = axis_of(layer, conventions), 0, []
    for number, (step, one) in enumerate(zip(question.steps, question.usual, strict=False)):
        answered = question.answered.steps[number : number + 1]
        if trains(step, conventions) and one.tensors and step.x.size and answered:
            momentum = np.float64(weight_of_batch(layer, conventions))
            weight = effective_weight(momentum, batches, conventions.running_update)
            batches += 1
            updated = {name: np.asarray(answered[0][name], np.float64) for name in RUNNING}
            inferring = replace(step, training=False)
            other = expect(replace(layer, **updated), [inferring], conventions)[0].tensors
            near = {name: other[name] for name in ("y", "dgamma") if name in other}
            if step.dy is not None:
                near["dx"] = _dx_through_share(question, step, updated, float(weight), axis)
            one = changed(one, **near)
        result.append(one)
    return result


def _dx_through_share(question, step, updated, weight, axis) -> Expected:
    """Return dx where a batch has this weight in the statistics that normalise it.

    With mu and v the updated ones, s = (v + eps)^-1/2 and g = gamma dy:
    dx = s g - w s mean(g) - w s^3 (x - mean(x)) mean(g (x - mu)).
    """
    layer, conventions = question.layer, question.declared
    wide = wider_dtype(layer.dtype)
    x, dy = channel_major(step.x, axis, wide), channel_major(step.dy, axis, wide)
    gamma = np.ones(len(x)) if layer.gamma is None else np.asarray(layer.gamma, wide)
    mean, var = (column(np.asarray(updated[name], wide)) for name in RUNNING)
    s = 1 / np.sqrt(var + epsilon_of(layer, conventions))
    g = gamma[:, None, None] * dy
    projection = weight * s**3 * (x - mean_of(x))
    value = s * g - weight * s * mean_of(g) - projection * mean_of(g * (x - mean))
    terms = np.abs(s * g) + weight * s * mean_of(np.abs(g))
    size = weight * s**3 * (np.abs(x) + mean_of(np.abs(x)))
    terms = terms + size * mean_of(np.abs(g) * (np.abs(x) + np.abs(mean)))
    precision = Precision.of(layer.dtype, conventions)
    count = x.shape[1] * x.shape[2]
    errors = 2 * (growth(count) + 2 * OPERATIONS) * precision.unit(precision.steps)
    bound = np.asarray(errors * terms, np.float64)
    value, bound = (from_channel_major(one, axis, step.x.shape) for one in (value, bound))
    output = precision.output
    return Expected(value, bound + output.unit_roundoff * np.abs(value) + output.underflow)


@peculiar(
    "with one value per channel in training nothing is computed: y is x, dx is dy, the other "
    "gradients are 0 and the running statistics stay",
    "y dx dgamma dbeta running_mean running_var",
)
def one_value_is_passed_on(question):
    result = []
    for number, (step, one) in enumerate(zip(question.steps, question.usual, strict=False)):
        single = step.x.size == step.x.shape[axis_of(question.layer, question.declared)]
        if trains(step, question.declared) and single and number < len(question.answered.steps):
            values = {"y": step.x, "dx": step.dy} | state_before(question, number)
            values |= {
                name: np.zeros(one.tensors["running_mean"].value.shape) for name in GRADIENTS[1:]
            }
            near = {
                name: Expected(np.asarray(value), np.zeros(np.shape(value)))
                for name, value in values.items()
                if name in one.tensors
            }
            one = changed(one, **near)
        result.append(one)
    return result


@peculiar(
    "gamma and beta share their memory with the running statistics, which are written first: y is "
    "x_hat running_var + running_mean",
    "y",
)
def parameters_overwritten_by_statistics(question):
    result = []
    for step, one in zip(question.steps, question.usual, strict=False):
        if one.tensors and trains(step, question.declared):
            mean, var = (one.tensors[name] for name in RUNNING)
            other = replace(question.layer, gamma=var.value, beta=mean.value)
            y = expect(other, [replace(step, dy=None)], question.declared)[0].tensors["y"]
            one = changed(one, y=moved(question.layer, y, y.value))
        result.append(one)
    return result


@peculiar(
    "the new running statistics are written over the arrays that hold the old ones",
    "previous_mean previous_var",
)
def statistics_written_over_inputs(question):
    pairs = {"previous_mean": "running_mean", "previous_var": "running_var"}
    return [
        changed(one, **{old: one.tensors[new] for old, new in pairs.items() if old in one.tensors})
        if one.tensors
        else one
        for one in question.usual
    ]


@peculiar(
    "dx of inference is that of training, with the running statistics in place of the batch's",
    "dx",
)
def inference_gradient_of_training(question):
    layer, conventions = question.layer, question.declared
    axis, wide = axis_of(layer, conventions), wider_dtype(layer.dtype)
    result = []
    for number, (step, one) in enumerate(zip(question.steps, question.usual, strict=False)):
        told = number < len(question.answered.steps)
        if "dx" in one.tensors and not trains(step, conventions) and step.x.size and told:
            state = state_before(question, number)
            mean, var = (column(np.asarray(state[name], wide)) for name in RUNNING)
            x, dy = channel_major(step.x, axis, wide), channel_major(step.dy, axis, wide)
            inverse = 1 / np.sqrt(var + epsilon_of(layer, conventions))
            gamma = np.ones(len(x)) if layer.gamma is None else np.asarray(layer.gamma, wide)
            x_hat, factor = (x - mean) * inverse, gamma[:, None, None] * inverse
            projection = x_hat * mean_of(dy * x_hat)
            value = from_channel_major(factor * (dy - mean_of(dy) - projection), axis, step.x.shape)
            size = np.abs(factor) * (
                mean_of(np.abs(dy)) + np.abs(x_hat) * mean_of(np.abs(dy * x_hat))
            )
            count = x.shape[1] * x.shape[2]
            precision = Precision.of(layer.dtype, conventions)
            unit = (growth(count) + OPERATIONS) * precision.unit(precision.steps)
            near = moved(layer, one.tensors["dx"], value)
            bound = near.bound + from_channel_major(
                np.asarray(unit * size, float), axis, step.x.shape
            )
            one = changed(one, dx=replace(near, bound=bound))
        result.append(one)
    return result


@peculiar(
    "a weight of 0 is corrected for its start by 1 - (1 - 0)^t = 0: the running statistics are 0/0",
    "y dx dgamma running_mean running_var",
)
def average_of_no_weight(question):
    layer, conventions, result = question.layer, question.declared, []
    trained = False
    for step, one in zip(question.steps, question.usual, strict=False):
        training = trains(step, conventions)
        trained = trained or training
        if one.tensors and trained and weight_of_batch(layer, conventions) == 0:
            names = RUNNING if training else (*RUNNING, "y", "dx", "dgamma")
            one = changed(
                one,
                **{
                    name: replace(tensor, value=np.full_like(tensor.value, np.nan))
                    for name, tensor in one.tensors.items()
                    if name in names
                },
            )
        result.append(one)
    return result


@peculiar(
    "a new layer's running statistics are those of the first batch that it is shown",
    "y dx dgamma running_mean running_var",
)
def starts_at_first_batch(question):
    layer, conventions = question.layer, question.declared
    if layer.running_mean is not None or not question.answered.steps:
        return question.usual
    whole = replace(layer, momentum=1.0, raw_momentum=None)
    seen = replace(question.steps[0], training=True, dy=None)
    start = expect(whole, [seen], conventions.but(running_update="on_forward"))[0].tensors
    state = {name: np.asarray(question.answered.steps[0][name], np.float64) for name in RUNNING}
    if trains(question.steps[0], conventions):
        state = {name: start[name].value for name in RUNNING}
    result = expect(replace(layer, **state), question.steps, conventions)
    for number, step in enumerate(question.steps):
        if trains(step, conventions):
            break
        result[number] = changed(result[number], **{name: start[name] for name in RUNNING})
    return result
