"""safetensors files, read by the format's own rules, strictly, and mapped.

Eight bytes hold the length of a header, which is JSON: for every tensor its dtype, its shape and
where its bytes begin and end in what follows. The bytes of all tensors cover what follows, without
a gap and without sharing (https://huggingface.co/docs/safetensors, "Format").
"""

import json
from pathlib import Path

import numpy as np

from explain.stored import DumpError, Stored, mapped, shown

LENGTH = 8
LONGEST_HEADER = 2**22
"""Bytes. The arrays of one call need a few hundred; a whole model's header is far shorter, too."""
LARGEST = 2**62
MOST_AXES = 32
DTYPES = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?"},
    **{"F8_E5M2": "V1", "F8_E4M3": "V1", "F8_E8M0": "V1", "C64": "<c8"},
}


class Malformed(ValueError):
    """What breaks a rule of the format, in words."""


def stored_in(path: Path) -> dict[str, Stored]:
    """Return the tensors of a file by their names, unread. Raises DumpError."""
    try:
        return _stored_in(path)
    except Malformed as error:
        raise DumpError(f"is a damaged safetensors file: {error}") from None


def _stored_in(path: Path) -> dict[str, Stored]:
    size = path.stat().st_size
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(LENGTH), "little")
        if length > min(LONGEST_HEADER, size - LENGTH):
            raise Malformed(f"its header should have {length} bytes")
        header = _parsed(file.read(length))
    start, end = LENGTH + length, 0
    found: dict[str, Stored] = {}
    for name, entry in sorted(header.items(), key=_place):
        dtype, shape, begin, stop = _entry(name, entry)
        if begin != end:
            raise Malformed(f"{shown(name)} begins at {begin}, should begin at {end}")
        end = stop
        found[name] = _stored(path, entry["dtype"], dtype, shape, start + begin)
    if start + end != size:
        raise Malformed(f"its tensors have {end} bytes, but {size - start} bytes follow the header")
    return found


def _stored(path: Path, kind: str, dtype: np.dtype, shape: tuple[int, ...], offset: int) -> Stored:
    name = {"BF16": "bfloat16", "U16": "uint16"}.get(kind, dtype.name)
    name = kind if dtype.kind == "V" else name
    return Stored(name, shape, lambda: mapped(path, dtype, shape, offset), mapped=True)


def _parsed(text: bytes) -> dict:
    """Return the header without its metadata."""
    if not text.startswith(b"{"):
        raise Malformed("its header is no JSON object")
    try:
        header = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError:
        raise Malformed("its header is nested too deeply") from None
    except Malformed:
        raise
    except ValueError:  # no JSON, no UTF-8, a number of too many digits
        raise Malformed("its header is no JSON") from None
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise Malformed("its __metadata__ is not made of strings")
    return header


def _once(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed("its header has a name twice")
    return found


def _no_number(word: str):
    raise Malformed(f"its header holds {word}")


def _place(item: tuple[str, object]) -> tuple[int, int]:
    _, begin, stop = item[0], *_entry(*item)[2:]
    return begin, stop


def _entry(name: str, entry: object) -> tuple[np.dtype, tuple[int, ...], int, int]:
    """Return dtype, shape, begin and end of one tensor as its entry says, checked."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise Malformed(f"{shown(name)} should have dtype, shape and data_offsets")
    kind, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(kind, str) or kind not in DTYPES:
        raise Malformed(f"{shown(name)} has the dtype {shown(str(kind))}, which is not known")
    if not _are_counts(shape) or not _are_counts(offsets) or len(offsets) != 2:
        raise Malformed(f"{shown(name)} should have a shape and two data_offsets, from 0 on")
    dtype, size = np.dtype(DTYPES[kind]), 1
    for length in shape:
        size = min(size * length, LARGEST)
    begin, stop = offsets
    if stop - begin != size * dtype.itemsize:
        raise Malformed(f"{shown(name)} has {stop - begin} bytes, which its shape has not")
    return dtype, tuple(shape), begin, stop


def _are_counts(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MOST_AXES
        and all(type(one) is int and 0 <= one < LARGEST for one in value)
    )
