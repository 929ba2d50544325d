"""A-priori rounding-error bounds of every element of every tensor.

No tolerance is chosen: each bound follows from the data of the case, the formats involved and the
standard model of floating-point arithmetic, fl(a op b) = (a op b)(1 + d) + e with |d| <= u and |e|
at most the underflow unit (N. Higham, "Accuracy and Stability of Numerical Algorithms", 2nd ed.
2002, section 2.2). A sum of n terms carries g(n) = LAMBDA sqrt(n) u + OPERATIONS u relative to the
sum of magnitudes (`reference.sums` says why, and what a sequential sum errs beyond it). Operands
below the normal numbers may count as 0 too, so a product a b has the underflow 1 + |a| + |b| units.

Symbols: u is the unit roundoff of the arithmetic plus the reference's own; d_NAME bounds the
absolute error of NAME. Bounds are float64 whatever the reference's working dtype.
"""

from dataclasses import dataclass

import numpy as np

from .backward import Gradients, root_slope
from .batch_norm import Forward
from .float_formats import FORMATS, FloatFormat
from .layout import CHANNEL, channel_major, column, from_channel_major
from .precision import Precision
from .running_statistics import (
    inverse_std,
    inverse_std_of_running,
    running_statistic,
    variance_for_running,
)
from .sums import OPERATIONS, growth


@dataclass(frozen=True)
class ForwardBound:
    """Bounds of one forward pass; what follows the running ones is kept for the backward bounds.

    The error of x_hat has three parts: `shift`, the mean's, the same for all that it centres;
    |x_hat| times the relative error of 1 / std, the same for all too; and `own`, the element's
    roundings.
    """

    y: np.ndarray
    running_mean: np.ndarray
    running_var: np.ndarray
    x_hat: np.ndarray
    inverse_std: np.ndarray
    shift: np.ndarray
    own: np.ndarray


def _f64(*arrays):
    return tuple(np.asarray(array, np.float64) for array in arrays)


def forward_bound(
    forward: Forward, precision: Precision, d_previous: tuple[np.ndarray, np.ndarray]
) -> ForwardBound:
    """Bound one forward pass, given the bounds of the running statistics before it, (channels,)."""
    conventions, epsilon = forward.conventions, forward.epsilon
    u, c = precision.unit(precision.steps), OPERATIONS
    u_moments = precision.beyond_steps(precision.moments)
    x, x_hat, s, scale, beta = _f64(
        forward.x, forward.x_hat, forward.inverse_std, forward.scale, forward.beta
    )
    d_batch = _batch_statistics_bound(forward, precision, CHANNEL)
    if forward.uses_batch_statistics:
        d_mean, d_variance, above = d_batch
        if forward.axes != CHANNEL:
            d_mean, d_variance, above = _batch_statistics_bound(forward, precision, forward.axes)
        factor = 1.0
        if conventions.normalizing_variance == "unbiased":
            factor = forward.count / max(forward.count - 1, 1)
        d_s = _spread(
            forward.variance,
            (factor * d_variance, factor * above),
            lambda v: inverse_std(v, epsilon, conventions.epsilon_placement),
        )
    else:
        d_mean, d_kept = (bound[:, None, None] for bound in d_previous)
        d_s = _spread(
            forward.variance,
            (d_kept, d_kept),
            lambda r: inverse_std_of_running(r, epsilon, conventions),
        )
    d_s = d_s + (c * u + u_moments) * s
    mean = np.abs(np.asarray(forward.mean, np.float64))
    # The computed 1/std multiplies the error of x - mean, so it is s + d_s that counts there.
    tiny = precision.steps.underflow
    shift = (s + d_s) * (d_mean + u_moments * mean)
    own = (s + d_s) * (c * u * (np.abs(x) + mean) + c * tiny) + tiny
    d_x_hat = shift + own + np.abs(x_hat) * _ratio(d_s, s)
    # Without epsilon a variance of 0 has no bounded 1/std: nothing is claimed of what follows.
    d_x_hat = np.where(np.isinf(d_s), np.inf, d_x_hat)
    d_y = np.abs(scale) * d_x_hat + c * u * (np.abs(scale * x_hat) + np.abs(beta))
    d_y += tiny * (c + np.abs(x_hat) + np.abs(x) + mean)  # gamma / std may come first, and be small
    d_y = np.where(np.isinf(d_s), np.inf, d_y)
    d_y = from_channel_major(d_y, forward.channel_axis, forward.shape)
    d_running_mean, d_running_var = _running_bound(forward, precision, d_previous, *d_batch)
    return ForwardBound(
        y=_stored(d_y, forward.y, precision.output),
        running_mean=d_running_mean,
        running_var=d_running_var,
        x_hat=d_x_hat,
        inverse_std=d_s,
        shift=shift,
        own=own,
    )


def backward_bound(
    dy: np.ndarray,
    forward: Forward,
    bound: ForwardBound,
    gradients: Gradients,
    precision: Precision,
) -> Gradients:
    """Bound dx, dgamma and dbeta; the arrays of the result are bounds."""
    conventions = forward.conventions
    u, c = precision.unit(precision.steps), OPERATIONS
    signed = channel_major(dy, forward.channel_axis, forward.x.dtype)
    products = signed * forward.x_hat if precision.summation == "sequential" else signed
    dy = np.abs(np.asarray(signed, np.float64))
    x_hat, s, scale = _f64(np.abs(forward.x_hat), forward.inverse_std, np.abs(forward.scale))
    per_channel = dy.shape[1] * dy.shape[2]
    g_channel = precision.sum_error(per_channel, precision.steps)
    tiny = precision.steps.underflow
    d_dbeta = g_channel * dy.sum(axis=CHANNEL) + np.ravel(precision.drift(signed, CHANNEL))
    d_dbeta += 2 * per_channel * tiny
    d_dgamma = _projection_bound(signed, forward, bound, CHANNEL, precision).ravel()
    d_dgamma += (tiny * (2 + s + x_hat)).sum(axis=CHANNEL)
    d_dgamma += np.ravel(precision.drift(products, CHANNEL))
    if conventions.scale == "ones":
        d_dgamma = np.zeros_like(d_dgamma)

    g = dy * scale
    if forward.uses_batch_statistics and conventions.statistics_gradient == "flows" and dy.size:
        axes, count = forward.axes, forward.count
        g_count = precision.sum_error(count, precision.steps)
        divisor = count
        if conventions.normalizing_variance == "unbiased":
            divisor = max(count - 1, 1)
        factor = np.abs(scale)
        slope = np.asarray(root_slope(forward), np.float64) / divisor
        projection = slope * (g * x_hat).sum(axis=axes, keepdims=True)
        d_projection = _projection_bound(signed * forward.scale, forward, bound, axes, precision)
        d_tiny = tiny * (factor * (2 + s + x_hat) + 1 + x_hat)
        d_projection += d_tiny.sum(axis=axes, keepdims=True)
        d_projection = slope * (d_projection + precision.drift(products * factor, axes))
        mean_g = g.mean(axis=axes, keepdims=True)
        d_bracket = bound.x_hat * projection + (x_hat + bound.x_hat) * d_projection
        d_bracket += g_count * mean_g + precision.drift(signed * factor, axes) / count
        parts = c * u + OPERATIONS * precision.beyond_steps(precision.parts)
        d_bracket += parts * (g + mean_g + x_hat * projection)
        largest = x_hat.max(axis=axes, keepdims=True)
        beside_gamma = dy.max(axis=axes, keepdims=True) * (2 + np.square(largest))
    else:
        d_bracket = c * u * g
        beside_gamma = dy
    small = precision.parts.underflow
    d_bracket = d_bracket + c * small * (1 + scale + beside_gamma)
    dx = np.abs(channel_major(gradients.dx, forward.channel_axis, np.float64))
    d_dx = (s + bound.inverse_std) * d_bracket + dx * _ratio(bound.inverse_std, s)
    d_dx += small * (c + scale)
    unclaimed = np.isinf(bound.inverse_std)
    d_dx = np.where(unclaimed, np.inf, d_dx)
    if unclaimed.shape[0] == d_dgamma.shape[0]:  # per sample, what is unclaimed is a row of them
        d_dgamma = np.where(unclaimed.any(axis=(1, 2)), np.inf, d_dgamma)
    d_dx = from_channel_major(d_dx, forward.channel_axis, forward.shape)
    return Gradients(
        dx=_stored(d_dx, gradients.dx, precision.output),
        dgamma=_stored(d_dgamma, gradients.dgamma, precision.parameters),
        dbeta=_stored(d_dbeta, gradients.dbeta, precision.parameters),
    )


def _projection_bound(
    weights: np.ndarray,
    forward: Forward,
    bound: ForwardBound,
    axes: tuple[int, int],
    precision: Precision,
) -> np.ndarray:
    """Bound the sum of weights times x_hat over some axes, which are kept.

    What the mean and 1 / std err by is the same for all that they normalise, so it enters with the
    sum of the weights and of the products; what each element errs by itself, with magnitudes. The
    same sum can be had as that of weights times x less the mean times that of the weights, each of
    which errs by its g(n).
    """
    weights, x_hat, s = _f64(weights, forward.x_hat, forward.inverse_std)
    shared = tuple(axis for axis in axes if axis in forward.axes)
    signed_sum = np.abs(weights.sum(axis=shared, keepdims=True))
    products = np.abs((weights * x_hat).sum(axis=shared, keepdims=True))
    common = bound.shift * signed_sum + _ratio(bound.inverse_std, s) * products
    count = weights.shape[axes[0]] * weights.shape[axes[1]]
    g = precision.sum_error(count, precision.steps)
    magnitude = np.abs(np.asarray(forward.x, np.float64)).mean(axis=CHANNEL, keepdims=True)
    of_sums = growth(count) * precision.unit(precision.sums) * (s + bound.inverse_std) * magnitude
    own = np.abs(weights) * (bound.own + of_sums + g * (np.abs(x_hat) + bound.x_hat))
    rest = tuple(axis for axis in axes if axis not in shared)
    total = common.sum(axis=rest, keepdims=True) + own.sum(axis=axes, keepdims=True)
    return np.where(np.isnan(total), np.inf, total)  # no claim on the mean stays none


def kept_error(value: np.ndarray, stored_as: FloatFormat) -> np.ndarray:
    """Bound the rounding of a given state to the format it is kept in; 0 where that is exact."""
    value = np.asarray(value, np.float64)
    if stored_as.precision >= FORMATS["float64"].precision:
        return np.zeros_like(value)
    with np.errstate(over="ignore", invalid="ignore"):
        exact = (value.astype(np.float32) == value) | ~np.isfinite(value)
    return np.where(exact, 0.0, stored_as.unit_roundoff * np.abs(value) + stored_as.underflow)


def _batch_statistics_bound(forward: Forward, precision: Precision, axes: tuple[int, int]):
    """Bound the batch mean and its biased variance, channel-major with the reduced axes kept.

    The last is bounded twice, on the side of 0 and above: squares that overflow make it too large.
    """
    count = forward.x.shape[axes[0]] * forward.x.shape[axes[1]]
    u = precision.unit(precision.gathering)
    if forward.x.size == 0:
        zero = np.zeros_like(forward.mean, np.float64)
        return zero, zero, zero
    x = np.asarray(forward.x, np.float64)
    g = precision.sum_error(count, precision.gathering)
    one_pass = forward.conventions.variance_algorithm == "one_pass"
    mean = x.mean(axis=axes, keepdims=True)
    variance = np.square(x - mean).mean(axis=axes, keepdims=True)
    tiny = OPERATIONS * precision.gathering.underflow
    magnitude = np.abs(x).mean(axis=axes, keepdims=True)
    d_mean = g * magnitude + u * np.abs(mean) + tiny + precision.drift(forward.x, axes) / count
    overflows = magnitude * count > precision.sums.largest  # the sum may overflow: no claim
    d_mean = np.where(overflows, np.inf, d_mean)
    d_variance = (g + OPERATIONS * u) * (variance + d_mean**2) + d_mean**2 + tiny
    if not one_pass:  # the squares are those of what the erring mean leaves
        d_variance += precision.drift(np.square(np.abs(x - mean) + d_mean), axes) / count
    d_variance += g * np.abs(mean) * np.sqrt(variance)  # updating algorithms, Welford's, need it
    mean_square = variance + mean**2
    if one_pass:
        d_variance += 2 * g * mean_square + 2 * np.abs(mean) * d_mean
        d_variance += precision.drift(np.square(forward.x), axes) / count
    overflows = mean_square * count > precision.sums.largest
    overflows |= np.square(x).max(axis=axes, keepdims=True) > precision.gathering.largest
    above = np.where(overflows, np.inf, d_variance)  # squares may overflow: no claim
    return d_mean, d_variance, above


def _running_bound(forward, precision, d_previous, d_batch_mean, d_variance, above):
    """Bound both running statistics after the update, (channels,)."""
    w = float(forward.weight)
    if w == 0:
        return d_previous
    conventions, epsilon = forward.conventions, forward.epsilon
    count = forward.x.shape[1] * forward.x.shape[2]

    def kept(variance):
        whole = variance_for_running(variance, count, epsilon, conventions)
        return running_statistic(whole, epsilon, conventions)

    batch_variance = np.square(forward.x - column(forward.batch_mean)).mean(axis=CHANNEL)
    d_statistic = _spread(batch_variance, (d_variance.ravel(), above.ravel()), kept)
    statistic = np.abs(np.asarray(forward.batch_statistic, np.float64))
    u = precision.unit(precision.moving)
    d_statistic = d_statistic + OPERATIONS * u * statistic
    pairs = (
        (forward.previous_mean, forward.batch_mean, d_batch_mean.ravel(), forward.running_mean),
        (forward.previous_var, forward.batch_statistic, d_statistic, forward.running_var),
    )
    # A layer holds the momentum, or one minus it, rounded to its own arithmetic.
    debiased = conventions.running_update == "zero_debiased"
    momentum_error = 0.0 if w == 1.0 and not debiased else u
    history = abs(1 - w)
    if debiased:
        # 1 - (1 - m)^t cancels where m t is small: t roundings of the power, over the difference.
        momentum_error *= (forward.batches_seen + 1) * w / max(float(forward.momentum), 1e-300)
    bounds = []
    for d_old, (old, new, d_new, result) in zip(d_previous, pairs, strict=True):
        old, new = np.abs(np.asarray(old, np.float64)), np.abs(np.asarray(new, np.float64))
        endless = ~np.isfinite(old + d_old)
        if w == 1.0 and conventions.moving_average == "weighted_sum":
            old, d_old = np.zeros_like(old), np.zeros_like(old)
        bound = history * d_old + abs(w) * d_new
        bound = bound + OPERATIONS * u * (history * old + abs(w) * new)
        bound = bound + momentum_error * (old + new) + OPERATIONS * precision.moving.underflow
        if conventions.moving_average == "difference":
            bound = bound + OPERATIONS * u * (old + new)
        if w == 1.0 and conventions.running_update in ("on_forward", "on_backward"):
            bound = np.where(endless, np.inf, bound)  # 0 times infinity, if the rule is computed
        bounds.append(_stored(bound, result, precision.statistics))
    return tuple(bounds)


def _stored(bound: np.ndarray, value: np.ndarray, stored_as: FloatFormat) -> np.ndarray:
    """Add the rounding of the format in which a tensor is stored."""
    magnitude = np.abs(np.asarray(value, np.float64))
    stored = bound + stored_as.unit_roundoff * (magnitude + bound) + stored_as.underflow
    return np.where(np.isinf(bound), np.inf, stored)  # no claim stays none beside a NaN


def _spread(value: np.ndarray, d_value: tuple[np.ndarray, np.ndarray], function) -> np.ndarray:
    """Bound the error of function(value): the farther of the two ends of value's interval, which
    reaches so far below and above it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        middle = function(value)
        low = np.abs(function(np.maximum(value - d_value[0], 0)) - middle)
        high = np.abs(function(value + d_value[1]) - middle)
    low, high = _f64(low, high)
    return np.where(np.isnan(low) | np.isnan(high), np.inf, np.maximum(low, high))


def _ratio(d_value: np.ndarray, value: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(value > 0, d_value / value, 0.0)
