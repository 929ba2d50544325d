"""The layers on JAX, Flax, its NNX, Haiku and Equinox, and what others do at the same edges."""

import numpy as np

from test_cases.case import Case, constant, normal, per_channel
from tests.findings.repetition import Repetition, column, rows, summed, summed_in_order

F32 = np.float32


def two_cotangents(layer, step, answer, apart=True):
    """Flax: x reaches y through x - mean and through the statistics; each way's cotangent is
    rounded to half precision before the two are added."""
    if step.dy is None:
        return {}
    x, dy = (rows(one, layer.channel_axis) for one in (step.x, step.dy))
    half, n = x.dtype, F32(x.shape[1])
    wide, gamma = x.astype(F32), layer.gamma.astype(F32)
    mean = summed(wide) / n
    variance = summed(wide * wide) / n - mean * mean
    inverse = (1 / np.sqrt(variance.astype(float) + layer.epsilon)).astype(F32)
    direct = dy.astype(F32) * column(inverse * gamma)
    products = summed(dy.astype(F32) * (wide - column(mean)))
    slope = (products * gamma).astype(float) * inverse.astype(float) ** 3 / n
    through_statistics = column(-summed(direct) / n) - (wide - column(mean)) * column(slope)
    parts = direct, through_statistics.astype(F32)
    return {"dx": sum(part.astype(half) for part in parts) if apart else sum(parts).astype(half)}


def no_variance_term(layer, step, answer):
    """The derivative of rsqrt is of order std^-3, which is 0 in float32 above a std of 10^12.6."""
    x, dy = (rows(one, layer.channel_axis) for one in (step.x, step.dy))
    inverse = 1 / np.sqrt(x.astype(float).var(axis=1) + layer.epsilon)
    centred = dy - column(dy.astype(float).mean(axis=1))
    return {"dx": (centred * column(inverse * layer.gamma)).astype(F32)}


def float32_beginnings(layer, step, answer):
    """Flax: the statistics that a float64 layer begins with are float32 numbers, and what meets
    them is rounded to that: epsilon in the deviation, and momentum times the history."""
    x = rows(step.x, layer.channel_axis)
    if not step.training and layer.running_var is None:
        return {"y": x * float(F32(1) / np.sqrt(F32(1) + F32(layer.epsilon)))}
    if step.training and layer.running_var.dtype == F32:
        history = (F32(1.0 - layer.momentum) * layer.running_var).astype(float)
        return {"running_var": history + (1 - (1.0 - layer.momentum)) * x.var(axis=1)}
    return {}


def float32_average(layer, step, answer):
    """NNX: momentum times the history is rounded to float32, and the sum with the batch again."""
    if not step.training:
        return {}
    mean = rows(step.x, layer.channel_axis).astype(np.longdouble).mean(axis=1).astype(float)
    history = F32(1.0 - layer.momentum) * layer.running_mean.astype(F32)
    return {"running_mean": (history + (1 - (1.0 - layer.momentum)) * mean).astype(F32)}


def haiku_operation_by_operation(layer, step, answer):
    """Haiku: every operation answers in half precision, the squares and their mean too."""
    x = rows(step.x, layer.channel_axis)
    if not step.training:
        return {}
    half, n = x.dtype.type, F32(x.shape[1])

    def mean_of(array):
        return (summed(array.astype(F32)) / n).astype(half)

    with np.errstate(over="ignore", invalid="ignore"):
        mean = mean_of(x)
        variance = mean_of(x * x) - mean * mean
        inverse = (F32(1) / np.sqrt((variance + half(layer.epsilon)).astype(F32))).astype(half)
        y = (x - column(mean)) * column(inverse * layer.gamma) + column(layer.beta)
    return {"y": y}


def equinox_operation_by_operation(layer, step, answer):
    """Equinox: the same, its means taken of a sample's positions and then, one sample after the
    other, of the samples; in float16 it multiplies by the reciprocal of the deviation."""
    x = rows(step.x, layer.channel_axis)
    if not step.training:
        return {}
    half, samples = x.dtype.type, len(step.x)

    def mean_of(array):
        a_sample = array.reshape(len(array), samples, -1).astype(float).mean(axis=2)
        total = summed_in_order(a_sample.astype(F32).astype(half))
        return (total.astype(F32) / F32(samples)).astype(half)

    with np.errstate(over="ignore", invalid="ignore"):
        centred = x - column(mean_of(x))
        deviation = column(np.sqrt(mean_of(centred * centred) + half(layer.epsilon)))
        x_hat = centred * (half(1) / deviation) if half is np.float16 else centred / deviation
        return {"y": x_hat * column(layer.gamma) + column(layer.beta)}


def corrected_for_a_start_at_0(layer, step, answer):
    """Equinox, "batch": inference divides both running statistics by 1 - history^t, whatever the
    statistics were before the first of the t batches."""
    if step.training or not answer["batches_seen"]:
        return {}
    scale = 1 - (1.0 - layer.momentum) ** answer["batches_seen"]
    mean, var = (one.astype(float) / scale for one in (layer.running_mean, layer.running_var))
    x_hat = (rows(step.x, layer.channel_axis) - column(mean)) / column(np.sqrt(var + layer.epsilon))
    answer = {"y": x_hat * column(layer.gamma) + column(layer.beta)}
    if step.dy is not None:
        answer["dgamma"] = (rows(step.dy, layer.channel_axis) * x_hat).sum(axis=1)
    return {name: array.astype(step.x.dtype) for name, array in answer.items()}


def normalised_by_the_average(layer, step, answer):
    """Equinox, "ema": a batch is normalised by the averages that it has entered, the first by
    itself, and its gradient flows through its share of them."""
    if not step.training:
        return {}
    x = rows(step.x, layer.channel_axis).astype(float)
    share = layer.momentum if answer["batches_seen"] else 1.0
    own_mean, own_var = x.mean(axis=1), x.var(axis=1)
    mean = share * own_mean + (1 - share) * layer.running_mean
    var = share * own_var + (1 - share) * layer.running_var
    inverse = column(1 / np.sqrt(var + layer.epsilon))
    x_hat = (x - column(mean)) * inverse
    answer = {"y": x_hat * column(layer.gamma) + column(layer.beta)}
    if step.dy is not None:
        dy = rows(step.dy, layer.channel_axis).astype(float)
        projected = (x - column(own_mean)) * inverse * column((dy * x_hat).mean(axis=1))
        bracket = dy - share * column(dy.mean(axis=1)) - share * projected
        answer["dx"] = bracket * inverse * column(layer.gamma)
        answer["dgamma"] = (dy * x_hat).sum(axis=1)
    return {name: array.astype(step.x.dtype) for name, array in answer.items()}


def infinite_slope(layer, step, answer):
    """The derivative of rsqrt at a variance of 0 and an epsilon of 1e-30, of order 10^45, is
    infinite in float32; the sum that it multiplies is 0."""
    return {"dx": np.where(constant_channels(layer, step), np.nan, rows(answer["dx"], 1))}


def finite_slope(layer, step, answer):
    """Where the deviation divides, or its power is never taken, dx is what it should be."""
    dy = rows(step.dy, layer.channel_axis).astype(float)
    centred = dy - column(dy.mean(axis=1))
    inverse = 1 / np.sqrt(layer.epsilon)
    dx = (centred * column(inverse * layer.gamma)).astype(F32)
    return {"dx": np.where(constant_channels(layer, step), dx, rows(answer["dx"], 1))}


def constant_channels(layer, step):
    x = rows(step.x, layer.channel_axis)
    return column(np.ptp(x, axis=1) == 0)


TINY_EPSILON = Case(
    name="a-constant-channel-beside-an-epsilon-of-1e-30",
    reason="the third power of 1 / std is above the largest float32",
    shape=(4, 3, 5, 5),
    x=per_channel(constant(0.5), normal(), constant(0.0)),
    epsilon=1e-30,
)
INFINITE = ("flax", "flax-nnx", "haiku", "keras-jax", "keras-torch", "mlx", "tinygrad")
FINITE = ("equinox", "pytorch", "gluon")
HALF = ("*-float16", "*-bfloat16")
SOME_HALF = (
    *("rank-*-channels-first-*float16", "a-mean-of-100-*-float16", "values-of-300-*"),
    "a-constant-channel-*-float16",
)
HUGE = ("inputs-of-scale-1e+15-float32",)
CANCELLING = ("a-mean-of-10*-float16",)
SEVERAL = ("five-training-steps-*", "two-forward-passes-*", "training-goes-on-*")
REPETITIONS = (
    Repetition("flax", two_cotangents, cases=HALF, but=CANCELLING, strays=1),
    Repetition("flax", float32_beginnings, cases=("the-initial-state-*-float64",), within=1),
    Repetition("flax", no_variance_term, cases=HUGE, within=1),
    Repetition("flax-nnx", no_variance_term, cases=HUGE, within=1),
    Repetition("haiku", no_variance_term, cases=HUGE, within=1),
    Repetition("keras-jax", no_variance_term, cases=HUGE, within=3),
    Repetition("flax-nnx", float32_average, cases=("rank-*-float64", "five-*-float64")),
    Repetition("haiku", haiku_operation_by_operation, cases=SOME_HALF, mode="eager"),
    Repetition("equinox", equinox_operation_by_operation, cases=HALF),
    Repetition(
        "equinox",
        corrected_for_a_start_at_0,
        cases=(*SEVERAL, "rank-4-channels-first-*", "running-statistics-far-*"),
        but=HALF,
        within=8,
    ),
    *(Repetition(name, infinite_slope, own=(TINY_EPSILON,)) for name in (*INFINITE, "mxnet-sync")),
    *(Repetition(name, finite_slope, own=(TINY_EPSILON,), within=2) for name in FINITE),
    Repetition("equinox", normalised_by_the_average, cases=SEVERAL, mode="ema", within=8),
)
