"""Numbers recovered from a dump: the epsilon and the weight of the batch, with all they may be.

Every element of y allows a range of the deviation it was divided by, every running statistic a
range of the weight; the interval is what all of them allow, so no element leaves its bound in it.
"""

from dataclasses import dataclass

import numpy as np

from explain.checks import RUNNING
from explain.reading import Dump
from reference.batch_norm import Forward, batch_norm
from reference.conventions import Conventions
from reference.error_bound import forward_bound
from reference.layout import channel_major
from reference.precision import Precision

FUSED_EPSILON = 1.001e-5
"""The least epsilon of TensorFlow's fused kernel (tensorflow/python/ops/nn_impl.py)."""

ROUND_EPSILONS = (
    *(1e-5, 1e-3),
    *(float(f"{digit}e{exponent}") for digit in (1, 2, 5) for exponent in range(-1, -17, -1)),
    FUSED_EPSILON,
    0.0,
)
_SMALL_WEIGHTS = [
    float(f"{digit}e{exponent}") for exponent in (-1, -2, -3, -4) for digit in range(1, 10)
]
ROUND_WEIGHTS = (
    *(0.1, 0.01, 0.001, 1.0, 0.0, 0.5),
    *_SMALL_WEIGHTS,
    *(1.0 - weight for weight in _SMALL_WEIGHTS),
    *(1.0 - float(np.float32(1.0 - weight)) for weight in _SMALL_WEIGHTS),  # a layer with a C float
)


@dataclass(frozen=True)
class Number:
    """A number that fits, the interval of all that fit, and the usual ones among those.

    `usual` holds the round numbers, and those the file gives, that lie inside, the likeliest first.
    """

    value: float
    low: float
    high: float
    usual: tuple[float, ...] = ()

    @classmethod
    def within(cls, low: float, high: float, likely: tuple[float, ...]) -> "Number":
        usual = tuple(dict.fromkeys(number for number in likely if low <= number <= high))
        if 1e-5 in usual:
            usual = tuple(number for number in usual if number != FUSED_EPSILON)
        middle = low if np.isinf(high) else (low + high) / 2
        return cls(usual[0] if usual else middle, low, high, usual)

    def at(self, value: float) -> "Number":
        return Number(value, self.low, self.high, self.usual)

    def candidates(self) -> list[float]:
        """Return numbers of the interval to try, the likeliest first."""
        ends = [self.low, self.high] if np.isfinite(self.high) else [self.low]
        middle = [sum(ends) / len(ends)]
        return list(dict.fromkeys([self.value, *self.usual[:3], *middle, *ends]))

    @property
    def round(self) -> bool:
        return bool(self.usual)

    @property
    def decided(self) -> bool:
        """Whether all that fit are one number to the eye: one usual one, or a narrow interval."""
        return self.high - self.low <= 0.1 * abs(self.high)


def fit_epsilon(dump: Dump, conventions: Conventions) -> tuple[Number | None, float]:
    """Return the epsilons that put every element of y inside its bound, and the likeliest one.

    None where no epsilon from 0 on does; the likeliest is then the one to call the nearest.
    """
    likely = (*(() if dump.epsilon is None else (dump.epsilon,)), *ROUND_EPSILONS)
    start = _Slopes(dump, conventions, likely[0])
    nearest = max(start.likeliest(), 0.0)
    low, high = _Slopes(dump, conventions, max(nearest, 1e-16)).interval()
    low = max(low, 0.0)
    return (Number.within(low, high, likely) if low <= high else None), nearest


class _Slopes:
    """What y tells of the deviations it was divided by, its bounds taken at one epsilon."""

    def __init__(self, dump: Dump, conventions: Conventions, epsilon: float):
        forward, bound = evaluated(dump, conventions, epsilon, 0.5)
        self.forward = forward
        axis, wide = dump.channel_axis, forward.x.dtype
        self.bound = channel_major(bound.y, axis, wide)
        self.centred = forward.scale * (forward.x - forward.mean)
        self.moved = channel_major(dump.answer["y"], axis, wide) - forward.beta

    def interval(self) -> tuple[float, float]:
        """Return the least and the greatest epsilon that every element allows."""
        if np.any((self.centred == 0) & (np.abs(self.moved) > self.bound)):
            return np.inf, -np.inf
        size = np.abs(self.centred)
        along = self.moved * np.sign(self.centred)
        with np.errstate(divide="ignore", invalid="ignore"):
            lows = np.where(size > 0, (along - self.bound) / size, -np.inf)
            highs = np.where(size > 0, (along + self.bound) / size, np.inf)
        axes = self.forward.axes
        least, greatest = lows.max(axis=axes, keepdims=True), highs.min(axis=axes, keepdims=True)
        if np.any((greatest <= 0) | (least > greatest)):
            return np.inf, -np.inf
        low = _epsilon_of(greatest, self.forward)
        high = np.where(least > 0, _epsilon_of(np.maximum(least, 1e-300), self.forward), np.inf)
        return float(np.nan_to_num(low, nan=0.0).max()), float(
            np.nan_to_num(high, nan=np.inf, posinf=np.inf).min()
        )

    def likeliest(self) -> float:
        """Return the least-squares epsilon of the channel that tells it most exactly."""
        axes = self.forward.axes
        with np.errstate(all="ignore"):
            power = np.square(self.centred).sum(axis=axes, keepdims=True)
            slope = (self.moved * self.centred).sum(axis=axes, keepdims=True) / power
            spread = (self.bound * np.abs(self.centred)).sum(axis=axes, keepdims=True) / power
            middle = _epsilon_of(slope, self.forward)
            width = np.abs(_epsilon_of(slope + spread, self.forward) - middle)
        width = np.where(np.isfinite(width) & np.isfinite(middle), width, np.inf).ravel()
        best = int(width.argmin())
        return float(middle.ravel()[best]) if np.isfinite(width[best]) else 1e-5


def _epsilon_of(inverse_std: np.ndarray, forward: Forward) -> np.ndarray:
    """Return the epsilon that gives this 1 / deviation; NaN where none has a part in it."""
    conventions = forward.conventions
    placement, spread = conventions.epsilon_placement, forward.variance
    with np.errstate(all="ignore"):
        deviation = 1 / inverse_std
        if not forward.uses_batch_statistics and conventions.running_statistic != "variance":
            added = conventions.running_statistic == "standard_deviation" and placement != "in_sqrt"
            return deviation - spread if added else np.full_like(deviation, np.nan)
        match placement:
            case "in_sqrt":
                return np.square(deviation) - spread
            case "outside_sqrt":
                return deviation - np.sqrt(spread)
            case _:
                root = np.sqrt(4 * deviation + 1 + 4 * spread)
                return 2 * (np.square(deviation) - spread) / (2 * deviation + 1 + root)


def fit_weight(dump: Dump, conventions: Conventions, epsilon: float) -> tuple[Number | None, float]:
    """Return the weights of the batch that explain the running statistics, and the likeliest.

    None where no weight from 0 to 1 explains all that are there.
    """
    weight = _weights(dump, conventions, epsilon, 0.5)[2]
    if not np.isfinite(weight):
        weight = 0.5
    low, high, _ = _weights(dump, conventions, epsilon, min(max(weight, 1e-6), 1 - 1e-6))
    low, high = max(low, 0.0), min(high, 1.0)
    likely = ROUND_WEIGHTS
    if dump.momentum is not None:
        likely = (dump.momentum, 1.0 - dump.momentum, *likely)
    return (Number.within(low, high, likely) if low <= high else None), min(max(weight, 0.0), 1.0)


def _weights(dump: Dump, conventions: Conventions, epsilon: float, weight: float):
    """Return the least, the greatest and the likeliest weight, the bounds taken at one weight.

    The likeliest is the running mean's own where that tells: no convention has a part in it.
    """
    forward, bound = evaluated(dump, conventions, epsilon, weight)
    low, high, likeliest = -np.inf, np.inf, np.nan
    news = (forward.batch_mean, forward.batch_statistic)
    olds = (forward.previous_mean, forward.previous_var)
    for name, old, new in zip(RUNNING, olds, news, strict=True):
        if name not in dump.answer:
            continue
        distance = new - old
        moved = (np.asarray(dump.answer[name], old.dtype) - old) * np.sign(distance)
        allowed = np.asarray(getattr(bound, name), old.dtype)
        size = np.abs(distance)
        if np.any((size == 0) & (np.abs(moved) > allowed)):
            low, high = np.inf, -np.inf
        telling = size > 0
        if not telling.any():
            continue
        with np.errstate(over="ignore"):
            low = max(low, float(((moved - allowed) / size.clip(1e-300))[telling].max()))
            high = min(high, float(((moved + allowed) / size.clip(1e-300))[telling].min()))
        best = int(np.where(telling, size / allowed, -1).argmax())
        if np.isnan(likeliest) and size[best] > allowed[best]:
            likeliest = float(moved[best] / size[best])
    return low, high, likeliest


def evaluated(dump: Dump, conventions: Conventions, epsilon: float, weight: float):
    """Return the forward pass of a dump's layer under a hypothesis, and its bounds."""
    channels = len(dump.gamma)
    before = (np.zeros(channels), np.ones(channels))
    given = (dump.running_mean, dump.running_var)
    mean, var = (old if own is None else own for old, own in zip(before, given, strict=True))
    with np.errstate(all="ignore"):
        forward = batch_norm(
            dump.x,
            dump.gamma,
            dump.beta,
            mean,
            var,
            epsilon=epsilon,
            momentum=weight,
            training=dump.training,
            conventions=conventions,
            channel_axis=dump.channel_axis,
        )
        zeros = np.zeros(channels)
        bound = forward_bound(forward, Precision.of(dump.dtype, conventions), (zeros, zeros))
    return forward, bound
