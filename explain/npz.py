"""npz files: which arrays one holds, and each read only when it is asked for.

An npz file is a zip archive of npy files. What np.savez stores is mapped; what
np.savez_compressed deflated is read into memory, and never more of it than its header says.
Nothing is unpickled.
"""

import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from explain.stored import DumpError, Stored, mapped, shown

BLOCK = 2**20
DEFLATED_AT_MOST = 1040
"""zlib packs at most 1032 bytes into one (zlib technical details, "Maximum Compression Factor")."""
LOCAL_HEADER = struct.Struct("<4s22xHH")
UNREADABLE = (
    *(OSError, ValueError, EOFError, KeyError, MemoryError, OverflowError, SyntaxError),
    *(NotImplementedError, RuntimeError, TypeError, zipfile.BadZipFile, zlib.error, struct.error),
    tokenize.TokenError,  # NumPy reads the headers of old versions token by token
)
"""What zipfile, zlib and NumPy raise for damaged files."""


def stored_in(path: Path, archive: zipfile.ZipFile) -> dict[str, Stored]:
    """Return the arrays of an archive by their names, unread. Raises DumpError."""
    found: dict[str, Stored] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in found:
            raise DumpError(f"holds {shown(name)} twice")
        found[name] = _member(path, name, member)
    return found


def _member(path: Path, name: str, member: zipfile.ZipInfo) -> Stored:
    """Return one member as its header says; what has no such header is told when it is read."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
            magic = stream.read(6)
            if magic != np.lib.format.MAGIC_PREFIX:
                return _broken(f"{shown(name)} is no NumPy array: write the file with np.savez")
            shape, fortran, dtype, start = _header(stream)
    except UNREADABLE as error:
        return _broken(_damage(name, error))
    if dtype.hasobject:
        return _broken(
            f"{shown(name)} is a pickled object, which is not loaded: save arrays of plain floats"
        )
    one = Stored(_name(dtype), shape, lambda: np.empty(0))
    size = one.size * dtype.itemsize
    if member.file_size != start + size or size > DEFLATED_AT_MOST * member.compress_size:
        return _broken(_damage(name))

    def load() -> np.ndarray:
        try:
            if member.compress_type != zipfile.ZIP_STORED:
                values = _inflated(path, member, start, dtype, one.size)
                return values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
            _check(path, member)
            return mapped(path, dtype, shape, _offset(path, member) + start, fortran)
        except UNREADABLE as error:
            raise DumpError(_damage(name, error)) from None

    return Stored(one.dtype, shape, load, mapped=member.compress_type == zipfile.ZIP_STORED)


def _header(stream) -> tuple[tuple[int, ...], bool, np.dtype, int]:
    """Return shape, order, dtype and where the data begin, of an npy stream behind its magic."""
    version = tuple(stream.read(2))
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:  # 3.0 is for the names of fields, which no array of numbers has
        raise ValueError(f"npy version {version}")
    shape, fortran, dtype = read(stream)
    if any(length < 0 for length in shape):
        raise ValueError(f"shape {shape}")
    return shape, fortran, dtype, stream.tell()


def _name(dtype: np.dtype) -> str:
    """Return a dtype's name; two bytes without one are how ml_dtypes' bfloat16 is saved."""
    return "bfloat16" if dtype.kind == "V" and dtype.itemsize == 2 else dtype.name


def _check(path: Path, member: zipfile.ZipInfo) -> None:
    """Read a member to its end, a block at a time: zipfile compares its checksum there."""
    with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
        while stream.read(BLOCK):
            pass


def _offset(path: Path, member: zipfile.ZipInfo) -> int:
    """Return where a member's data begin: behind its local header."""
    with open(path, "rb") as file:
        file.seek(member.header_offset)
        _, name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    return member.header_offset + LOCAL_HEADER.size + name + extra


def _inflated(path: Path, member: zipfile.ZipInfo, start: int, dtype, size: int) -> np.ndarray:
    values = np.empty(size, dtype)
    raw, filled = values.view(np.uint8), 0
    with zipfile.ZipFile(path) as archive, archive.open(member) as stream:
        stream.read(start)
        while filled < len(raw):
            block = stream.read(min(BLOCK, len(raw) - filled))
            if not block:
                raise EOFError
            raw[filled : filled + len(block)] = np.frombuffer(block, np.uint8)
            filled += len(block)
        if stream.read(1):
            raise ValueError("more data than the header says")
    return values


def _broken(line: str) -> Stored:
    return Stored("", (), lambda: np.empty(0), broken=line)


def _damage(name: str, error: Exception | None = None) -> str:
    if isinstance(error, MemoryError):
        return f"{shown(name)} does not fit into memory"
    return f"{shown(name)} is damaged: save arrays of plain floats"
