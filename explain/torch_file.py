"""PyTorch files, by PyTorch itself where it is there: the format is a pickle.

`torch.load(weights_only=True)` builds tensors and plain containers and calls nothing else. Where
PyTorch is not installed the file is refused: no pickle is loaded here.
"""

import importlib
import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from explain.stored import DumpError, Stored, shown

SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
"""What files of torch.save are called; the older format of these is a bare pickle."""


def stored_in(path: Path, zipped: bool) -> dict[str, Stored]:
    """Return the tensors and numbers of a file by the path that leads to each. Raises DumpError."""
    try:
        torch = importlib.import_module("torch")
    except ImportError:
        raise DumpError(
            "is a PyTorch file, and this Python has no PyTorch to read it: run explain with the "
            "Python that has, or save the arrays with np.savez or safetensors"
        ) from None
    try:
        held = torch.load(str(path), map_location="cpu", weights_only=True, mmap=zipped)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError):
        raise DumpError(
            "is refused by torch.load(weights_only=True): save a dictionary of tensors"
        ) from None
    if not isinstance(held, Mapping):
        raise DumpError("holds no dictionary of tensors: save one with torch.save")
    found: dict[str, Stored] = {}
    for name, value in _leaves(held):
        if name in found:
            raise DumpError(f"holds {shown(name)} twice")
        if isinstance(value, torch.Tensor):
            found[name] = _tensor(torch, name, value, zipped)
        elif isinstance(value, (int, float)):
            found[name] = _number(value)
    return found


def _leaves(held: Mapping, path: str = "") -> Iterator[tuple[str, object]]:
    for key, value in held.items():
        name = f"{path}.{key}" if path else str(key)
        if isinstance(value, Mapping):
            yield from _leaves(value, name)
        else:
            yield name, value


def _tensor(torch, name: str, tensor, zipped: bool) -> Stored:
    dtype = str(tensor.dtype).removeprefix("torch.")

    def load() -> np.ndarray:
        own = tensor.detach()
        try:
            return (own.view(torch.int16) if dtype == "bfloat16" else own).numpy()
        except (TypeError, RuntimeError):
            raise DumpError(f"{shown(name)} is no dense tensor on the CPU") from None

    return Stored(dtype, tuple(tensor.shape), load, mapped=zipped)


def _number(value: float) -> Stored:
    return Stored("float64", (), lambda: np.array(value, np.float64))
