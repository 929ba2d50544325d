"""A case: the data, the layer and the calls that show one claim. Cases are data, not code."""

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from reference.layer import Layer, Step

Data = Callable[[np.random.Generator, tuple[int, ...], int], np.ndarray]
"""Makes one input in float64 from a random generator, a shape and the channel axis."""

RECENT = 8
"""How many cases keep their arrays: all targets judge a case at about the same time."""

STEPS = {
    "train": (True, True),
    "forward": (True, False),
    "infer": (False, False),
    "infer-backward": (False, True),
    "bare": (None, False),
}
"""The kinds of call: the training flag, and whether a backward pass follows."""


def normal(mean: float = 0.0, std: float = 1.0) -> Data:
    """Standard normal values, scaled and shifted."""
    return lambda rng, shape, axis: mean + std * rng.standard_normal(shape)


def per_channel(*values: Data) -> Data:
    """A kind of data for each channel, in turn."""

    def make(rng, shape, axis):
        x = np.empty(shape)
        channels = np.moveaxis(x, axis, 0)
        for channel, part in enumerate(channels):
            part[...] = values[channel % len(values)](rng, part.shape, axis)
        return x

    return make


def constant(value: float) -> Data:
    """The same value everywhere."""
    return lambda rng, shape, axis: np.full(shape, value)


def values(array) -> Data:
    """The given array, whatever the generator says."""
    return lambda rng, shape, axis: np.array(array, np.float64).reshape(shape)


def distinct_state(channels: int) -> dict[str, np.ndarray]:
    """Parameters and statistics that all differ, exact in every dtype; none is 0 or 1 by habit."""
    k = np.arange(channels)
    return {
        "gamma": 0.5625 + (3 * k) % 7 / 4,
        "beta": -1.25 + (5 * k) % 9 / 4,
        "running_mean": -0.625 + (2 * k) % 5 / 2,
        "running_var": 0.4375 + (4 * k) % 11 / 4,
    }


@dataclass(frozen=True, eq=False)
class Case:
    """One claim, with everything needed to check it.

    `name` reads as the claim and `reason` says in one line why it is worth checking. `state` holds
    the layer's vectors, channel by channel, in place of values of which all differ; None is the
    constructor's own state. `steps` are words of `STEPS`; each step has a new input.
    """

    name: str
    reason: str
    shape: tuple[int, ...] = (8, 3)
    x: Data = normal()
    dtype: str = "float32"
    channel_axis: int | None = 1
    epsilon: float | None = 1e-5
    momentum: float | None = 0.1
    raw_momentum: float | None = None
    layer_rank: int | None = None
    state: dict[str, list[float]] | None = field(default_factory=dict)
    steps: tuple[str, ...] = ("train",)
    exact: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return f"{self.name}-{self.dtype}"

    def layer(self) -> Layer:
        """Return the layer's configuration and state, vectors in the case's dtype."""
        state: dict[str, np.ndarray] = {}
        if self.state is not None and self.channel_axis is not None:
            channels = self.shape[self.channel_axis]
            state = distinct_state(channels)
            for name, vector in self.state.items():
                state[name] = np.resize(np.array(vector, np.float64), channels)
        dtype = numpy_dtype(self.dtype)
        return Layer(
            dtype=self.dtype,
            channel_axis=self.channel_axis,
            epsilon=self.epsilon,
            momentum=self.momentum,
            raw_momentum=self.raw_momentum,
            layer_rank=self.layer_rank,
            **{name: vector.astype(dtype) for name, vector in state.items()},
        )

    @functools.lru_cache(maxsize=RECENT)  # noqa: B019 (cases live as long as the process)
    def inputs(self) -> list[Step]:
        """Return the calls with their arrays. The same numbers every time: the name is the seed."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        dtype = numpy_dtype(self.dtype)
        made = []
        for word in self.steps:
            training, backward = STEPS[word]
            with np.errstate(over="ignore"):
                x = self.x(rng, self.shape, self.channel_axis or 1).astype(dtype)
            # Never all ones: the true dx would be 0 and test nothing.
            dy = rng.standard_normal(self.shape).astype(dtype)
            made.append(Step(x, dy if backward else None, training))
        return made


def in_dtypes(*cases: Case, dtypes: tuple[str, ...] = ("float32", "float64")) -> tuple[Case, ...]:
    """Return every case in every dtype."""
    return tuple(replace(case, dtype=dtype) for case in cases for dtype in dtypes)


def numpy_dtype(name: str) -> np.dtype:
    """Return the NumPy dtype of a name, bfloat16 included."""
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16 if name == "bfloat16" else name)
