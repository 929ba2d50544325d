"""What one framework does at one edge, done here to the answers of a layer in NumPy.

Each function takes a layer, its steps and the answers of a correct (or otherwise wrong) layer, and
makes them what that framework would have answered. Written from the frameworks' own operations, in
the arithmetic that does it, and not from `diagnosis.faults`.
"""

import numpy as np

from adapters.harness.protocol import Layer
from diagnosis.judgement import Answered
from tests.mutants.layer import Mutant

RUNNING = ("running_mean", "running_var")


def per_channel(array, axis):
    """Return an array as (channels, values), in float64."""
    moved = np.moveaxis(np.asarray(array, np.float64), axis, 0)
    return moved.reshape(len(moved), -1)


def like(values, array, axis):
    """Return (channels, values) in the layout and dtype of an array."""
    shape = np.moveaxis(array, axis, 0).shape
    return np.moveaxis(values.reshape(shape), 0, axis).astype(array.dtype)


def column(vector):
    return np.asarray(vector, np.float64)[:, None]


def state_of(layer, channels):
    """Return gamma, beta and the running statistics of a layer, those of a new one where unset."""
    given = (layer.gamma, layer.beta, layer.running_mean, layer.running_var)
    return [
        np.full(channels, usual) if vector is None else np.asarray(vector, np.float64)
        for vector, usual in zip(given, (1.0, 0.0, 0.0, 1.0), strict=True)
    ]


def numbers_of(layer):
    return (
        1e-5 if layer.epsilon is None else layer.epsilon,
        0.1 if layer.momentum is None else layer.momentum,
    )


def training(step):
    return step.training is not False


def rounded_where_exact(layer, steps, answers, axis):
    """The factors of a product are rounded one by one: the last bit is another."""
    for answer in answers:
        for name in RUNNING:
            answer[name] = np.nextafter(answer[name], answer[name].dtype.type(np.inf))


def variance_recovered_from_inverse_std(layer, steps, answers, axis):
    """Keep 1 / sqrt(var + eps) in the parameters' dtype, and read the variance from that."""
    epsilon, weight = numbers_of(layer)
    for step, answer in zip(steps, answers, strict=True):
        if training(step):
            kept = answer["running_var"].dtype.type
            variance = per_channel(step.x, axis).var(axis=1)
            inverse = (1 / np.sqrt(variance + epsilon)).astype(kept)
            recovered = kept(1) / (inverse * inverse) - kept(epsilon)
            factor = step.x.size // len(variance)
            factor = factor / max(factor - 1, 1)
            moved = answer["running_var"] + weight * factor * (recovered - variance)
            answer["running_var"] = moved.astype(kept)


def _with_variance_term(layer, steps, answers, axis, size):
    epsilon, _ = numbers_of(layer)
    for step, answer in zip(steps, answers, strict=True):
        if training(step) and "dx" in answer:
            x, dy = per_channel(step.x, axis), per_channel(step.dy, axis)
            gamma, *_ = state_of(layer, len(x))
            centred = x - x.mean(axis=1, keepdims=True)
            inverse = 1 / np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + epsilon)
            term = centred * (dy * centred).mean(axis=1, keepdims=True)
            with np.errstate(invalid="ignore", over="ignore"):
                wrong = column(gamma) * term * (size(inverse**3, answer["dx"].dtype) - inverse**3)
                answer["dx"] = like(per_channel(answer["dx"], axis) - wrong, answer["dx"], axis)


def variance_gradient_underflows(layer, steps, answers, axis):
    """1 / std^3 is rounded to a multiple of the smallest float32."""
    _with_variance_term(
        layer, steps, answers, axis, lambda cube, dtype: np.ceil(cube / 2.0**-149) * 2.0**-149
    )


def dx_without_variance_term(layer, steps, answers, axis):
    """1 / std^3 is flushed to 0."""
    _with_variance_term(layer, steps, answers, axis, lambda cube, dtype: 0.0)


def variance_gradient_overflows(layer, steps, answers, axis):
    """1 / std^3 is above the largest number of the layer's dtype, and becomes infinite."""
    _with_variance_term(
        layer,
        steps,
        answers,
        axis,
        lambda cube, dtype: np.where(np.isinf(cube.astype(dtype)), np.inf, cube),
    )


def variance_overflows(layer, steps, answers, axis):
    """The variance is a number of the layer's own dtype, and x / infinity is 0."""
    for step, answer in zip(steps, answers, strict=True):
        if training(step):
            with np.errstate(over="ignore"):
                variance = per_channel(step.x, axis).var(axis=1).astype(step.x.dtype)
            infinite = np.isinf(variance)
            _, beta, *_ = state_of(layer, len(variance))
            for name, value in (("y", beta), ("dx", 0 * beta)):
                if name in answer:
                    values = per_channel(answer[name], axis)
                    values[infinite] = column(value)[infinite]
                    answer[name] = like(values, answer[name], axis)
            answer["running_var"][infinite] = np.inf
            if "dgamma" in answer:
                answer["dgamma"][infinite] = 0


def epsilon_in_each_term(layer, steps, answers, axis):
    """mean((x - mean)^2 + eps) - eps, added up one after the other."""
    epsilon, weight = numbers_of(layer)
    for step, answer in zip(steps, answers, strict=True):
        if training(step):
            x = per_channel(step.x, axis)
            terms = np.square(x - x.mean(axis=1, keepdims=True)) + epsilon
            added = np.add.accumulate(terms.astype(step.x.dtype), axis=1)[:, -1]
            drift = (added - terms.sum(axis=1)) / terms.shape[1]
            moved = answer["running_var"] + weight * drift
            answer["running_var"] = moved.astype(answer["running_var"].dtype)


def variance_below_zero(layer, steps, answers, axis):
    """E[x^2] - E[x]^2 in float32, added up one after the other; NaN where it is below 0."""
    epsilon, weight = numbers_of(layer)
    kept = None
    for step, answer in zip(steps, answers, strict=True):
        if not training(step):
            if kept is not None:
                answer["running_var"] = kept
                _normalised(layer, step, answer, answer["running_mean"], kept, axis)
            continue
        x = per_channel(step.x, axis).astype(np.float32)
        count = np.float32(x.shape[1])
        mean = np.add.accumulate(x, axis=1)[:, -1] / count
        square = np.add.accumulate(x * x, axis=1)[:, -1] / count
        variance = (square - mean * mean).astype(np.float64)
        broken = variance + epsilon < 0
        factor = float(count) / max(float(count) - 1, 1)
        right = per_channel(step.x, axis).var(axis=1)
        moved = answer["running_var"] + weight * factor * (variance - right)
        answer["running_var"] = kept = moved.astype(answer["running_var"].dtype)
        for name in ("y", "dx"):
            if name in answer:
                values = per_channel(answer[name], axis)
                values[broken] = np.nan
                answer[name] = like(values, answer[name], axis)
        if "dgamma" in answer:
            answer["dgamma"] = np.where(broken, np.nan, answer["dgamma"]).astype(np.float32)


def _normalised(layer, step, answer, mean, var, axis):
    """Answer a step as one that is normalised by given statistics, as constants."""
    epsilon, _ = numbers_of(layer)
    x = per_channel(step.x, axis)
    gamma, beta, *_ = state_of(layer, len(x))
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = 1 / np.sqrt(column(var) + epsilon)
        x_hat = (x - column(mean)) * inverse
        answer["y"] = like(column(gamma) * x_hat + column(beta), answer["y"], axis)
        if "dx" in answer:
            dy = per_channel(step.dy, axis)
            answer["dx"] = like(column(gamma) * inverse * dy, answer["dx"], axis)
            answer["dgamma"] = (dy * x_hat).sum(axis=1).astype(answer["dgamma"].dtype)


def corrected_as_if_from_zero(layer, steps, answers, axis):
    """hidden / (1 - momentum^counter), where the hidden average did not start at 0."""
    _, weight = numbers_of(layer)
    batches = 0
    for step, answer in zip(steps, answers, strict=True):
        if training(step):
            batches += 1
        elif batches:
            with np.errstate(divide="ignore", invalid="ignore"):
                mean, var = (
                    answer[name].astype(float) / (1 - (1 - weight) ** batches) for name in RUNNING
                )
            _normalised(layer, step, answer, mean, var, axis)


def normalised_by_updated_statistics(layer, steps, answers, axis):
    """Normalise by the averages after the batch has entered them; dx by complex steps."""
    epsilon, weight = numbers_of(layer)
    before = state_of(layer, steps[0].x.shape[axis])[2:]
    for step, answer in zip(steps, answers, strict=True):
        after = [answer[name].astype(np.float64) for name in RUNNING]
        if training(step):
            _normalised(layer, step, answer, *after, axis)
            if "dx" in answer:
                x, dy = per_channel(step.x, axis), per_channel(step.dy, axis)
                gamma, *_ = state_of(layer, len(x))
                dx = np.stack(
                    [
                        _dx_by_complex_steps(one, weight, epsilon, *rest)
                        for one, *rest in zip(x, dy, gamma, *before, *after, strict=True)
                    ]
                )
                answer["dx"] = like(dx, answer["dx"], axis)
        before = after


def _dx_by_complex_steps(x, weight, epsilon, dy, gamma, old_mean, old_var, mean, var):
    """Return the gradient of sum(dy y) to machine precision: Im f(x + ih) / h for each value.

    The averages are those that were kept, and only their share of this batch is differentiated.
    """
    shifted = x + 1e-30j * np.eye(len(x))
    batch_mean = shifted.mean(axis=1)
    batch_var = np.square(shifted - batch_mean[:, None]).mean(axis=1)
    batch_mean = mean + weight * 1j * batch_mean.imag
    batch_var = var + weight * 1j * batch_var.imag
    y = gamma * (shifted - batch_mean[:, None]) / np.sqrt(batch_var[:, None] + epsilon)
    return (y.imag * dy).sum(axis=1) / 1e-30


def average_of_no_weight(layer, steps, answers, axis):
    """0 / (1 - 1^t), which inference divides by."""
    trained = False
    for step, answer in zip(steps, answers, strict=True):
        trained = trained or training(step)
        if trained:
            answer |= {name: answer[name] * np.nan for name in RUNNING}
            if not training(step):
                answer |= {
                    name: answer[name] * np.nan for name in {"y", "dx", "dgamma"} & answer.keys()
                }


def starts_at_first_batch(layer, steps, answers, axis):
    """The averages are made from the first call's batch, whatever that call is."""
    _, weight = numbers_of(layer)
    x = per_channel(steps[0].x, axis)
    mean, var = x.mean(axis=1), x.var(axis=1) * x.shape[1] / (x.shape[1] - 1)
    off = [mean - 0, var - 1]
    for step, answer in zip(steps, answers, strict=True):
        if training(step):
            off = [(1 - weight) * one for one in off]
        for name, one in zip(RUNNING, off, strict=True):
            answer[name] = (answer[name] + one).astype(answer[name].dtype)
        if not training(step):
            _normalised(layer, step, answer, *(answer[name] for name in RUNNING), axis)


def one_value_is_passed_on(layer, steps, answers, axis):
    """The kernel returns before it computes anything."""
    before = [
        vector.astype(answers[0][name].dtype)
        for vector, name in zip(state_of(layer, steps[0].x.shape[axis])[2:], RUNNING, strict=True)
    ]
    for step, answer in zip(steps, answers, strict=True):
        answer |= dict(zip(RUNNING, before, strict=True)) | {"y": step.x}
        if "dx" in answer:
            answer |= {"dx": step.dy}
            answer |= {name: np.zeros_like(answer[name]) for name in ("dgamma", "dbeta")}


def parameters_overwritten_by_statistics(layer, steps, answers, axis):
    """One buffer holds gamma and the variance, another beta and the mean."""
    epsilon, _ = numbers_of(layer)
    for step, answer in zip(steps, answers, strict=True):
        if training(step):
            x = per_channel(step.x, axis)
            x_hat = x - x.mean(axis=1, keepdims=True)
            x_hat = x_hat / np.sqrt(x.var(axis=1, keepdims=True) + epsilon)
            y = x_hat * column(answer["running_var"]) + column(answer["running_mean"])
            answer["y"] = like(y, answer["y"], axis)


def statistics_written_over_inputs(layer, steps, answers, axis):
    """The caller's arrays hold the new statistics afterwards."""
    answers[0] |= {
        "previous_mean": answers[0]["running_mean"],
        "previous_var": answers[0]["running_var"],
    }


def inference_gradient_of_training(layer, steps, answers, axis):
    """The primitive of training is found for inference, and given the running statistics."""
    epsilon, _ = numbers_of(layer)
    for step, answer in zip(steps, answers, strict=True):
        if not training(step) and "dx" in answer:
            x, dy = per_channel(step.x, axis), per_channel(step.dy, axis)
            gamma, *_ = state_of(layer, len(x))
            inverse = 1 / np.sqrt(column(answer["running_var"]) + epsilon)
            x_hat = (x - column(answer["running_mean"])) * inverse
            rest = dy.mean(axis=1, keepdims=True)
            rest = rest + x_hat * (dy * x_hat).mean(axis=1, keepdims=True)
            answer["dx"] = like(column(gamma) * inverse * (dy - rest), answer["dx"], axis)


def variance_gradient_uncentred(layer, steps, answers, axis):
    """E[x^2] - stop_gradient(E[x])^2: the mean's part of the variance's gradient is missing."""
    epsilon, _ = numbers_of(layer)
    for step, answer in zip(steps, answers, strict=True):
        if training(step) and "dx" in answer:
            x, dy = per_channel(step.x, axis), per_channel(step.dy, axis)
            gamma, *_ = state_of(layer, len(x))
            mean = x.mean(axis=1, keepdims=True)
            inverse = 1 / np.sqrt(x.var(axis=1, keepdims=True) + epsilon)
            missing = mean * inverse**3 * (dy * (x - mean)).mean(axis=1, keepdims=True)
            dx = per_channel(answer["dx"], axis) - column(gamma) * missing
            answer["dx"] = like(dx, answer["dx"], axis)


def answers_of(case, knobs, fault):
    """Return what a mutant answers to a case, with what one framework does on top, and its refusal.

    `knobs` is a mutant's name; a fault of "" is none.
    """
    layer, steps = Layer(**vars(case.layer()), mode=knobs), case.inputs()
    axis = 1 if layer.channel_axis is None else layer.channel_axis
    mutant = Mutant(layer, steps[0].x.shape[axis], axis)
    answers, refusal = [], None
    with np.errstate(all="ignore"):
        try:
            for step in steps:
                answers.append(mutant.call(step))
        except ValueError as error:
            refusal = str(error)
        if fault:
            globals()[fault](layer, steps[: len(answers)], answers, axis)
    return Answered(answers, refusal)
