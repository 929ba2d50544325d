"""The gradients of `batch_norm` under any `Conventions` (paper, section 3)."""

from dataclasses import dataclass

import numpy as np

from .batch_norm import Forward
from .layout import CHANNEL, channel_major, from_channel_major, sum_of_products
from .running_statistics import root


@dataclass(frozen=True)
class Gradients:
    """Gradients of a loss with upstream gradient dy: dx in x's shape, the others (channels,)."""

    dx: np.ndarray
    dgamma: np.ndarray
    dbeta: np.ndarray


def batch_norm_backward(dy: np.ndarray, forward: Forward) -> Gradients:
    """Differentiate `batch_norm` (paper, section 3), for an upstream gradient dy of x's shape.

    With g = gamma dy, s = 1 / std and n' the divisor of the normalising variance:
    dx = s (g - mean(g) - k x_hat sum(g x_hat) / n'), where k = 1 / (s sqrt(...)) is 1 when epsilon
    stands inside the root. Constant statistics (inference, `statistics_gradient` blocked) leave
    dx = s g.
    """
    dy = channel_major(dy, forward.channel_axis, forward.x.dtype)
    if dy.shape != forward.x.shape:
        raise ValueError(f"dy has another shape than x, {forward.shape}")
    sum_dy = dy.sum(axis=CHANNEL, keepdims=True)
    sum_dy_x_hat = sum_of_products(dy, forward.x_hat, CHANNEL)
    if forward.axes == CHANNEL:  # gamma is the same within each sum, and is multiplied last
        g, factor = dy, forward.scale * forward.inverse_std
        sum_g, sum_g_x_hat = sum_dy, sum_dy_x_hat
    else:
        g, factor = dy * forward.scale, forward.inverse_std
        sum_g = g.sum(axis=forward.axes, keepdims=True)
        sum_g_x_hat = sum_of_products(g, forward.x_hat, forward.axes)
    if forward.statistics_flow and dy.size:
        projection = forward.x_hat * (sum_g_x_hat / forward.divisor * root_slope(forward))
        g = g - sum_g / forward.count
        g -= projection
        g *= factor
    else:
        g = g * factor
    dx = from_channel_major(g, forward.channel_axis, forward.shape)
    return Gradients(dx, _gamma_gradient(sum_dy_x_hat, forward).ravel(), sum_dy.ravel())


def root_slope(forward: Forward) -> np.ndarray:
    """Return k = std / sqrt(...): 1 with epsilon inside the root, 0 where the root is 0."""
    placement = forward.conventions.epsilon_placement
    if placement == "in_sqrt":
        return np.ones_like(forward.variance)
    below = root(forward.variance, forward.epsilon, placement)
    return np.divide(
        1, forward.inverse_std * below, out=np.zeros_like(below), where=forward.variance > 0
    )


def _gamma_gradient(scale_gradient: np.ndarray, forward: Forward) -> np.ndarray:
    match forward.conventions.scale:
        case "gamma":
            return scale_gradient
        case "ones":
            return np.zeros_like(scale_gradient)
        case _:
            return np.sign(forward.gamma) * scale_gradient
