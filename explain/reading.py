"""Dumps: the arrays of one BatchNorm call, read from an npz file that nobody has to trust.

Nothing is unpickled, and only the arrays with a known name are read at all.
"""

import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diagnosis.judgement import RUNNING
from diagnosis.question import GRADIENTS, Question, partial_answer
from explain.checks import (
    NEEDS,
    OPTIONAL,
    REQUIRED,
    SCALARS,
    listed,
    misshapen,
    unfit,
    wrong_dtypes,
)
from reference.conventions import CANONICAL
from reference.layer import Layer, Step, axis_of

UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, MemoryError, OverflowError, SyntaxError),
    *(NotImplementedError, RuntimeError, TypeError, zipfile.BadZipFile, zlib.error),
)


class DumpError(ValueError):
    """A file that cannot be explained; `lines` say why, one problem each."""

    def __init__(self, *lines: str):
        super().__init__("; ".join(lines))
        self.lines = lines


@dataclass(frozen=True)
class Dump:
    """One call of a layer, read from a file, as a question whose numbers are not known.

    The layer has the epsilon that the file gives, and as its `raw_momentum` the number passed to
    the layer, whatever the layer means by it; `ignored` are names in the file that mean nothing.
    """

    name: str
    question: Question
    ignored: tuple[str, ...] = ()

    @property
    def layer(self) -> Layer:
        return self.question.layer

    @property
    def step(self) -> Step:
        return self.question.steps[0]

    @property
    def answer(self) -> Mapping[str, np.ndarray]:
        """The tensors that came out, by the names of `reference.expected.TENSORS`."""
        return self.question.answered.steps[0]

    @property
    def gamma(self) -> np.ndarray:
        return np.asarray(self.layer.gamma)

    @property
    def channel_axis(self) -> int:
        return axis_of(self.layer, self.question.declared)

    @property
    def count(self) -> int:
        """The number of values per channel."""
        return self.step.x.size // self.step.x.shape[self.channel_axis]

    def read_as(self, *, training: bool | None = None, channel_axis: int | None = None) -> "Dump":
        """Return the same arrays as a call in another mode, or with the channels elsewhere."""
        mode = self.step.training if training is None else training
        axis = self.channel_axis if channel_axis is None else channel_axis
        question = replace(
            self.question,
            layer=replace(self.layer, channel_axis=axis),
            steps=[replace(self.step, training=mode)],
        )
        return replace(self, question=question)


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
    numbers = {name: float(arrays[name].item()) for name in SCALARS if name in arrays}
    layer = Layer(
        dtype=arrays["x"].dtype.name,
        channel_axis=axis,
        epsilon=numbers.get("epsilon"),
        momentum=None,
        raw_momentum=numbers.get("momentum"),
        gamma=arrays["gamma"],
        beta=arrays["beta"],
        running_mean=arrays.get("running_mean_before"),
        running_var=arrays.get("running_var_before"),
    )
    question = Question(
        layer=layer,
        steps=[Step(arrays["x"], arrays.get("dy"), training)],
        answered=partial_answer(answer),
        declared=CANONICAL.but(statistics_dtype=_statistics_dtype(layer.dtype, answer)),
    )
    return Dump(Path(path).name, question, tuple(ignored))


def _statistics_dtype(dtype: str, answer: Mapping[str, np.ndarray]) -> str:
    """Return the option of the convention `statistics_dtype` that the stored vectors show."""
    kept = {answer[name].dtype.name for name in RUNNING if name in answer}
    if dtype == "float64":
        return "always_float32" if "float32" in kept else "widened"
    kept |= {answer[name].dtype.name for name in GRADIENTS[1:] if name in answer}
    return "input_dtype" if "float16" in kept else "widened"


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
