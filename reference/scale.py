"""The size of each tensor, channel by channel: what a bound must be small beside to say anything.

A value can be small by cancellation, so it is the size of the terms that counts, not that of the
value: x_hat of a constant channel is 0, but a layer whose x_hat may be off by 1 is not proved
right by that. The yardstick of x_hat is one standard deviation, 1, or more where it is larger.
"""

import numpy as np

from .batch_norm import Forward
from .layout import channel_major


def forward_scale(forward: Forward) -> dict[str, np.ndarray]:
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
    return {
        "y": gamma * x_hat + beta,
        "running_mean": history * old_mean + w * (new_mean + deviation),
        "running_var": history * old_var + w * new_var,
    }


def backward_scale(dy: np.ndarray, forward: Forward) -> dict[str, np.ndarray]:
    """Return the sizes of dx, dgamma and dbeta, (channels,) each, float64."""
    dy = np.abs(channel_major(dy, forward.channel_axis, np.float64))
    x_hat = np.square(np.asarray(forward.x_hat, np.float64))
    x_hat = np.sqrt(x_hat.mean(axis=(1, 2))) if x_hat.size else np.ones(len(x_hat))
    gamma = _vector(forward.scale)
    gamma = np.where(gamma == 0, 1.0, gamma)
    inverse = np.abs(np.asarray(forward.inverse_std, np.float64)).max(axis=(1, 2), initial=0.0)
    summed = np.sqrt(np.square(dy).sum(axis=(1, 2)))
    return {
        "dx": gamma * inverse * dy.max(axis=(1, 2), initial=0.0),
        "dgamma": summed * np.maximum(x_hat, 1.0),
        "dbeta": summed,
    }


def _vector(values: np.ndarray) -> np.ndarray:
    return np.abs(np.asarray(values, np.float64)).ravel()
