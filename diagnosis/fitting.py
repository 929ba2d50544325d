"""Numbers recovered from an answer: the epsilon or the momentum that would explain it.

Each fit returns an interval: every channel's answer, with its error bound, allows a range of the
number, and the interval is what all channels allow. An empty one means that no number explains it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reference.conventions import Conventions
from reference.expected import expect
from reference.layer import Layer, Step, axis_of, trains
from reference.layout import channel_major

ROUND_NUMBERS = tuple(
    digit * 10.0**exponent for exponent in range(-12, 1) for digit in (1, 2, 5)
) + tuple(1.0 - digit * 10.0**exponent for exponent in (-4, -3, -2, -1) for digit in (1, 2, 5))


@dataclass(frozen=True)
class Interval:
    """The numbers from low to high; `best` is the one to name."""

    low: float
    high: float

    @property
    def best(self) -> float:
        """The roundest number inside: a power of ten times 1, 2 or 5, or else the middle."""
        inside = [number for number in ROUND_NUMBERS if self.low <= number <= self.high]
        return inside[0] if len(inside) == 1 else (self.low + self.high) / 2

    def samples(self) -> list[float]:
        """Return some numbers of the interval to try, the most likely first; none is negative."""
        inside = [number for number in ROUND_NUMBERS if self.low <= number <= self.high]
        ends = [(self.low + self.high) / 2, self.low, self.high]
        return [number for number in [*inside, *ends] if number >= 0]

    def __str__(self):
        return f"{self.best:.8g} (from {self.low:.8g} to {self.high:.8g})"


@np.errstate(all="ignore")  # an answer can hold anything
def fit_momentum(
    layer: Layer, step: Step, answer: Mapping[str, np.ndarray], conventions: Conventions
) -> Interval | None:
    """Return the weights of the new batch that explain the running statistics of one step.

    The update is linear in the weight: what weight 0 and weight 1 give fixes it in every channel.
    """
    none, half, all_of_it = (
        expect(replace(layer, momentum=weight, raw_momentum=None), [step], conventions)[0].tensors
        for weight in (0.0, 0.5, 1.0)
    )
    lows, highs = [], []
    for name in ("running_mean", "running_var"):
        told = name in half and name in answer
        if not told or answer[name].shape != np.shape(half[name].value):
            return None
        old, new = none[name].value, all_of_it[name].value
        bound = 2 * half[name].bound  # no weight has a larger one
        moved = np.asarray(answer[name], old.dtype) - old
        middle, radius = moved / (new - old), bound / np.abs(new - old)
        usable = np.isfinite(middle) & np.isfinite(radius) & (radius < 1)
        lows += [float(number) for number in (middle - radius)[usable]]
        highs += [float(number) for number in (middle + radius)[usable]]
    return _intersection(lows, highs)


@np.errstate(all="ignore")
def fit_epsilon(
    layer: Layer, step: Step, answer: Mapping[str, np.ndarray], conventions: Conventions
) -> Interval | None:
    """Return the epsilons that explain y of one step, placed as the conventions say.

    In every channel (y - beta) / gamma is x - mean over a deviation; its least-squares slope gives
    the deviation, and that less the root of the variance leaves epsilon.
    """
    expectation = expect(layer, [step], conventions)[0]
    if "y" not in expectation.tensors or "y" not in answer or step.x.size == 0:
        return None
    axis = axis_of(layer, conventions)
    x = channel_major(step.x, axis, np.longdouble)
    y = channel_major(np.asarray(answer["y"], np.float64), axis, np.longdouble)
    bound = channel_major(expectation.tensors["y"].bound, axis, np.longdouble)
    channels = x.shape[0]
    gamma = _vector(layer.gamma, 1.0, channels)
    beta = _vector(layer.beta, 0.0, channels)
    if trains(step, conventions):
        mean = x.mean(axis=(1, 2))
        variance = np.square(x - mean[:, None, None]).mean(axis=(1, 2))
        if conventions.normalizing_variance == "unbiased":
            count = x.shape[1] * x.shape[2]
            variance = variance * count / max(count - 1, 1)
    else:
        mean = _vector(layer.running_mean, 0.0, channels)
        variance = _vector(layer.running_var, 1.0, channels)
    centred = x - mean[:, None, None]
    power = np.square(centred).sum(axis=(1, 2)) * np.abs(gamma)
    slope = ((y - beta[:, None, None]) * centred).sum(axis=(1, 2)) / power * np.sign(gamma)
    spread = (bound * np.abs(centred)).sum(axis=(1, 2)) / power
    lows = _epsilon_of(1 / (slope + spread), variance, conventions.epsilon_placement)
    highs = _epsilon_of(1 / (slope - spread), variance, conventions.epsilon_placement)
    usable = np.isfinite(lows) & np.isfinite(highs) & (slope > spread)
    return _intersection(lows[usable].astype(float), highs[usable].astype(float))


def _epsilon_of(std: np.ndarray, variance: np.ndarray, placement: str) -> np.ndarray:
    """Return the epsilon that makes a variance into a standard deviation."""
    if placement == "in_sqrt":
        return np.square(std) - variance
    if placement == "outside_sqrt":
        return std - np.sqrt(variance)
    # sqrt(var + eps) + eps = std is a quadratic equation; of its roots the smaller one is meant
    middle = std + 0.5
    return middle - np.sqrt(np.square(middle) - np.square(std) + variance)


def _vector(given: np.ndarray | None, default: float, channels: int) -> np.ndarray:
    if given is None:
        return np.full(channels, default, np.longdouble)
    return np.asarray(given, np.longdouble)


def _intersection(lows: Sequence[float], highs: Sequence[float]) -> Interval | None:
    if len(lows) == 0 or max(lows) > min(highs):
        return None
    return Interval(float(max(lows)), float(min(highs)))
