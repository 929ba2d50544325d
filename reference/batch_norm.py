"""Batch Normalization in NumPy under any `Conventions`: forward, running statistics, backward.

Inside, every tensor is laid out as (channels, samples, positions): `channel_major` moves the
channel axis first and joins all that follow the sample axis, so one set of equations serves every
rank and every channel axis. Symbols follow the paper (Ioffe and Szegedy 2015, arXiv:1502.03167):
x, mean (mu_B), variance (sigma_B^2), x_hat, y, gamma, beta.
"""

from dataclasses import dataclass

import numpy as np

from .conventions import CANONICAL, Conventions
from .float_formats import wider_dtype


@dataclass(frozen=True)
class Forward:
    """What one forward pass leaves behind; all arrays in the working dtype.

    `y` has x's shape; `running_mean` and `running_var` have shape (channels,) and are the
    statistics after the pass, as if they moved in forward. The rest are the intermediate results,
    channel-major, that the backward pass and the error bounds share.
    """

    y: np.ndarray
    running_mean: np.ndarray
    running_var: np.ndarray
    x: np.ndarray
    x_hat: np.ndarray
    mean: np.ndarray
    variance: np.ndarray
    inverse_std: np.ndarray
    scale: np.ndarray
    beta: np.ndarray
    gamma: np.ndarray
    batch_mean: np.ndarray
    batch_statistic: np.ndarray
    previous_mean: np.ndarray
    previous_var: np.ndarray
    weight: float
    momentum: float
    batches_seen: int
    epsilon: float
    channel_axis: int
    shape: tuple[int, ...]
    uses_batch_statistics: bool
    conventions: Conventions

    @property
    def axes(self) -> tuple[int, int]:
        """The channel-major axes over which the statistics are taken."""
        return (0, 2) if self.conventions.normalizer == "per_sample" else (1, 2)

    @property
    def count(self) -> int:
        """The number of values behind each mean."""
        return self.x.shape[self.axes[0]] * self.x.shape[self.axes[1]]


@dataclass(frozen=True)
class Gradients:
    """Gradients of a loss with upstream gradient dy: dx in x's shape, the others (channels,)."""

    dx: np.ndarray
    dgamma: np.ndarray
    dbeta: np.ndarray


def channel_major(x: np.ndarray, channel_axis: int, dtype) -> np.ndarray:
    """Return x as a contiguous (channels, samples, positions) array of `dtype`."""
    moved = np.moveaxis(x, channel_axis, 0)
    positions = int(np.prod(moved.shape[2:]))
    return np.ascontiguousarray(moved, dtype=dtype).reshape(*moved.shape[:2], positions)


def from_channel_major(x: np.ndarray, channel_axis: int, shape: tuple[int, ...]) -> np.ndarray:
    """Undo `channel_major` for a tensor of the given shape."""
    moved = shape[channel_axis], *np.delete(shape, channel_axis)
    return np.moveaxis(x.reshape(moved), 0, channel_axis)


def inverse_std(variance: np.ndarray, epsilon: float, placement: str) -> np.ndarray:
    """Return 1 / standard deviation with epsilon where `epsilon_placement` puts it."""
    with np.errstate(divide="ignore"):
        return 1 / (_root(variance, epsilon, placement) + _added_to_root(epsilon, placement))


def _root(variance, epsilon, placement):
    return np.sqrt(variance + (0 if placement == "outside_sqrt" else epsilon))


def _added_to_root(epsilon, placement):
    return 0 if placement == "in_sqrt" else epsilon


def running_statistic(variance: np.ndarray, epsilon: float, conventions: Conventions) -> np.ndarray:
    """Return what the layer keeps for a variance, by the convention `running_statistic`."""
    placement = conventions.epsilon_placement
    match conventions.running_statistic:
        case "variance":
            return variance
        case "standard_deviation":  # with epsilon in it, wherever else epsilon goes
            return np.sqrt(variance + epsilon)
        case _:
            return inverse_std(variance, epsilon, placement)


def inverse_std_of_running(kept: np.ndarray, epsilon: float, conventions: Conventions):
    """Return 1 / standard deviation from what the layer keeps as its `running_var`."""
    placement = conventions.epsilon_placement
    match conventions.running_statistic:
        case "variance":
            return inverse_std(kept, epsilon, placement)
        case "standard_deviation":
            with np.errstate(divide="ignore"):
                return 1 / (kept + _added_to_root(epsilon, placement))
        case _:
            return kept


def variance_for_running(variance, count: int, epsilon: float, conventions: Conventions):
    """Return the batch variance that enters the running one (paper, Algorithm 2, step 10).

    One value per channel has no unbiased variance; the divisor n - 1 is then taken as 1.
    """
    match conventions.running_variance:
        case "unbiased":
            return variance * count / max(count - 1, 1)
        case "biased":
            return variance
        case _:
            return variance * count / (count - 1.0 - epsilon)


def effective_weight(momentum, batches_seen: int, running_update: str):
    """Return the weight of batch number `batches_seen + 1` in the running statistics.

    Every rule of `running_update` is a moving average with a weight of its own: the plain average
    of t batches weighs the newest 1/t, and Haiku's zero-debiased one m / (1 - (1 - m)^t).
    """
    match running_update:
        case "never":
            return 0.0
        case "cumulative":
            return type(momentum)(1) / (batches_seen + 1)  # in the working dtype
        case "first_batch_replaces" if batches_seen == 0:
            return 1.0
        case "zero_debiased" if momentum:
            return momentum / (1.0 - (1.0 - momentum) ** (batches_seen + 1))
        case _:
            return momentum


def batch_norm(
    x: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    running_mean: np.ndarray,
    running_var: np.ndarray,
    *,
    epsilon: float,
    momentum: float,
    training: bool,
    conventions: Conventions = CANONICAL,
    channel_axis: int = 1,
    batches_seen: int = 0,
    dtype=None,
) -> Forward:
    """Normalise one batch (paper, Algorithms 1 and 2).

    x: any rank >= 2, samples along axis 0, channels along `channel_axis`; the other four have
    shape (channels,). `momentum` is the weight of the new batch. `dtype` is the working dtype,
    by default one width above x's. Raises ValueError for shapes that do not fit.
    """
    channel_axis = _checked_axis(x, channel_axis, gamma, beta, running_mean, running_var)
    dtype = dtype or wider_dtype(x.dtype.name)
    gamma, beta, running_mean, running_var = (
        np.asarray(vector, dtype) for vector in (gamma, beta, running_mean, running_var)
    )
    epsilon, momentum = dtype(epsilon), dtype(momentum)
    batch = channel_major(x, channel_axis, dtype)
    per_sample = conventions.normalizer == "per_sample"
    axes = (0, 2) if per_sample else (1, 2)
    uses_batch_statistics = per_sample or (training and conventions.normalizer == "batch")
    weight = 0.0
    if training and batch.size:
        weight = effective_weight(momentum, batches_seen, conventions.running_update)

    if batch.size == 0:
        batch_mean, batch_variance = running_mean, running_var
        centred = batch
        count = 0
    elif training or per_sample:
        batch_mean, batch_variance, centred, count = _moments(batch, axes)
    if uses_batch_statistics and batch.size:
        mean, variance = batch_mean, batch_variance
        if conventions.normalizing_variance == "unbiased":
            variance = variance * count / max(count - 1, 1)
        inverse = inverse_std(variance, epsilon, conventions.epsilon_placement)
    else:
        mean, variance = _column(running_mean), _column(running_var)
        inverse = inverse_std_of_running(variance, epsilon, conventions)
        centred = batch - mean

    x_hat = np.multiply(centred, inverse, out=centred)
    scale = _column(_scale(gamma, conventions.scale))
    y = scale * x_hat
    y += _column(beta)

    if weight:
        if per_sample:  # what is gathered is per channel all the same (Keras 0.2, mode=1)
            batch_mean, batch_variance, _, count = _moments(batch, (1, 2))
        kept = variance_for_running(batch_variance.ravel(), count, epsilon, conventions)
        statistic = running_statistic(kept, epsilon, conventions)
        if count == 1 and conventions.single_value == "nan":
            statistic = np.full_like(statistic, np.nan)
        batch_mean = batch_mean.ravel()
        new_mean = (1 - weight) * running_mean + weight * batch_mean
        new_var = (1 - weight) * running_var + weight * statistic
    else:
        batch_mean, statistic = running_mean, running_var
        new_mean, new_var = running_mean, running_var
        if batch.size == 0 and training and conventions.empty_batch == "nan":
            new_mean, new_var = (np.full_like(running_mean, np.nan) for _ in range(2))
    return Forward(
        y=from_channel_major(y, channel_axis, x.shape),
        running_mean=new_mean,
        running_var=new_var,
        x=batch,
        x_hat=x_hat,
        mean=mean,
        variance=variance,
        inverse_std=inverse,
        scale=scale,
        beta=_column(beta),
        gamma=_column(gamma),
        batch_mean=batch_mean,
        batch_statistic=statistic,
        previous_mean=running_mean,
        previous_var=running_var,
        weight=weight,
        momentum=momentum,
        batches_seen=batches_seen,
        epsilon=epsilon,
        channel_axis=channel_axis,
        shape=x.shape,
        uses_batch_statistics=uses_batch_statistics,
        conventions=conventions,
    )


def batch_norm_backward(dy: np.ndarray, forward: Forward) -> Gradients:
    """Differentiate `batch_norm` (paper, section 3), for an upstream gradient dy of x's shape.

    With g = gamma dy, s = 1 / std and n' the divisor of the normalising variance:
    dx = s (g - mean(g) - k x_hat sum(g x_hat) / n'), where k = 1 / (s sqrt(...)) is 1 when epsilon
    stands inside the root. Constant statistics (inference, `statistics_gradient` blocked) leave
    dx = s g.
    """
    conventions = forward.conventions
    dy = channel_major(dy, forward.channel_axis, forward.x.dtype)
    if dy.shape != forward.x.shape:
        raise ValueError(f"dy has another shape than x, {forward.shape}")
    sum_dy = dy.sum(axis=(1, 2), keepdims=True)
    sum_dy_x_hat = _sum_of_products(dy, forward.x_hat, (1, 2))
    if conventions.normalizer == "per_sample":
        g = dy * forward.scale
        factor = forward.inverse_std
        sum_g = g.sum(axis=forward.axes, keepdims=True)
        sum_g_x_hat = _sum_of_products(g, forward.x_hat, forward.axes)
    else:  # gamma is the same within each sum, and is multiplied last
        g = dy
        factor = forward.scale * forward.inverse_std
        sum_g, sum_g_x_hat = sum_dy, sum_dy_x_hat
    if forward.uses_batch_statistics and conventions.statistics_gradient == "flows" and dy.size:
        divisor = forward.count
        if conventions.normalizing_variance == "unbiased":
            divisor = max(divisor - 1, 1)
        projection = forward.x_hat * (sum_g_x_hat / divisor * root_slope(forward))
        g = g - sum_g / forward.count
        g -= projection
        g *= factor
    else:
        g = g * factor
    dbeta, dscale = sum_dy.ravel(), sum_dy_x_hat.ravel()
    match conventions.scale:
        case "gamma":
            dgamma = dscale
        case "ones":
            dgamma = np.zeros_like(dscale)
        case _:
            dgamma = np.sign(forward.gamma.ravel()) * dscale
    return Gradients(from_channel_major(g, forward.channel_axis, forward.shape), dgamma, dbeta)


def root_slope(forward: Forward) -> np.ndarray:
    """Return k = std / sqrt(...): 1 with epsilon inside the root, 0 where the root is 0."""
    placement = forward.conventions.epsilon_placement
    if placement == "in_sqrt":
        return np.ones_like(forward.variance)
    root = _root(forward.variance, forward.epsilon, placement)
    return np.divide(
        1, forward.inverse_std * root, out=np.zeros_like(root), where=forward.variance > 0
    )


def _scale(gamma: np.ndarray, scale: str) -> np.ndarray:
    match scale:
        case "gamma":
            return gamma
        case "ones":
            return np.ones_like(gamma)
        case _:
            return np.abs(gamma)


def _column(vector: np.ndarray) -> np.ndarray:
    return vector[:, None, None]


def _moments(batch, axes):
    """Return mean, biased variance, centred values, and the number of values behind each mean."""
    count = batch.shape[axes[0]] * batch.shape[axes[1]]
    mean = batch.mean(axis=axes, keepdims=True)
    centred = batch - mean
    return mean, _sum_of_products(centred, centred, axes) / count, centred, count


def _sum_of_products(a, b, axes):
    subscripts = "cns,cns->c" if axes == (1, 2) else "cns,cns->n"
    if a.dtype == np.longdouble:  # einsum adds long doubles one after the other; sum() pairs them
        return np.sum(a * b, axis=axes, keepdims=True)
    return np.expand_dims(np.einsum(subscripts, a, b), axes)


def _checked_axis(x, channel_axis, *vectors) -> int:
    if x.ndim < 2:
        raise ValueError(f"x has rank {x.ndim}; BatchNorm needs a sample and a channel axis")
    if not -x.ndim <= channel_axis < x.ndim:
        raise ValueError(f"x of rank {x.ndim} has no axis {channel_axis}")
    axis = channel_axis % x.ndim
    if axis == 0:
        raise ValueError("axis 0 holds the samples and cannot be the channel axis")
    for vector in vectors:
        if np.shape(vector) != (x.shape[axis],):
            raise ValueError(
                f"x {x.shape} has {x.shape[axis]} channels along axis {axis}, "
                f"but a parameter has shape {np.shape(vector)}"
            )
    return axis
