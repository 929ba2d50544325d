"""Dumps: the arrays of one BatchNorm call, read from an npz file that nobody has to trust.

Nothing is unpickled, and only the arrays with a known name are read at all.
"""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diagnosis.judgement import Answered
from explain.checks import (
    GRADIENTS,
    NEEDS,
    OPTIONAL,
    REQUIRED,
    RUNNING,
    SCALARS,
    listed,
    misshapen,
    unfit,
    wrong_dtypes,
)
from reference.layer import Layer, Step

UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, MemoryError, OverflowError, SyntaxError),
    *(NotImplementedError, RuntimeError, TypeError, zipfile.BadZipFile, zlib.error),
)
PART_SIZE = 16384
"""About how many elements the telling channels together may have; two are always taken."""


class DumpError(ValueError):
    """A file that cannot be explained; `lines` say why, one problem each."""

    def __init__(self, *lines: str):
        super().__init__("; ".join(lines))
        self.lines = lines


@dataclass(frozen=True)
class Dump:
    """One call of a layer: what went in, what came out, and what is known of its numbers.

    `answer` holds the tensors that came out, by the names of `reference.expected.TENSORS`.
    `momentum` is the number passed to the layer, whatever the layer means by it.
    """

    name: str
    x: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray
    answer: Mapping[str, np.ndarray]
    dy: np.ndarray | None = None
    running_mean: np.ndarray | None = None
    running_var: np.ndarray | None = None
    epsilon: float | None = None
    momentum: float | None = None
    training: bool = True
    channel_axis: int = 1
    ignored: tuple[str, ...] = ()

    @property
    def dtype(self) -> str:
        return self.x.dtype.name

    @property
    def count(self) -> int:
        """The number of values per channel."""
        return self.x.size // self.x.shape[self.channel_axis]

    @property
    def statistics_dtype(self) -> str:
        """The option of the convention `statistics_dtype` that the stored vectors show."""
        kept = {self.answer[name].dtype.name for name in RUNNING if name in self.answer}
        if self.dtype == "float64":
            return "always_float32" if "float32" in kept else "widened"
        kept |= {self.answer[name].dtype.name for name in GRADIENTS[1:] if name in self.answer}
        return "input_dtype" if "float16" in kept else "widened"

    def layer(self, epsilon: float, weight: float) -> Layer:
        """Return the layer of the call with these numbers; `weight` is that of the batch."""
        return Layer(
            dtype=self.dtype,
            channel_axis=self.channel_axis,
            epsilon=epsilon,
            momentum=weight,
            gamma=self.gamma,
            beta=self.beta,
            running_mean=self.running_mean,
            running_var=self.running_var,
        )

    def step(self, backward: bool = True) -> Step:
        return Step(self.x, self.dy if backward else None, self.training)

    def answered(self) -> Answered:
        return Answered([self.answer])

    def telling_part(self) -> "Dump":
        """Return the dump of a few channels only: those in which conventions differ most."""
        channels = self.x.shape[self.channel_axis]
        share = max(2, PART_SIZE * channels // self.x.size)
        if share >= channels:
            return self
        values = np.moveaxis(self.x, self.channel_axis, 0).reshape(channels, -1)
        mean = values.mean(axis=1, dtype=np.float64)
        std = values.std(axis=1, dtype=np.float64)
        moved = np.zeros(channels)
        for name in RUNNING:
            if name in self.answer:
                moved = moved + np.abs(np.asarray(self.answer[name] - getattr(self, name)))
        off_mean = np.abs(mean) / np.maximum(std, 1e-300)
        orders = [np.argsort(key, kind="stable") for key in (std, self.gamma, -off_mean, -moved)]
        ranked = np.stack([*orders, orders[0][::-1]], axis=1).ravel()
        return self._of_channels(list(dict.fromkeys(ranked.tolist()))[:share])

    def few_samples(self) -> "Dump":
        """Return the dump of the first samples: each may be normalised by its own statistics."""
        share = max(2, PART_SIZE * len(self.x) // self.x.size)
        if share >= len(self.x):
            return self
        return replace(self, x=self.x[:share], dy=None, answer={"y": self.answer["y"][:share]})

    def _of_channels(self, channels: Sequence[int]) -> "Dump":
        def pick(array):
            if array is None:
                return None
            return np.take(array, channels, self.channel_axis if array.ndim > 1 else 0)

        arrays = ("x", "gamma", "beta", "dy", "running_mean", "running_var")
        answer = {name: pick(array) for name, array in self.answer.items()}
        picked = {name: pick(getattr(self, name)) for name in arrays}
        return replace(self, answer=answer, **picked)


def read_dump(path: str | Path, *, training: bool = True, channel_axis: int | None = None) -> Dump:
    """Read and check one npz file. Raises DumpError, a line for every problem."""
    arrays, ignored = _read(path)
    complaints = [f"{name} is missing: {REQUIRED[name]}" for name in REQUIRED if name not in arrays]
    for name, needed in NEEDS:
        if name in arrays and needed not in arrays:
            complaints.append(f"{name} tells nothing without {needed}: {OPTIONAL[needed]}")
    if not training:
        complaints += [
            f"{name}_before is missing: inference normalises by the running statistics"
            for name in RUNNING
            if f"{name}_before" not in arrays
        ]
    complaints += [line for name, array in arrays.items() for line in unfit(name, array)]
    if not complaints:
        complaints = misshapen(arrays) or wrong_dtypes(arrays)
    if complaints:
        raise DumpError(*complaints)
    if arrays["x"].size == 0:
        raise DumpError(f"x is empty, its shape is {arrays['x'].shape}: there is nothing to tell")
    axis = _channel_axis(arrays["x"].shape, len(arrays["gamma"]), channel_axis)
    answer = {name: arrays[name] for name in ("y", *GRADIENTS) if name in arrays}
    answer |= {name: arrays[f"{name}_after"] for name in RUNNING if f"{name}_after" in arrays}
    return Dump(
        name=Path(path).name,
        x=arrays["x"],
        gamma=arrays["gamma"],
        beta=arrays["beta"],
        answer=answer,
        dy=arrays.get("dy"),
        running_mean=arrays.get("running_mean_before"),
        running_var=arrays.get("running_var_before"),
        training=training,
        channel_axis=axis,
        ignored=tuple(ignored),
        **{name: float(arrays[name].item()) for name in SCALARS if name in arrays},
    )


def _read(path) -> tuple[dict[str, np.ndarray], list[str]]:
    try:
        stored = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        raise DumpError("there is no such file") from None
    except OSError as error:
        raise DumpError(f"cannot be read: {error.strerror or error}") from None
    except UNREADABLE:
        raise DumpError("is no npz file: write one with np.savez") from None
    if not isinstance(stored, np.lib.npyio.NpzFile):
        raise DumpError("holds one array without a name: write an npz file with np.savez")
    arrays, ignored = {}, []
    with stored:
        for name in stored.files:
            if name not in REQUIRED | OPTIONAL:
                ignored.append(name)
                continue
            try:
                arrays[name] = stored[name]
            except UNREADABLE as error:
                pickled = "allow_pickle" in str(error)
                reason = "a pickled object, which is not loaded" if pickled else "damaged"
                raise DumpError(f"{name} is {reason}: save arrays of plain floats") from None
            if not isinstance(arrays[name], np.ndarray):
                raise DumpError(f"{name} is no NumPy array: write the file with np.savez")
    return arrays, ignored


def _channel_axis(shape: tuple[int, ...], channels: int, asked: int | None) -> int:
    fitting = [axis for axis in range(1, len(shape)) if shape[axis] == channels]
    if asked is not None:
        axis = asked % len(shape) if -len(shape) <= asked < len(shape) else None
        if axis in fitting:
            return axis
        where = f"; axis {listed(fitting)} has" if fitting else ""
        raise DumpError(
            f"gamma has {channels} channels, which axis {asked} of x {shape} has not{where}"
        )
    if not fitting:
        raise DumpError(f"gamma has {channels} channels, but no axis of x {shape} after the first")
    if len(fitting) > 1:
        axes = " and ".join(map(str, fitting))
        raise DumpError(
            f"gamma has {channels} channels, and so have the axes {axes} of x {shape}: "
            f"say which with --channel-axis"
        )
    return fitting[0]
