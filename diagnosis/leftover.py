"""What a looser sum does to a channel: it moves it, and the rest must be as exact as ever.

A mean or a variance that is off moves all the values of a channel together: y by a multiple of x
and a constant, dx by multiples of dy and of x and a constant. What is left of an error after the
best such move is the rounding of single elements, of which a looser sum makes no more: it must be
within the bound that holds without it. So noise, a wrong element or a wrong plane is not explained
by a sum, however wide the bound of that sum is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from diagnosis.judgement import error_over_bound, is_within
from reference.conventions import CONVENTIONS, Conventions
from reference.expected import Expected, StepExpectation
from reference.float_formats import FORMATS
from reference.layer import Layer, Step, axis_of, trains
from reference.layout import from_channel_major

MOVING = {"variance_algorithm": "one_pass", "summation": "sequential"}
MOVING |= {"arithmetic": "rounded_statistics"}
"""The options by which nothing but a channel's mean and variance is less exact."""

CONSTANT = 1e-12
"""A deviation of so much of a channel's values is the rounding of its mean: it is no direction."""


@dataclass(frozen=True)
class Moved(Expected):
    """An expectation whose channels a looser sum may move.

    `along` are the directions, in the tensor's shape, the one that the tensor mostly follows first;
    where `shifts`, a constant is another. `rest` bounds what is left.
    """

    rest: np.ndarray | float = 0.0
    along: tuple[np.ndarray, ...] = ()
    axis: int = 1
    shifts: bool = True

    def left_over(self, observed: np.ndarray) -> np.ndarray:
        """Return what is left of the error after the best move, over its bound, elementwise."""
        error = self._rows(np.asarray(observed, self.value.dtype) - self.value)
        values = np.stack([error, self._rows(self.value)])
        left = values[0] - values[0].mean(axis=1, keepdims=True) if self.shifts else values[0]
        grown = np.ones((len(error), 1))
        basis: list[np.ndarray] = []
        for one in self.along:
            rows = self._rows(one)
            size = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
            direction = rows - rows.mean(axis=1, keepdims=True)
            for other in basis:
                direction = direction - _dot(direction, other) * other
            length = np.sqrt(_dot(direction, direction))
            known = length > CONSTANT * size * np.sqrt(rows.shape[1])
            direction = np.where(known, direction / np.where(known, length, 1.0), 0.0)
            if not basis:  # whose roundings grow as the value does
                slope = np.abs(_dot(values[1], direction))
                more = np.abs(_dot(values[0] + values[1], direction))
                grown = np.where(slope > 0, more / np.where(slope > 0, slope, 1.0), 1.0)
            left = left - _dot(left, direction) * direction
            basis.append(direction)
        moved = FORMATS[observed.dtype.name].unit_roundoff * np.abs(error - left)
        rest = self._rows(self.rest) * np.maximum(grown, 1.0) + moved
        # The roundings move the best fit too, by no more than all of them together can.
        of_fit = rest.mean(axis=1, keepdims=True) if self.shifts else 0.0
        for direction in map(np.abs, basis):
            of_fit = of_fit + direction * _dot(direction, rest)
        over = np.minimum(np.abs(left), np.abs(error)) / (rest + of_fit)
        return self._back(np.nan_to_num(over, nan=0.0, posinf=np.inf))

    def _rows(self, array) -> np.ndarray:
        """Return an array of the tensor's shape as (channels, values), float64."""
        array = np.broadcast_to(np.asarray(array, np.float64), self.value.shape)
        return np.moveaxis(array, self.axis, 0).reshape(self.value.shape[self.axis], -1)

    def _back(self, rows: np.ndarray) -> np.ndarray:
        return from_channel_major(rows, self.axis, self.value.shape)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("cn,cn->c", a, b)[:, None]


@np.errstate(all="ignore")  # an answer can hold anything
def errors_in_bounds(observed: np.ndarray, expected: Expected) -> np.ndarray:
    """Return every element's error in bounds, that of what a looser sum leaves over included."""
    ratio = error_over_bound(observed, expected)
    if isinstance(expected, Moved) and observed.size:
        ratio = np.maximum(ratio, expected.left_over(observed))
    return ratio


@np.errstate(all="ignore")
def fits(observed: np.ndarray, expected: Expected) -> bool:
    """Say whether every element is within its bounds."""
    if not is_within(observed, expected):
        return False
    if not isinstance(expected, Moved) or not observed.size:
        return True
    return not np.any(expected.left_over(observed) > 1)


def held(
    loose: list[StepExpectation],
    expect: Callable[[Conventions], list[StepExpectation]],
    layer: Layer,
    steps: Sequence[Step],
    conventions: Conventions,
    declared: Conventions,
) -> list[StepExpectation]:
    """Return what conventions expect, with sums that are looser than declared held to a move.

    `expect` gives what other conventions expect of these steps; it is asked only where some are.
    """
    tight = _without_looser_sums(conventions, declared)
    if tight == conventions:
        return loose
    return _with_moves(loose, expect(tight), layer, steps, conventions)


def _without_looser_sums(conventions: Conventions, declared: Conventions) -> Conventions:
    """Return conventions with the declared sums where theirs are looser."""
    changes = {
        name: getattr(declared, name)
        for name, option in MOVING.items()
        if getattr(conventions, name) == option and _is_looser(name, option, declared)
    }
    return conventions.but(**changes)


def _is_looser(name: str, option: str, declared: Conventions) -> bool:
    options = list(CONVENTIONS[name].options)
    return options.index(option) > options.index(getattr(declared, name))


def _with_moves(
    loose: Sequence[StepExpectation],
    tight: Sequence[StepExpectation],
    layer: Layer,
    steps: Sequence[Step],
    conventions: Conventions,
) -> list[StepExpectation]:
    """Return what looser sums expect, held to the `tight` bounds but for a move of each channel.

    A sample that is normalised by itself is no channel: nothing is held there.
    """
    if conventions.normalizer == "per_sample":
        return list(loose)
    result = []
    for step, one, other in zip(steps, loose, tight, strict=False):
        # A variance alone turns a channel about its own mean; one that ran, about another.
        own = trains(step, conventions) and conventions.normalizer == "batch"
        sums = (conventions.summation, conventions.arithmetic)
        shifts = not own or bool({*sums} & {"sequential", "rounded_statistics"})
        axis = axis_of(layer, conventions)
        directions = {"y": (step.x,), "dx": (step.dy, step.x)}
        moved = {
            name: Moved(
                *(one.tensors[name].value, one.tensors[name].bound, one.tensors[name].scale),
                rest=other.tensors[name].bound,
                along=tuple(each for each in directions[name] if each is not None),
                axis=axis,
                shifts=shifts,
            )
            for name in directions
            if name in one.tensors and name in other.tensors
        }
        result.append(replace(one, tensors={**one.tensors, **moved}))
    return result + list(loose[len(result) :])
