"""From a file to a dump: the names understood, the shapes made one, and everything checked.

Nothing is unpickled here, only the arrays with a known name are read at all, and what their headers
say is checked before any of them takes memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from diagnosis.judgement import RUNNING
from diagnosis.question import GRADIENTS, Question, partial_answer
from explain.checks import (
    LIKE_X,
    NEEDS,
    OPTIONAL,
    REQUIRED,
    SCALARS,
    kind_of,
    listed,
    not_of_dtype,
    unfit,
    unfit_numbers,
    wrong_dtypes,
)
from explain.dump import Dump
from explain.files import stored_in
from explain.mode import recognised
from explain.names import Named, lacking, meanings
from explain.narrow import holds, widened
from explain.shapes import as_vector, misshapen
from explain.shapes import channel_axis as axis_for
from explain.stored import IN_MEMORY, DumpError, Stored, bytes_in_words, shown
from reference.conventions import CANONICAL
from reference.layer import Layer, Step

__all__ = ["Dump", "DumpError", "read_dump"]


def read_dump(
    path: str | Path,
    *,
    training: bool | None = None,
    channel_axis: int | None = None,
    dtype: str | None = None,
) -> Dump:
    """Read and check one file. Raises DumpError, a line for every problem.

    `training` is the mode of the call, None for a training call unless the arrays are those of an
    evaluated or frozen layer. `dtype` is the layer's, where the file holds its numbers in a wider
    one.
    """
    stored = stored_in(Path(path))
    named = meanings(list(stored))
    held = {own: stored[name] for own, name in named.meant.items()}
    _refuse([one.broken for one in held.values() if one.broken])
    _refuse(_absent(held, named, list(stored), training))
    _refuse([line for name, one in held.items() for line in unfit(name, one)])
    _refuse(misshapen(held))
    axis = axis_for(held, channel_axis)
    _refuse(_too_large(held))
    kinds = {name: kind_of(name, one) for name, one in held.items()}
    arrays = {name: _loaded(one, kinds[name]) for name, one in held.items()}
    _refuse([line for name, array in arrays.items() for line in unfit_numbers(name, array)])
    _refuse(wrong_dtypes(arrays, kinds) + list(not_of_dtype(arrays, dtype) if dtype else ()))
    if dtype:
        kinds |= {name: dtype for name, array in arrays.items() if holds(array, dtype)}
    channels = held["x"].shape[axis]
    arrays = {
        name: array if name in (*LIKE_X, *SCALARS) else as_vector(array, channels)
        for name, array in arrays.items()
    }
    dump = _dump(Path(path).name, arrays, kinds, axis, dtype or kinds["x"])
    dump = replace(dump, ignored=tuple(map(shown, named.ignored)), notes=tuple(_notes(named)))
    return recognised(dump, arrays, training)


def _refuse(lines: list[str]) -> None:
    if lines:
        raise DumpError(*lines)


def _absent(held, named: Named, names: list[str], training: bool | None) -> list[str]:
    """Say which arrays a file lacks, and which of its names may be several."""
    names = list(map(shown, names))
    lines = list(named.ambiguous)
    for name in REQUIRED:
        if name not in held and not any(line.startswith(f"{name} may be") for line in lines):
            lines.append(f"{name} is missing: {REQUIRED[name]}{lacking(name, names)}")
    lines += [
        f"{name} tells nothing without {needed}: {OPTIONAL[needed]}"
        for name, needed in NEEDS
        if name in held and needed not in held
    ]
    if training is False:
        lines += [
            f"{name}_before is missing: inference normalises by the running statistics"
            for name in RUNNING
            if f"{name}_before" not in held and name not in held
        ]
    return lines


def _too_large(held: Mapping[str, Stored]) -> list[str]:
    """Say what would take too much memory: it cannot be mapped, or becomes wider."""
    needed = 0
    for name, one in held.items():
        wide = kind_of(name, one) == "bfloat16"
        own = 2 if wide else np.dtype(one.dtype).itemsize
        needed += one.size * ((0 if one.mapped else own) + (4 if wide else 0))
    if needed <= IN_MEMORY:
        return []
    return [
        f"needs {bytes_in_words(needed)} of memory, at most {bytes_in_words(IN_MEMORY)} are taken: "
        "write float16, float32 or float64 arrays with np.savez, not compressed, which are mapped"
    ]


def _loaded(one: Stored, kind: str) -> np.ndarray:
    return widened(one.load()) if kind == "bfloat16" else one.load()


def _dump(name: str, arrays: Mapping[str, np.ndarray], kinds, axis: int, dtype: str) -> Dump:
    x = arrays["x"]
    channels = x.shape[axis]
    answer = {one: arrays[one] for one in ("y", *GRADIENTS) if one in arrays}
    answer |= {one: arrays[f"{one}_after"] for one in RUNNING if f"{one}_after" in arrays}
    numbers = {one: float(arrays[one].item()) for one in SCALARS if one in arrays}
    layer = Layer(
        dtype=dtype,
        channel_axis=axis,
        epsilon=numbers.get("epsilon"),
        momentum=None,
        raw_momentum=numbers.get("momentum"),
        gamma=arrays.get("gamma", np.ones(channels, x.dtype)),
        beta=arrays.get("beta", np.zeros(channels, x.dtype)),
        running_mean=arrays.get("running_mean_before"),
        running_var=arrays.get("running_var_before"),
    )
    kept = {kinds[one] for one in ("running_mean_after", "running_var_after") if one in kinds}
    kept_gradients = {kinds[one] for one in GRADIENTS[1:] if one in kinds}
    question = Question(
        layer=layer,
        steps=[Step(x, arrays.get("dy"), True)],
        answered=partial_answer(answer),
        declared=CANONICAL.but(statistics_dtype=_statistics_dtype(dtype, kept, kept_gradients)),
    )
    counted = None
    if {"calls_before", "calls_after"} <= numbers.keys():
        counted = int(numbers["calls_after"] - numbers["calls_before"])
    return Dump(name, question, counted=counted)


def _statistics_dtype(dtype: str, kept: set[str], gradients: set[str]) -> str:
    """Return the option of the convention `statistics_dtype` that the stored vectors show."""
    if dtype == "float64":
        return "always_float32" if "float32" in kept else "widened"
    return "input_dtype" if (kept | gradients) & {"float16", "bfloat16"} else "widened"


def _notes(named: Named) -> Iterator[str]:
    """Say what was understood of the names without being said by them."""
    read = [f"{own} from {shown(name)}" for own, name in named.translated.items()]
    if read:
        yield f"read {listed(read)}"
    absent = [name for name in ("gamma", "beta") if name not in named.meant]
    if absent:
        numbers = {"gamma": "1", "beta": "0"}
        values = " and ".join(numbers[name] for name in absent)
        yield f"the file has no {' and no '.join(absent)}, taken as {values}"
