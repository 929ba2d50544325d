"""A small BatchNorm layer that shares nothing with the reference: it makes the dumps of the tests.

It computes in the dtype of its arrays, channels last, and is told every choice by an argument.
"""

import numpy as np

FRAMEWORKS = {
    "PyTorch": {"epsilon": 1e-5, "weight": 0.1, "running": "n - 1"},
    "Keras 3": {"epsilon": 1e-3, "weight": 0.01, "running": "n"},
    "Flax": {"epsilon": 1e-5, "weight": 0.01, "running": "n"},
    "Gluon": {"epsilon": 1e-5, "weight": 0.1, "running": "n"},
    "ONNX": {"epsilon": 1e-5, "weight": 0.1, "running": "n"},
    "tf.keras 2": {"epsilon": 1e-3, "weight": 0.01, "running": "n - 1"},
    "Keras 2.1.4 to 2.3.1": {"epsilon": 1e-3, "weight": 0.01, "running": "n - 1 - epsilon"},
    "Keras 0.2": {
        **{"epsilon": 1e-6, "weight": 0.1, "running": "n", "by_running": True},
        **{"placement": "both", "kept": "standard_deviation"},
    },
}
"""The choices that make the layer follow each framework, its defaults included."""


def inputs(shape, axis, dtype, seed=0, positive=False, mean=1.0):
    """Return the arrays that go into one call; the channels' deviations run from 0.01 to 3."""
    random = np.random.default_rng(seed)
    channels = shape[axis]
    along = [1] * len(shape)
    along[axis] = channels
    spread = np.logspace(-2, 0.5, channels).reshape(along)
    offset = mean * random.normal(size=channels).reshape(along)
    gamma = random.uniform(0.5, 2.0, channels)
    if not positive:
        gamma[::2] *= -1
    arrays = {
        "x": random.normal(size=shape) * spread + offset,
        "gamma": gamma,
        "beta": random.normal(size=channels),
        "dy": random.normal(size=shape),
        "running_mean_before": random.normal(size=channels),
        "running_var_before": random.uniform(0.5, 2.0, channels),
    }
    return {name: array.astype(dtype) for name, array in arrays.items()}


def deviation(variance, epsilon, placement):
    """Return what x - mean is divided by, and its derivative by the variance."""
    if placement == "outside_sqrt":
        root = np.sqrt(variance)
        return root + epsilon, 1 / (2 * root)
    root = np.sqrt(variance + epsilon)
    return root + (epsilon if placement == "both" else 0), 1 / (2 * root)


def call(
    arrays,
    axis,
    *,
    epsilon=1e-5,
    weight=0.1,
    divisor="n",
    placement="in_sqrt",
    running="n - 1",
    one_pass=False,
    blocked=False,
    training=True,
    kept="variance",
    by_running=False,
    scale=lambda gamma: gamma,
):
    """Return the arrays of a dump: what went in and what the layer made of it."""
    dtype = arrays["x"].dtype.type
    epsilon, weight = dtype(epsilon), dtype(weight)
    x, dy = (np.moveaxis(arrays[name], axis, -1) for name in ("x", "dy"))
    shape = x.shape
    x, dy = x.reshape(-1, shape[-1]), dy.reshape(-1, shape[-1])
    n = len(x)
    old_mean, old_var = arrays["running_mean_before"], arrays["running_var_before"]
    mean = x.mean(axis=0)
    variance = (x * x).mean(axis=0) - mean * mean if one_pass else ((x - mean) ** 2).mean(axis=0)
    divided_by = {"n": n, "n - 1": n - 1, "n - 1 - epsilon": n - 1 - float(epsilon)}
    constant = blocked or by_running or not training
    if by_running or not training:
        used_mean, used = old_mean, old_var
    else:
        used_mean, used = mean, variance * dtype(n / divided_by[divisor])
    std, slope = deviation(used, epsilon, placement)
    if kept == "standard_deviation" and (by_running or not training):
        std = used + (epsilon if placement != "in_sqrt" else 0)
    gamma = scale(arrays["gamma"])
    x_hat = (x - used_mean) / std
    y = gamma * x_hat + arrays["beta"]
    dgamma, dbeta = (dy * x_hat).sum(axis=0), dy.sum(axis=0)
    dx = gamma / std * dy
    if not constant:
        # d(std) = slope d(variance); d(variance) = 2 / divisor (x - mean) dx, the mean's part is 0.
        share = dtype(2 / divided_by[divisor])
        dx = dx - dx.mean(axis=0) - gamma * dgamma / std * slope * share * (x - mean)
    statistic = variance * dtype(n / divided_by[running])
    if kept == "standard_deviation":
        statistic = np.sqrt(statistic + epsilon)
    if not training:
        weight = dtype(0)
    out = {
        "dx": np.moveaxis(dx.reshape(shape), -1, axis),
        "y": np.moveaxis(y.reshape(shape), -1, axis),
        "dgamma": dgamma,
        "dbeta": dbeta,
        "running_mean_after": (1 - weight) * old_mean + weight * mean,
        "running_var_after": (1 - weight) * old_var + weight * statistic,
    }
    return arrays | {name: array.astype(dtype) for name, array in out.items()}
