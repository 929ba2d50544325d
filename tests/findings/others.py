"""What more layers do in an order or a way of their own: ONNX, Paddle, tinygrad, Keras 0.2."""

import numpy as np

from test_cases.case import Case
from tests.findings.keras_layers import smallest_cube
from tests.findings.repetition import Repetition, column, rows, summed_in_order

F32 = np.float32


def float32_attributes(layer, step, answer):
    """The ONNX evaluator's own NumPy, with momentum and epsilon as the floats of a model, and one
    minus momentum taken in float32: exact for float32(0.9), rounded for float32(0.1)."""
    x = np.ascontiguousarray(np.moveaxis(step.x, layer.channel_axis, 1))
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    shape = (1, -1) + (1,) * (x.ndim - 2)
    momentum = F32(1.0 - layer.momentum if layer.raw_momentum is None else layer.raw_momentum)
    epsilon, history, weight = map(float, (F32(layer.epsilon), momentum, F32(1) - momentum))
    mean, variance = layer.running_mean, layer.running_var
    answer = {}
    if step.training:
        mean, variance = x.mean(axis=axes), x.var(axis=axes)
        answer["running_mean"] = layer.running_mean * history + mean * weight
        answer["running_var"] = layer.running_var * history + variance * weight
    gamma, beta, mean, variance = (
        vector.reshape(shape) for vector in (layer.gamma, layer.beta, mean, variance)
    )
    answer["y"] = rows(gamma * (x - mean) / np.sqrt(variance + epsilon) + beta, 1)
    return answer


def skipped_single_value(layer, step, answer):
    """Paddle skips the computation where each channel has one value."""
    zeros = np.zeros(len(layer.gamma), step.x.dtype)
    return {
        "y": rows(step.x, layer.channel_axis),
        "dx": rows(step.dy, layer.channel_axis),
        "dgamma": zeros,
        "dbeta": zeros,
        "running_mean": layer.running_mean,
        "running_var": layer.running_var,
    }


def one_factor(layer, step, answer):
    """tinygrad rounds momentum * n / (n - 1), one factor, before it meets the variance."""
    if not step.training:
        return {}
    x = rows(step.x, layer.channel_axis)
    n = x.shape[1]
    factor, history = F32(layer.momentum * n / (n - 1)), F32(1 - layer.momentum)
    return {"running_var": history * layer.running_var + factor * x.var(axis=1)}


def row_after_row(layer, step, answer):
    """Theano without a compiler adds row after row, and epsilon to each term of the variance."""
    x = rows(step.x, layer.channel_axis)
    n, history = x.shape[1], 1.0 - layer.momentum
    mean = summed_in_order(x) / n
    deviation = np.sqrt(summed_in_order(np.square(x - column(mean)) + layer.epsilon) / n)
    return {
        "running_mean": history * layer.running_mean + (1 - history) * mean,
        "running_var": history * layer.running_var + (1 - history) * deviation,
    }


def overwritten_initializers(layer, step, answer):
    """ONNX Runtime keeps one of two equal vectors: the new statistics, written where the old ones
    stood, are gamma and beta by the time that y is computed. So it is where y alone is asked for,
    and in float16 always."""
    if "y" not in answer or not step.training:
        return {}
    x = rows(step.x, layer.channel_axis).astype(float)
    mean, var = x.mean(axis=1), x.var(axis=1)
    x_hat = (x - column(mean)) / column(np.sqrt(var + layer.epsilon))
    history = 1.0 - layer.momentum
    gamma, beta = history * 1 + (1 - history) * var, (1 - history) * mean
    return {"y": (x_hat * column(gamma) + column(beta)).astype(step.x.dtype)}


EQUAL_VECTORS = Case(
    name="a-new-layers-vectors-in-half-precision",
    reason="gamma and the variance are equal, and so are beta and the mean",
    shape=(4, 3, 5, 5),
    dtype="float16",
    state={"gamma": [1.0], "beta": [0.0], "running_mean": [0.0], "running_var": [1.0]},
)
REPETITIONS = (
    Repetition(
        "onnx-reference",
        float32_attributes,
        cases=("*-float64",),
        but=("a-bare-*", "the-5x5-*", "the-axis-*", "the-initial-*"),
    ),
    Repetition("paddle", skipped_single_value, cases=("one-*-per-channel-in-training-*",)),
    Repetition("tinygrad", one_factor, cases=("sixteen-exact-values-*-float32",)),
    Repetition("tinygrad", smallest_cube, cases=("inputs-of-scale-1e+15-float32",), within=1000),
    Repetition(
        "onnxruntime",
        overwritten_initializers,
        cases=("the-5x5-matrix-*-float32", "the-axis-example-*-float32"),
        mode="only-y",
        within=4,
    ),
    Repetition("onnxruntime", overwritten_initializers, own=(EQUAL_VECTORS,), within=2),
    Repetition("keras-theano", row_after_row, cases=("a-long-constant-channel-*-float64",)),
)
