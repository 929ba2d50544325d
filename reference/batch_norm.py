"""Batch Normalization in NumPy under any `Conventions`: forward and the running statistics.

Inside, every tensor is channel-major (`layout`). Symbols follow the paper (Ioffe and Szegedy 2015,
arXiv:1502.03167): x, mean (mu_B), variance (sigma_B^2), x_hat, y, gamma, beta.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .conventions import CANONICAL, Conventions
from .float_formats import wider_dtype
from .layout import (
    CHANNEL,
    SAMPLE,
    channel_major,
    checked_axis,
    column,
    count_over,
    from_channel_major,
    sum_of_products,
)
from .running_statistics import (
    effective_weight,
    inverse_std,
    inverse_std_of_running,
    moving_average,
    running_statistic,
    variance_for_running,
)


@dataclass(frozen=True)
class Given:
    """A batch and the layer that it meets; all arrays in the working dtype.

    x is channel-major, gamma and beta have shape (channels, 1, 1), and the running statistics
    before the batch (channels,). `shape` and `channel_axis` are those of x as it came.
    """

    x: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    previous_mean: np.ndarray
    previous_var: np.ndarray
    epsilon: float
    momentum: float
    training: bool
    conventions: Conventions
    channel_axis: int
    batches_seen: int
    shape: tuple[int, ...]

    @property
    def axes(self) -> tuple[int, int]:
        """The channel-major axes over which the normalising statistics are taken."""
        return SAMPLE if self.conventions.normalizer == "per_sample" else CHANNEL

    @property
    def count(self) -> int:
        """The number of values behind each normalising mean."""
        return count_over(self.x, self.axes)

    @property
    def divisor(self) -> int:
        """What the normalising variance divides a sum of squares by: n, or n - 1 but at least 1."""
        unbiased = self.conventions.normalizing_variance == "unbiased"
        return max(self.count - 1, 1) if unbiased else self.count

    @property
    def uses_batch_statistics(self) -> bool:
        normalizer = self.conventions.normalizer
        return normalizer == "per_sample" or (self.training and normalizer == "batch")

    @property
    def statistics_flow(self) -> bool:
        """Whether a gradient flows through the normalising statistics."""
        return self.uses_batch_statistics and self.conventions.statistics_gradient == "flows"

    @property
    def weight(self) -> float:
        """The weight of this batch in the running statistics; 0 where it does not enter them."""
        if not (self.training and self.x.size):
            return 0.0
        return effective_weight(self.momentum, self.batches_seen, self.conventions.running_update)

    @property
    def scale(self) -> np.ndarray:
        match self.conventions.scale:
            case "gamma":
                return self.gamma
            case "ones":
                return np.ones_like(self.gamma)
            case _:
                return np.abs(self.gamma)


@dataclass(frozen=True)
class Forward(Given):
    """What one forward pass leaves behind, beside what was given; all in the working dtype.

    `y` has x's shape; `running_mean` and `running_var` have shape (channels,) and are the
    statistics after the pass, as if they moved in forward; `batch_mean` and `batch_statistic` are
    what entered them. The rest are the intermediate results, channel-major, that the backward pass
    and the error bounds share.
    """

    mean: np.ndarray
    variance: np.ndarray
    inverse_std: np.ndarray
    x_hat: np.ndarray
    y: np.ndarray
    running_mean: np.ndarray
    running_var: np.ndarray
    batch_mean: np.ndarray
    batch_statistic: np.ndarray


class Moments(NamedTuple):
    """Mean, biased variance and x - mean; the axes that were averaged over have length 1."""

    mean: np.ndarray
    variance: np.ndarray
    centred: np.ndarray


class Normalised(NamedTuple):
    """x_hat, and what made it of x."""

    mean: np.ndarray
    variance: np.ndarray
    inverse_std: np.ndarray
    x_hat: np.ndarray


class Running(NamedTuple):
    """The running statistics after a batch, and what of the batch entered them: (channels,)."""

    running_mean: np.ndarray
    running_var: np.ndarray
    batch_mean: np.ndarray
    batch_statistic: np.ndarray


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
    channel_axis = checked_axis(x, channel_axis, gamma, beta, running_mean, running_var)
    dtype = dtype or wider_dtype(x.dtype.name)
    given = Given(
        x=channel_major(x, channel_axis, dtype),
        gamma=column(np.asarray(gamma, dtype)),
        beta=column(np.asarray(beta, dtype)),
        previous_mean=np.asarray(running_mean, dtype),
        previous_var=np.asarray(running_var, dtype),
        epsilon=dtype(epsilon),
        momentum=dtype(momentum),
        training=training,
        conventions=conventions,
        channel_axis=channel_axis,
        batches_seen=batches_seen,
        shape=x.shape,
    )
    batch = moments(given.x, given.axes) if given.uses_batch_statistics and x.size else None
    normalised = normalise(given, batch)
    y = from_channel_major(scale_and_shift(given, normalised.x_hat), channel_axis, x.shape)
    running = update(given, batch)
    return Forward(**vars(given), **normalised._asdict(), y=y, **running._asdict())


def moments(x: np.ndarray, axes: tuple[int, int]) -> Moments:
    """Return the statistics of a mini-batch (paper, Algorithm 1, lines 1 and 2)."""
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    return Moments(mean, sum_of_products(centred, centred, axes) / count_over(x, axes), centred)


def normalise(given: Given, batch: Moments | None) -> Normalised:
    """Normalise by the batch (paper, Algorithm 1, line 3), or by the running statistics (Algorithm
    2, step 11) where there is no batch to do it by."""
    if batch is None:
        mean, variance = column(given.previous_mean), column(given.previous_var)
        centred = given.x - mean
        inverse = inverse_std_of_running(variance, given.epsilon, given.conventions)
    else:
        mean, variance, centred = batch
        if given.divisor != given.count:
            variance = variance * given.count / given.divisor
        inverse = inverse_std(variance, given.epsilon, given.conventions.epsilon_placement)
    return Normalised(mean, variance, inverse, np.multiply(centred, inverse, out=centred))


def scale_and_shift(given: Given, x_hat: np.ndarray) -> np.ndarray:
    """Return y, channel-major (paper, Algorithm 1, line 4)."""
    y = given.scale * x_hat
    y += given.beta
    return y


def update(given: Given, batch: Moments | None) -> Running:
    """Move the running statistics by the batch (paper, Algorithm 2, step 10, one batch at a time).

    They are per channel, whatever normalises.
    """
    conventions, weight = given.conventions, given.weight
    old = np.stack((given.previous_mean, given.previous_var))
    if not weight:
        spoilt = given.training and not given.x.size and conventions.empty_batch == "nan"
        return Running(*(np.full_like(old, np.nan) if spoilt else old), *old)
    if batch is None or given.axes != CHANNEL:
        batch = moments(given.x, CHANNEL)
    n = count_over(given.x, CHANNEL)
    kept = variance_for_running(batch.variance.ravel(), n, given.epsilon, conventions)
    statistic = running_statistic(kept, given.epsilon, conventions)
    if n == 1 and conventions.single_value == "nan":
        statistic = np.full_like(statistic, np.nan)
    entering = np.stack((batch.mean.ravel(), statistic))
    return Running(*moving_average(old, entering, weight), *entering)
