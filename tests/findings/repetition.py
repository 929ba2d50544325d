"""A repetition of a layer's arithmetic, and the layer that it is held against, bit for bit.

Tensors in a repetition are in rows, one per channel: `rows` lays out y, dx and x so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from reference.layer import Layer, Step
from test_cases.case import Case
from test_cases.cases import all_cases
from tests.findings.layers import Target, target_of

Answer = Mapping[str, np.ndarray]
Repeat = Callable[[Layer, Step, Answer], dict[str, np.ndarray]]
"""Repeats one step of a layer as it stands before it. The layer's answer, which shows what it
rounded, has the number of batches before this one as `batches_seen`."""


@dataclass(frozen=True)
class Repetition:
    """Cases of an implementation, and the arithmetic that gives every bit of what it answers.

    `cases` are patterns of case ids, less those of `but`; `own` are cases that the suite lacks.
    `within` is how far an element may be off, in ULP of the largest of its row, and `strays` how
    many may be off at all: a float32 sum in another order can fall on the other side of a
    half-precision rounding. Nearly always both are 0.
    """

    implementation: str
    repeat: Repeat
    cases: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    own: tuple[Case, ...] = ()
    mode: str | None = None
    within: float = 0
    strays: int = 0

    @property
    def target(self) -> Target:
        return target_of(self.implementation, self.mode)

    def chosen(self) -> dict[str, Case]:
        found = {
            name: case
            for name, case in all_cases().items()
            if any(fnmatchcase(name, pattern) for pattern in self.cases)
            and not any(fnmatchcase(name, pattern) for pattern in self.but)
        }
        return found | {case.id: case for case in self.own}


def rows(array: np.ndarray, axis: int) -> np.ndarray:
    """Return the values of each channel as one row, in the order of memory; a vector as it is."""
    if array.ndim == 1:
        return array
    return np.moveaxis(array, axis, 0).reshape(array.shape[axis], -1)


def column(vector: np.ndarray) -> np.ndarray:
    return vector[:, None]


def summed(array: np.ndarray) -> np.ndarray:
    """Return the sum of each row, rounded once to the array's own width: in whatever order a
    framework adds, a sum that is then rounded to half precision comes out the same."""
    return array.astype(np.longdouble).sum(axis=1).astype(array.dtype)


def summed_in_order(array: np.ndarray) -> np.ndarray:
    """Return the sum of each row, one value after the other in the array's own width."""
    return np.add.accumulate(array, axis=1)[:, -1]


def differing(observed: np.ndarray, repeated: np.ndarray, within: float = 0) -> int:
    """Count the elements that are not the same number; a NaN is the same as another."""
    if observed.dtype != repeated.dtype or observed.shape != repeated.shape:
        kinds = [f"{one.dtype} {one.shape}" for one in (observed, repeated)]
        raise TypeError("{} answered, {} repeated".format(*kinds))
    both_nan = np.isnan(observed.astype(float)) & np.isnan(repeated.astype(float))
    if not within:
        return int(np.sum((observed != repeated) & ~both_nan))
    ulp = np.spacing(np.abs(repeated).max(axis=-1, keepdims=True))
    return int(np.sum(~(np.abs(observed - repeated) <= within * ulp) & ~both_nan))


def compared(
    case: Case, answers: Sequence[Answer], repetition: Repetition
) -> dict[str, tuple[int, int]]:
    """Return, for each tensor that is repeated, how many elements differ and how many there are.

    Every step starts from the state that the layer itself answered before.
    """
    layer, seen, counts = case.layer(), 0, {}
    for step, answer in zip(case.inputs(), answers, strict=True):
        told = {**answer, "batches_seen": seen}
        for name, repeated in repetition.repeat(layer, step, told).items():
            observed = rows(answer[name], case.channel_axis)
            differ, of = counts.get(name, (0, 0))
            counts[name] = (
                differ + differing(observed, repeated, repetition.within),
                of + repeated.size,
            )
        kept = {"running_mean", "running_var"} & answer.keys()
        layer, seen = (
            replace(layer, **{name: answer[name] for name in kept}),
            seen + bool(step.training),
        )
    return counts
