"""MXNet's BatchNorm on the CPU: src/operator/nn/batch_norm.cc.

It keeps 1/std, and what it knows of the variance in backward it gets back from that.
"""

from dataclasses import replace

import numpy as np

from test_cases.case import Case, normal
from tests.findings.repetition import Repetition, column, rows, summed_in_order

F32 = np.float32
HALF = np.float16


def half_layer(layer, step, answer):
    """Whatever a half-precision number has a part in is one: epsilon and variance + epsilon, and
    every step from x - mean to y and to dx. The batch's sums and the statistics are float32."""
    x = rows(step.x, layer.channel_axis)
    wide, gamma, beta = x.astype(F32), layer.gamma.astype(F32), layer.beta.astype(F32)
    mean, variance = layer.running_mean.astype(F32), layer.running_var.astype(F32)
    if step.training:
        mean, variance = moments(wide)
    inverse = inverse_std(variance, layer.epsilon)
    x_hat = rounded(rounded(wide - column(mean)) * column(inverse))
    answer = {"y": rounded(x_hat * column(gamma)) + column(beta)}
    answer["y"] = answer["y"].astype(HALF)
    if step.dy is not None:
        dy, n = rows(step.dy, layer.channel_axis).astype(F32), F32(x.shape[1])
        centred = rounded(wide - column(mean))
        dbeta, products = summed_in_order(dy), summed_in_order(rounded(centred * dy))
        answer |= {"dgamma": products * inverse, "dbeta": dbeta}
        if step.training:
            projected = rounded(centred * column(products * inverse * inverse / n))
            dy = rounded(rounded(dy - column(dbeta / n)) - projected)
        answer["dx"] = (dy * column(inverse * gamma)).astype(HALF)
    return answer | moved(layer, step, mean, inverse, F32)


def double_layer(layer, step, answer):
    """`BatchNormParam::momentum` is a float: the history weighs float32(1 - m)."""
    mean, variance = moments(rows(step.x, layer.channel_axis))
    return moved(layer, step, mean, 1 / np.sqrt(variance + layer.epsilon), np.float64)


def operator_in_half(layer, step, answer):
    """The same without gamma, which the operator ignores unless told otherwise."""
    answer = half_layer(replace(layer, gamma=np.ones_like(layer.gamma)), step, answer)
    return answer | {"dgamma": np.zeros(len(layer.gamma), F32)} if "dgamma" in answer else answer


def synchronised_layer(layer, step, answer):
    """SyncBatchNorm (contrib/sync_batch_norm-inl.h) takes E[x^2] - E[x]^2 and sums sample after
    sample; nothing keeps the difference from being negative. Its gradient is of order std^-3."""
    if not step.training:
        return {}
    channels, samples = len(layer.gamma), len(step.x)
    gamma, beta, epsilon = column(layer.gamma), column(layer.beta), F32(layer.epsilon)

    def total(array):
        return summed_in_order(
            summed_in_order(array.reshape(channels * samples, -1)).reshape(channels, -1)
        )

    x = rows(step.x, layer.channel_axis)
    share = F32(1) / F32(x.shape[1])
    mean, square = total(x) * share, total(x * x) * share
    variance, centred = square - mean * mean, x - column(mean)
    with np.errstate(invalid="ignore"):
        root = np.sqrt(variance + epsilon)
        cube = np.power((variance + epsilon).astype(float), -1.5).astype(F32)
    answer = {"y": gamma * centred / column(root) + beta}
    if step.dy is None:
        return answer
    dy, history = rows(step.dy, layer.channel_axis), F32(1.0 - layer.momentum)
    along_variance = -total(dy * centred) * layer.gamma * cube
    along_mean = total(dy) * layer.gamma * (F32(-1) / root)
    direct = dy * gamma * column(F32(1) / root)
    return answer | {
        "dx": direct + column(along_variance) * share * centred + column(along_mean) * share,
        "running_mean": layer.running_mean * history + mean * (F32(1) - history),
        "running_var": layer.running_var * history + variance * (F32(1) - history),
    }


def moved(layer, step, mean, inverse, dtype):
    """Return the running statistics; the variance comes back as 1/invstd^2 - epsilon."""
    if not step.training or step.dy is None:
        return {}
    with np.errstate(divide="ignore"):
        variance = (1 / (inverse * inverse).astype(float) - layer.epsilon).astype(dtype)
    history = dtype(F32(1.0 - layer.momentum))
    return {
        name: old.astype(dtype) * history + new * (dtype(1) - history)
        for name, old, new in (
            ("running_mean", layer.running_mean, mean),
            ("running_var", layer.running_var, variance),
        )
    }


def moments(x):
    """Return mean and variance, each value added after the other in x's own width."""
    n = x.dtype.type(x.shape[1])
    mean = summed_in_order(x) / n
    return mean, summed_in_order(np.square(x - column(mean))) / n


def inverse_std(variance, epsilon):
    """Return 1 / sqrt(variance + epsilon), epsilon the nearest float16 and the sum one: above 65504
    it is infinite."""
    with np.errstate(over="ignore"):
        held = (variance + F32(HALF(epsilon))).astype(HALF)
    return (1 / np.sqrt(held.astype(F32)).astype(float)).astype(F32)


def rounded(value):
    """Return a float16 number as the float32 that it is."""
    return value.astype(HALF).astype(F32)


EPSILON = tuple(
    Case(
        name=f"an-epsilon-of-{epsilon:g}-beside-a-small-variance",
        reason="which half-precision number stands for epsilon",
        shape=(4, 3, 5, 5),
        x=normal(std=std),
        dtype="float16",
        epsilon=epsilon,
    )
    for epsilon, std in ((1e-5, 1e-3), (1e-3, 1e-2))
)
"""No number of float16: 1e-5 is nearest to 1.0014e-5, and 9.954e-6 is the one below it."""

NO_STATE = ("a-bare-*", "an-empty-*", "the-*")
DOUBLE = {"cases": ("*-float64",), "but": NO_STATE}
REPETITIONS = (
    Repetition("gluon", half_layer, cases=("*-float16",), own=EPSILON),
    Repetition("gluon", double_layer, **DOUBLE),
    Repetition("mxnet-operator", operator_in_half, cases=("*-float16",)),
    Repetition("mxnet-operator", double_layer, **DOUBLE),
    Repetition("mxnet-sync", synchronised_layer, cases=("*-float32",), but=NO_STATE),
)
