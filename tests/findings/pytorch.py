"""PyTorch on the CPU in half precision: which numbers of a layer's arithmetic are rounded to it.

Read beside ATen/native/cpu/batch_norm_kernel.cpp and ATen/native/Normalization.cpp. Between two
roundings everything is float32, or double where epsilon or momentum enters.
"""

from dataclasses import replace

import numpy as np

from test_cases.case import numpy_dtype
from tests.findings.repetition import Repetition, column, rows, summed

bfloat16 = numpy_dtype("bfloat16").type
F32 = np.float32


def float16_layer(layer, step, answer, rounds=("mean", "inverse_std")):
    """The batch's mean and 1/std are rounded to float16, and normalise as such; the running
    statistics take the mean and the variance as they were before."""
    x = rows(step.x, layer.channel_axis)
    half = x.dtype.type
    if not step.training:
        return inferred(layer, x)
    wide, n = x.astype(F32), F32(x.shape[1])
    mean = summed(wide) / n
    variance = summed(np.square(wide - column(mean))) / n
    saved = {"mean": mean, "inverse_std": inverse_std(variance, layer.epsilon)}
    saved |= {name: saved[name].astype(half) for name in rounds}
    unbiased = variance * n / (n - 1)
    return {
        **normalised(layer, x, step, **saved),
        "running_mean": averaged(layer.running_mean, mean, layer.momentum),
        "running_var": averaged(layer.running_var, unbiased, layer.momentum),
    }


def bfloat16_layer(layer, step, answer, weight=bfloat16):
    """The mean, the sum of squares, their divisors n and n - 1, and 1/std are bfloat16 numbers; so
    are the weights of the running statistics, bfloat16(m) and bfloat16(1 - m), which do not add up
    to 1, and their products."""
    x = rows(step.x, layer.channel_axis)
    half = x.dtype.type
    if not step.training:
        return inferred(layer, x)
    wide, n = x.astype(F32), x.shape[1]
    mean = (summed(wide) / F32(n)).astype(half)
    squares = summed(np.square(wide - column(mean.astype(F32)))).astype(half)
    variance, unbiased = (squares / half(n)).astype(F32), (squares / half(n - 1)).astype(F32)
    m, history = (weight(one) for one in (layer.momentum, 1 - layer.momentum))
    running_var = F32(m) * unbiased + (history * layer.running_var).astype(F32)
    return {
        **normalised(layer, x, step, mean, inverse_std(variance, layer.epsilon).astype(half)),
        "running_mean": (m * mean + history * layer.running_mean).astype(half),
        "running_var": running_var.astype(half),
    }


def averaged(old, new, momentum):
    """Return the moving average, rounded once, to the dtype that it is kept in."""
    with np.errstate(over="ignore"):
        return (momentum * new.astype(float) + (1 - momentum) * old.astype(float)).astype(old.dtype)


def inverse_std(variance, epsilon):
    return (1 / np.sqrt(variance.astype(float) + epsilon)).astype(F32)


def inferred(layer, x):
    """Inference rounds nothing but y."""
    mean = layer.running_mean.astype(F32)
    inverse = F32(1) / np.sqrt(layer.running_var.astype(F32) + F32(layer.epsilon))
    return {"y": affine(layer, x.astype(F32), mean, inverse).astype(x.dtype)}


def affine(layer, x, mean, inverse):
    """Return y as a line in x, whose slope and constant are float32 numbers."""
    slope = inverse * layer.gamma.astype(F32)
    constant = layer.beta.astype(F32) - mean * slope
    return fused(column(constant), x, column(slope))


def normalised(layer, x, step, mean, inverse_std):
    """Return y and the gradients, from a mean and 1/std that are half-precision numbers."""
    half, n = x.dtype, F32(x.shape[1])
    x, mean, inverse, gamma = (one.astype(F32) for one in (x, mean, inverse_std, layer.gamma))
    answer = {"y": affine(layer, x, mean, inverse).astype(half)}
    if step.dy is None:
        return answer
    dy = rows(step.dy, layer.channel_axis).astype(F32)
    dbeta, products = summed(dy), summed((x - column(mean)) * dy)
    slope = products * inverse * inverse / n
    bracket = fused(dy - column(dbeta / n), x - column(mean), -column(slope))
    dx = bracket * column(inverse) * column(gamma)
    answer |= {"dx": dx.astype(half), "dgamma": (products * inverse).astype(half)}
    return answer | {"dbeta": dbeta.astype(half)}


def fused(a, b, c):
    """Return a + b c in float32, rounded once: the compiler makes one instruction of it."""
    return (a.astype(float) + b.astype(float) * c.astype(float)).astype(F32)


def strided_float16_layer(layer, step, answer):
    """An input whose channels are the last of three axes is no contiguous image: it is computed
    number by number, and every difference, product and sum is a float16."""
    x = rows(step.x, layer.channel_axis)
    half = x.dtype.type
    gamma, beta = column(layer.gamma), column(layer.beta)
    if not step.training:
        root = np.sqrt(layer.running_var + half(layer.epsilon))
        centred = (x - column(layer.running_mean)) * column(half(1) / root)
        return {"y": centred * gamma + beta}
    wide, n = x.astype(F32), F32(x.shape[1])
    mean = (summed(wide) / n).astype(half)
    squares = summed(np.square(wide - column(mean.astype(F32))))
    inverse = inverse_std(squares / n, layer.epsilon).astype(half)
    centred = x - column(mean)
    answer = {
        "y": centred * column(inverse) * gamma + beta,
        "running_mean": averaged(layer.running_mean, mean, layer.momentum),
        "running_var": averaged(layer.running_var, squares / (n - 1), layer.momentum),
    }
    if step.dy is not None:
        dy = rows(step.dy, layer.channel_axis)
        dbeta, products = summed(dy.astype(F32)), summed((centred * dy).astype(F32))
        slope = products.astype(half) * inverse * inverse / half(n)
        bracket = dy - column((dbeta / n).astype(half)) - centred * column(slope)
        answer |= {
            "dx": bracket * column(inverse) * gamma,
            "dgamma": (products * inverse.astype(F32)).astype(half),
            "dbeta": dbeta.astype(half),
        }
    return answer


def strided_gradient_of_autocast(layer, step, answer):
    """With float32 parameters the same loops keep mean(dy), the projection's factor and both
    partial results of dx in float16."""
    if step.dy is None:
        return {}
    x, dy = rows(step.x, layer.channel_axis), rows(step.dy, layer.channel_axis)
    half = x.dtype.type
    wide, n, gamma = x.astype(F32), F32(x.shape[1]), layer.gamma.astype(F32)
    mean = summed(wide) / n
    inverse = inverse_std(summed(np.square(wide - column(mean))) / n, layer.epsilon)
    centred = wide - column(mean)
    dbeta, products = summed(dy.astype(F32)), summed(centred * dy.astype(F32))
    slope = (products.astype(half).astype(F32) * inverse * inverse / n).astype(half)
    projected = (centred * column(slope.astype(F32))).astype(half)
    bracket = dy - column((dbeta / n).astype(half)) - projected
    return {"dx": (bracket.astype(F32) * column(inverse) * column(gamma)).astype(half)}


def first_batch(repeat):
    """Return the repetition for momentum=None, where the first batch weighs 1."""

    def cumulative(layer, step, answer):
        return repeat(replace(layer, momentum=1.0), step, answer)

    cumulative.__name__ = repeat.__name__
    return cumulative


STRIDED = "rank-3-channels-last-*-float16"
LAYERS = (
    (float16_layer, {"cases": ("*-float16",), "but": (STRIDED,)}),
    (bfloat16_layer, {"cases": ("*-bfloat16",)}),
    (strided_float16_layer, {"cases": (STRIDED,)}),
)
REPETITIONS = (
    *(
        Repetition(name, repeat, **cases)
        for name in ("pytorch", "pytorch-functional", "pytorch-sync")
        for repeat, cases in LAYERS
    ),
    *(
        Repetition("pytorch", first_batch(repeat), **cases, mode="cumulative")
        for repeat, cases in LAYERS
    ),
    Repetition("pytorch", strided_gradient_of_autocast, cases=(STRIDED,), mode="autocast"),
)
