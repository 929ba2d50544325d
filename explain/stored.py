"""An array as it lies in a file: what it is, before anything of it is in memory."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

IN_MEMORY = 2**30
"""So many bytes of a file may have to be held in memory at once: what cannot be mapped."""
LONGEST_NAME = 80


class DumpError(ValueError):
    """A file that cannot be explained; `lines` say why, one problem each."""

    def __init__(self, *lines: str):
        super().__init__("; ".join(lines))
        self.lines = lines


@dataclass(frozen=True)
class Stored:
    """One array of a file: its dtype's name, its shape, and how it is read.

    `load` returns it as NumPy has it, a bfloat16 as 16 bits; it raises DumpError where the file is
    damaged. What is `mapped` is read from the file whenever it is looked at, and takes no memory.
    `broken` says why there is nothing to load.
    """

    dtype: str
    shape: tuple[int, ...]
    load: Callable[[], np.ndarray]
    mapped: bool = False
    broken: str = ""

    @property
    def size(self) -> int:
        return math.prod(self.shape)


def mapped(
    path: Path, dtype: np.dtype, shape: tuple[int, ...], offset: int, fortran: bool = False
) -> np.ndarray:
    """Return the array that lies at an offset of a file, without reading it."""
    if 0 in shape:  # nothing can be mapped of an empty range
        return np.zeros(shape, dtype)
    return np.asarray(np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C"))


def shown(name: str) -> str:
    """Return a name out of a file so that it stays one line and acts on no terminal."""
    name = name if name.isprintable() else ascii(name)[1:-1]
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}…"


def bytes_in_words(count: int) -> str:
    """Return a number of bytes as people say it."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
