"""Kernels that compute one call in float32, each with an arithmetic of its own; none is wrong.

A kernel is made of a sum and of an algorithm for the mean and the variance. All arrays are
(values, channels), as `tests.independent_layer` has them, and every operation is rounded to their
dtype.
"""

import numpy as np


def pairwise(terms):
    return np.ascontiguousarray(terms.T).sum(axis=1)


def sequential(terms):
    """Add one term after the other, as a plain loop does."""
    return np.add.accumulate(terms, axis=0)[-1]


def by_threads(terms, threads=4):
    """Add in equal blocks, one a thread, one term after the other; then the blocks' sums."""
    return sequential(np.stack([sequential(part) for part in np.array_split(terms, threads)]))


def by_lanes(terms, lanes=8):
    """Add lanes side by side, as a vector register does, then the lanes."""
    padded = np.concatenate([terms, np.zeros((-len(terms) % lanes, terms.shape[1]), terms.dtype)])
    return sequential(sequential(padded.reshape(-1, lanes, terms.shape[1])))


def two_pass(x, total):
    mean = total(x) / x.dtype.type(len(x))
    return mean, total((x - mean) ** 2) / x.dtype.type(len(x))


def one_pass(x, total):
    n = x.dtype.type(len(x))
    mean = total(x) / n
    return mean, np.maximum(total(x * x) / n - mean * mean, x.dtype.type(0))


def kernel(arrays, axis, *, total=pairwise, moments=two_pass, epsilon=1e-5, weight=0.1, ddof=1):
    """Return the dump of a training call whose sums and moments are computed in this way."""
    dtype = arrays["x"].dtype.type
    epsilon, weight, one = dtype(epsilon), dtype(weight), dtype(1)
    last_axis = [np.moveaxis(arrays[name], axis, -1) for name in ("x", "dy")]
    shape = last_axis[0].shape
    x, dy = (array.reshape(-1, shape[-1]) for array in last_axis)
    n = dtype(len(x))
    mean, variance = moments(x, total)
    inverse = one / np.sqrt(variance + epsilon)
    x_hat = (x - mean) * inverse
    gamma = arrays["gamma"]
    dbeta, dgamma = total(dy), total(dy * x_hat)
    dx = gamma * inverse * (dy - dbeta / n - x_hat * (dgamma / n))
    statistic = variance * dtype(len(x) / (len(x) - ddof))
    out = {
        "y": np.moveaxis((gamma * x_hat + arrays["beta"]).reshape(shape), -1, axis),
        "dx": np.moveaxis(dx.reshape(shape), -1, axis),
        "dgamma": dgamma,
        "dbeta": dbeta,
        "running_mean_after": (one - weight) * arrays["running_mean_before"] + weight * mean,
        "running_var_after": (one - weight) * arrays["running_var_before"] + weight * statistic,
    }
    return arrays | {name: np.ascontiguousarray(array, dtype) for name, array in out.items()}
