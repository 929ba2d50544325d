"""Numbers recovered from an answer: the epsilon and the weight of the batch, with all they may be.

Every element of y allows a range of the deviation it was divided by, every running statistic a
range of the weight; the interval is what all of them allow, so no element leaves its bound in it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from diagnosis import blocks
from diagnosis.judgement import RUNNING
from diagnosis.question import Call
from records.hypothesis import Interval
from reference.batch_norm import Forward, batch_norm
from reference.conventions import Conventions
from reference.error_bound import ForwardBound, forward_bound, kept_error
from reference.layer import axis_of, epsilon_of, state_of, trains, weight_of_batch
from reference.layout import channel_major
from reference.precision import Precision

_POWERS = [float(f"1e{exponent}") for exponent in range(-1, -17, -1)]
_DIGITS = [float(f"{digit}e{power}") for power in (-1, -2, -3, -4) for digit in range(2, 10)]
_SMALL = [float(f"{digit}e{power}") for digit in (2, 5) for power in range(-5, -17, -1)]
ROUND = (1.0, *_POWERS, *_DIGITS, *(1.0 - one for one in (*_POWERS[:4], *_DIGITS)), *_SMALL, 0.0)
"""The numbers that people write, the likeliest first."""

FUSED_EPSILON = 1.001e-5
"""The least epsilon of TensorFlow's fused kernel (tensorflow/python/ops/nn_impl.py)."""

HELD = {
    **{1.0 - float(np.float32(1.0 - one)): f"1 - float32({1.0 - one:.8g})" for one in ROUND},
    **{float(np.float32(one)): f"float32({one:.8g})" for one in ROUND},
    FUSED_EPSILON: "the least epsilon of TensorFlow's fused kernel",
}
"""What becomes of them in a layer that holds a number, or one minus it, as a C float; in words."""

LIKELIEST = {"epsilon": (1e-5, 1e-3), "momentum": (0.1, 0.01, 0.001, 1.0, 0.0, 0.5)}


@dataclass(frozen=True)
class Number(Interval):
    """A number that fits, the interval of all that fit, and the usual ones among those.

    `usual` holds the round numbers, and those that were given, that lie inside, the likeliest
    first; where none does, what round numbers become in a layer that rounds them.
    """

    usual: tuple[float, ...] = ()

    @classmethod
    def within(cls, low: float, high: float, subject: str, given: Iterable[float] = ()) -> "Number":
        """Return an interval of the epsilon or the momentum with its likeliest number."""
        inside = {
            number: None
            for number in (*given, *LIKELIEST[subject.removeprefix("default_")], *ROUND)
            if low <= number <= high
        }
        usual = tuple(inside or {number: None for number in HELD if low <= number <= high})
        middle = low if np.isinf(high) else (low + high) / 2
        return cls(low, high, usual[0] if usual else middle, usual)

    @classmethod
    def exactly(cls, value: float) -> "Number":
        return cls(value, value, value)

    def at(self, value: float) -> "Number":
        return replace(self, best=value)

    def holds(self, value: float) -> bool:
        return self.low <= value <= self.high

    def candidates(self) -> list[float]:
        """Return numbers of the interval to try, the likeliest first."""
        ends = [self.low, self.high] if np.isfinite(self.high) else [self.low]
        return list(dict.fromkeys([self.best, *self.usual[:3], sum(ends) / len(ends), *ends]))

    @property
    def round(self) -> bool:
        return bool(self.usual)

    @property
    def held_as(self) -> str:
        """What a round number became in the layer, in words; "" where it stayed what it is."""
        return "" if self.best in ROUND else HELD.get(self.best, "")

    @property
    def decided(self) -> bool:
        """Whether all that fit are one number to the eye: one usual one, or a narrow interval."""
        return self.high - self.low <= 0.1 * abs(self.high)

    def __str__(self) -> str:
        low, high = span(self)
        return f"{self.told} (from {low} to {high})"


def span(interval: Interval, digits: int = 8) -> tuple[str, str]:
    """Return the ends of an interval with so many digits, or with those that tell them apart."""
    while digits < 17 and f"{interval.low:.{digits}g}" == f"{interval.high:.{digits}g}":
        digits += 1
    return f"{interval.low:.{digits}g}", f"{interval.high:.{digits}g}"


def fit_epsilon(call: Call, conventions: Conventions) -> tuple[Number | None, float]:
    """Return the epsilons that put every element of y inside its bound, and the likeliest one.

    None where no epsilon from 0 on does; the likeliest is then the one to call the nearest.
    """
    given = () if call.layer.epsilon is None else (call.layer.epsilon,)
    first = (*given, *LIKELIEST["epsilon"])[0]
    told = [_Slopes(part, conventions, first).likeliest() for part in _parts(call, conventions)]
    nearest = max(min(told)[1], 0.0)
    bounded_at = max(nearest, 1e-16)
    ends = [_Slopes(one, conventions, bounded_at).interval() for one in _parts(call, conventions)]
    low, high = max(0.0, *(end[0] for end in ends)), min(end[1] for end in ends)
    return (Number.within(low, high, "epsilon", given) if low <= high else None), nearest


def _parts(call: Call, conventions: Conventions) -> Iterator[Call]:
    """Yield a call, or some of its channels after the others, without what tells no number."""
    step = replace(call.step, dy=None)
    answer = {name: call.answer[name] for name in ("y", *RUNNING) if name in call.answer}
    return blocks.of_call(replace(call, step=step, answer=answer), conventions)


class _Slopes:
    """What y tells of the deviations it was divided by, its bounds taken at one epsilon."""

    def __init__(self, call: Call, conventions: Conventions, epsilon: float):
        forward, bound = evaluated(call, conventions, epsilon, 0.5)
        self.forward = forward
        axis, wide = forward.channel_axis, forward.x.dtype
        self.bound = channel_major(bound.y, axis, wide)
        self.centred = forward.scale * (forward.x - forward.mean)
        self.moved = channel_major(call.answer["y"], axis, wide) - forward.beta

    def interval(self) -> tuple[float, float]:
        """Return the least and the greatest epsilon that every element allows."""
        if np.any((self.centred == 0) & (np.abs(self.moved) > self.bound)):
            return np.inf, -np.inf
        size = np.abs(self.centred)
        along = self.moved * np.sign(self.centred)
        with np.errstate(all="ignore"):
            lows = np.where(size > 0, (along - self.bound) / size, -np.inf)
            highs = np.where(size > 0, (along + self.bound) / size, np.inf)
        axes = self.forward.axes
        least = lows.max(axis=axes, keepdims=True, initial=-np.inf)
        greatest = highs.min(axis=axes, keepdims=True, initial=np.inf)
        if not np.all((greatest > 0) & (least <= greatest)):
            return np.inf, -np.inf
        low = _epsilon_of(greatest, self.forward)
        high = np.where(least > 0, _epsilon_of(np.maximum(least, 1e-300), self.forward), np.inf)
        return float(np.nan_to_num(low, nan=0.0).max(initial=0.0)), float(
            np.nan_to_num(high, nan=np.inf, posinf=np.inf).min(initial=np.inf)
        )

    def likeliest(self) -> tuple[float, float]:
        """Return how exactly the most telling channel tells epsilon, and its least-squares one."""
        axes = self.forward.axes
        with np.errstate(all="ignore"):
            power = np.square(self.centred).sum(axis=axes, keepdims=True)
            slope = (self.moved * self.centred).sum(axis=axes, keepdims=True) / power
            spread = (self.bound * np.abs(self.centred)).sum(axis=axes, keepdims=True) / power
            middle = _epsilon_of(slope, self.forward)
            width = np.abs(_epsilon_of(slope + spread, self.forward) - middle)
        width = np.where(np.isfinite(width) & np.isfinite(middle), width, np.inf).ravel()
        if not np.isfinite(width).any():
            return np.inf, LIKELIEST["epsilon"][0]
        best = int(width.argmin())
        return float(width[best]), float(middle.ravel()[best])


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
            case _:  # sqrt(spread + eps) + eps, of whose roots the smaller one is meant
                root = np.sqrt(4 * deviation + 1 + 4 * spread)
                return 2 * (np.square(deviation) - spread) / (2 * deviation + 1 + root)


def fit_momentum(call: Call, conventions: Conventions) -> tuple[Number | None, float]:
    """Return the weights of the batch that explain the running statistics, and the likeliest.

    None where no weight from 0 to 1 explains all that are there, or where the step's weight is none
    that the layer was given.
    """
    told = [_weights(part, conventions, 0.5) for part in _parts(call, conventions)]
    *_, likeliest = max(told, key=_sharpness)
    weight = likeliest if np.isfinite(likeliest) else 0.5
    nearest = min(max(weight, 0.0), 1.0)
    bounded_at = min(max(weight, 1e-6), 1 - 1e-6)
    ends = [_weights(part, conventions, bounded_at) for part in _parts(call, conventions)]
    low, high = max(0.0, *(end[0] for end in ends)), min(1.0, *(end[1] for end in ends))
    layer = call.layer
    given = [] if layer.momentum is None else [layer.momentum]
    if layer.raw_momentum is not None:
        given += [layer.raw_momentum, 1.0 - layer.raw_momentum]
    return (Number.within(low, high, "momentum", given) if low <= high else None), nearest


def _sharpness(weights: tuple) -> tuple:
    return weights[2]


def _weights(
    call: Call, conventions: Conventions, weight: float
) -> tuple[float, float, tuple[bool, float], float]:
    """Return the least, the greatest and the likeliest weight, the bounds taken at one weight.

    The likeliest is the running mean's own where that tells: no convention has a part in it. Before
    it stands whether it is that, and how exactly it is told.
    """
    epsilon = epsilon_of(call.layer, conventions)
    forward, bound = evaluated(call, conventions, epsilon, weight)
    low, high, sharpness, likeliest = -np.inf, np.inf, (False, -np.inf), np.nan
    if forward.weight != forward.momentum:
        return np.inf, -np.inf, sharpness, np.nan
    news = (forward.batch_mean, forward.batch_statistic)
    olds = (forward.previous_mean, forward.previous_var)
    for name, old, new in zip(RUNNING, olds, news, strict=True):
        if name not in call.answer:
            continue
        distance = new - old
        moved = (np.asarray(call.answer[name], old.dtype) - old) * np.sign(distance)
        allowed = np.asarray(getattr(bound, name), old.dtype)
        size = np.abs(distance)
        if np.any((size == 0) & ~(np.abs(moved) <= allowed)):
            low, high = np.inf, -np.inf
        telling = size > 0
        if not telling.any():
            continue
        with np.errstate(all="ignore"):
            low = max(low, float(((moved - allowed) / size.clip(1e-300))[telling].max()))
            high = min(high, float(((moved + allowed) / size.clip(1e-300))[telling].min()))
            sharp = np.where(telling, size / allowed, -1)
        best = int(sharp.argmax())
        if np.isnan(likeliest) and size[best] > allowed[best]:
            likeliest = float(moved[best] / size[best])
            sharpness = name == "running_mean", float(sharp[best])
    return low, high, sharpness, likeliest


@np.errstate(all="ignore")  # an answer can hold anything
def evaluated(
    call: Call, conventions: Conventions, epsilon: float, weight: float
) -> tuple[Forward, ForwardBound]:
    """Return the forward pass of a call under conventions and numbers, and its bounds."""
    layer, step = call.layer, call.step
    axis = axis_of(layer, conventions)
    gamma, beta, mean, var = state_of(layer, step.x.shape[axis], conventions)
    precision = Precision.of(layer.dtype, conventions)
    forward = batch_norm(
        step.x,
        gamma,
        beta,
        mean,
        var,
        epsilon=epsilon,
        momentum=weight,
        training=trains(step, conventions),
        conventions=conventions,
        channel_axis=axis,
    )
    kept = (kept_error(mean, precision.statistics), kept_error(var, precision.statistics))
    return forward, forward_bound(forward, precision, kept)


def is_declared(call: Call, subject: str, number: Interval, conventions: Conventions) -> bool:
    """Say whether an interval holds the number that the layer was given, or its default."""
    number_of = {"epsilon": epsilon_of, "momentum": weight_of_batch}[subject]
    return number.low <= number_of(call.layer, conventions) <= number.high


FITS = {"epsilon": fit_epsilon, "momentum": fit_momentum}
"""How each number is recovered."""
