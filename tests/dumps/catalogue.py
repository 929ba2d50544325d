"""Every dump of the set, with the answer that is right.

A dump is made when it is asked for, always of the same numbers: those of a large shape take
megabytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tests.dumps.data import (
    IMAGES,
    LARGE,
    LONG,
    MIDDLE,
    ROWS,
    SMALL,
    activations,
    alike,
    drifting,
    offset,
    pixels,
    spread,
)
from tests.dumps.kernels import by_lanes, by_threads, kernel, one_pass, pairwise, sequential
from tests.dumps.wrong import WRONG
from tests.independent_layer import FRAMEWORKS, call

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Dumped:
    """One dump: how it is made and read, and what is right to say of it.

    `statuses` are the exit statuses that are not wrong; `names` must be among the frameworks, with
    no argument, and `options` among what is told of the conventions.
    """

    name: str
    make: Callable[[], Arrays]
    statuses: tuple[int, ...]
    names: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    training: bool = True
    axis: int = 1


def of_frameworks():
    """The dumps of right layers, by every framework's conventions."""
    calls = [
        *((ROWS, 1, np.float32), (SMALL, 1, np.float32)),
        *(((2, 5, 3), 2, np.float64), ((4, 5, 6, 3), 3, np.float32)),
    ]
    for framework, choices in FRAMEWORKS.items():
        for shape, axis, dtype in calls:
            if framework == "tf.keras 2" and (axis, dtype) != (3, np.float32):
                continue  # its fused kernel takes images
            yield Dumped(
                f"{framework} {shape} {dtype.__name__}",
                lambda shape=shape, axis=axis, dtype=dtype, choices=choices: call(
                    spread(shape, axis, dtype), axis, **choices
                ),
                (0,),
                names=(framework,),
                axis=axis,
            )


CHOICES = {
    "epsilon outside": ({"placement": "outside_sqrt"}, {"epsilon_placement": "outside_sqrt"}),
    "epsilon in both": ({"placement": "both"}, {"epsilon_placement": "both"}),
    "normalised by n - 1": ({"divisor": "n - 1"}, {"normalizing_variance": "unbiased"}),
    "blocked gradients": ({"blocked": True}, {"statistics_gradient": "blocked"}),
    "a deviation kept": (
        {"kept": "standard_deviation"},
        {"running_statistic": "standard_deviation"},
    ),
    "normalised by what ran": ({"by_running": True}, {"normalizer": "running"}),
    "inference": ({"training": False}, {"normalizer": "running"}),
}


def of_choices():
    """The dumps of right layers that make a choice of their own."""
    for words, (choice, options) in CHOICES.items():
        for dtype in (np.float32, np.float64):
            yield Dumped(
                f"{words} {dtype.__name__}",
                lambda choice=choice, dtype=dtype: call(
                    spread(SMALL, 1, dtype), 1, epsilon=2e-3, **choice
                ),
                (0,),
                options=options,
                training=choice.get("training", True),
            )


def of_kernels():
    """The dumps of right layers that sum in an order of their own; a loose one is said to be."""
    sums = [pairwise, by_threads, by_lanes, sequential]
    kinds = [(spread, SMALL), (pixels, MIDDLE), (activations, MIDDLE), (offset, SMALL)]
    kinds += [(drifting, MIDDLE)]
    for total in sums:
        for data, shape in kinds:
            yield Dumped(
                f"{total.__name__} sums of {data.__name__} {shape}",
                lambda data=data, shape=shape, total=total: kernel(data(shape), 1, total=total),
                (0, 3),
                names=("PyTorch",),
            )
    for total, data, shape in [
        *((pairwise, offset, SMALL), (by_lanes, offset, SMALL), (sequential, pixels, MIDDLE)),
        (by_threads, activations, MIDDLE),
    ]:
        yield Dumped(
            f"one pass in {total.__name__} sums of {data.__name__} {shape}",
            lambda data=data, shape=shape, total=total: kernel(
                data(shape), 1, total=total, moments=one_pass, weight=0.01, ddof=0
            ),
            (0, 3),
            names=("Flax",),
        )
    for total, data, shape in ((sequential, activations, LONG), (by_threads, pixels, LARGE)):
        yield Dumped(
            f"{total.__name__} sums of {data.__name__} {shape}",
            lambda total=total, data=data, shape=shape: kernel(data(shape), 1, total=total),
            (0, 3),
            names=("PyTorch",),
        )
    for shape in ((2, 3), (2, 3, 4)):
        yield Dumped(
            f"two samples {shape}",
            lambda shape=shape: call(spread(shape), 1),
            (0,),
            names=("PyTorch",),
        )


SAID = {
    "running statistics updated twice": (3,),
    "buffers that were not copied": (3,),
    "gamma half a percent down": (1, 3),
}
"""What is wrong and may yet be no misfit: a weight that nobody passes, statistics that stay, and a
scale that a one-pass variance is off by, where the data cancel so far."""

KINDS = ((spread, SMALL), (alike, IMAGES), (pixels, IMAGES), (drifting, MIDDLE))
LARGE_KINDS = (
    *("y times 1 01", "a mean of 8 bits in all that is kept", "statistics per rank"),
    *("one sample of a channel is shifted", "one element of y", "gamma half a percent up"),
    *("one over std of 11 bits", "a relu is fused"),
)


def of_faults():
    """The dumps of calls that no layer made: every fault in one kind of data."""
    for place, words in enumerate(WRONG):
        yield faulty(words, *KINDS[place % len(KINDS)])
    yield faulty("one sample of a channel is shifted", drifting, MIDDLE)
    yield faulty("one element of y", pixels, LARGE)


def of_all_faults():
    """The dumps of every fault in every kind of data, and of some in a large one: minutes."""
    for words in WRONG:
        for kind in KINDS:
            yield faulty(words, *kind)
    for words in LARGE_KINDS:
        yield faulty(words, pixels, LARGE)


def faulty(words, data, shape):
    """Return the dump of a fault in some data."""
    return Dumped(
        f"{words}, {data.__name__} {shape}",
        lambda: spoilt(words, data, shape),
        SAID.get(words, (1,)),
    )


def spoilt(words, data, shape):
    """Return the dump of a right call with what a fault makes of it."""
    made = kernel(data(shape), 1)
    return made | WRONG[words](made)


def dumps(faults=of_faults):
    """Return every dump of the set, {name: dump}."""
    made = [*of_frameworks(), *of_choices(), *of_kernels(), *faults()]
    return {one.name: one for one in made}
