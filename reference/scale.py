"""The size of each tensor, channel by channel: what a bound must be small beside to say anything.

A value can be small by cancellation, so it is the size of the terms that counts, not that of the
value: x_hat of a constant channel is 0, but a layer whose x_hat may be off by 1 is not proved
right by that. The yardstick of x_hat is one standard deviation, 1, or more where it is larger.

No size is below the least at which its format still has all of its digits: beneath that a result
that underflows is as good as the format can say it.
"""

import numpy as np

from .batch_norm import Forward
from .float_formats import FloatFormat
from .layout import channel_major
from .precision import Precision

WIDEST = 0.5
"""The bound, in units of the scale, above which nothing is decided: within half of the size of what
it is made of, a value may lose its sign, and 0 is within the bound of it and of its double."""


def forward_scale(forward: Forward, precision: Precision) -> dict[str, np.ndarray]:
    """Return the sizes of y, running_mean and running_var, (channels,) each, float64."""
    x_hat = np.abs(np.asarray(forward.x_hat, np.float64)).max(axis=(1, 2), initial=1.0)
    gamma, beta = _vector(forward.scale), _vector(forward.beta)
    w = abs(float(forward.weight))
    history = abs(1 - w)
    deviation = np.asarray(forward.x, np.float64)
    deviation = deviation.std(axis=(1, 2)) if deviation.size else np.zeros(len(deviation))
    new_mean, old_mean = _vector(forward.batch_mean), _vector(forward.previous_mean)
    new_var, old_var = _vector(forward.batch_statistic), _vector(forward.previous_var)
    if forward.conventions.running_statistic == "variance":
        new_var = new_var + abs(float(forward.epsilon))
    mean, variance = w * (new_mean + deviation), w * new_var
    if history:  # which may be infinite, and 0 times that is no size
        mean, variance = mean + history * old_mean, variance + history * old_var
    return {
        "y": np.maximum(gamma * x_hat + beta, _least(precision.output)),
        "running_mean": np.maximum(mean, _least(precision.statistics)),
        "running_var": np.maximum(variance, _least(precision.statistics)),
    }


def backward_scale(dy: np.ndarray, forward: Forward, precision: Precision) -> dict[str, np.ndarray]:
    """Return the sizes of dx, dgamma and dbeta, (channels,) each, float64."""
    dy = np.abs(channel_major(dy, forward.channel_axis, np.float64))
    x_hat = np.square(np.asarray(forward.x_hat, np.float64))
    x_hat = np.sqrt(x_hat.mean(axis=(1, 2))) if x_hat.size else np.ones(len(x_hat))
    gamma = _vector(forward.scale)
    gamma = np.where(gamma == 0, 1.0, gamma)
    inverse = np.abs(np.asarray(forward.inverse_std, np.float64)).max(axis=(1, 2), initial=0.0)
    summed = np.sqrt(np.square(dy).sum(axis=(1, 2)))
    dx = gamma * inverse * dy.max(axis=(1, 2), initial=0.0)
    return {
        "dx": np.maximum(dx, _least(precision.output)),
        "dgamma": np.maximum(summed * np.maximum(x_hat, 1.0), _least(precision.parameters)),
        "dbeta": np.maximum(summed, _least(precision.parameters)),
    }


def _least(stored_as: FloatFormat) -> float:
    """Return the size below which an underflow is more than a unit of roundoff."""
    return stored_as.underflow / stored_as.unit_roundoff


def _vector(values: np.ndarray) -> np.ndarray:
    return np.abs(np.asarray(values, np.float64)).ravel()
