"""A file of arrays: which format it has, by its first bytes, and what it holds."""

import zipfile
from pathlib import Path

from explain import npz, safetensors, torch_file
from explain.stored import DumpError, Stored

NPY = b"\x93NUMPY"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
PICKLE = b"\x80"
NO_FORMAT = "is no npz file, no safetensors file and no PyTorch file: write one with np.savez"


def stored_in(path: Path) -> dict[str, Stored]:
    """Return the arrays of a file by their own names, unread. Raises DumpError, a line each."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        raise DumpError("there is no such file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file has such a name"
        raise DumpError(f"cannot be read: {reason or error}") from None
    if start.startswith(ZIP):
        return _in_zip(path)
    if start.startswith(NPY):
        raise DumpError("holds one array without a name: write an npz file with np.savez")
    if start[8:9] == b"{":
        return safetensors.stored_in(path)
    if start.startswith(PICKLE) and path.suffix in torch_file.SUFFIXES:
        return torch_file.stored_in(path, zipped=False)
    raise DumpError(NO_FORMAT)


def _in_zip(path: Path) -> dict[str, Stored]:
    try:
        with zipfile.ZipFile(path) as archive:
            if any(name.endswith("/data.pkl") for name in archive.namelist()):
                return torch_file.stored_in(path, zipped=True)
            return npz.stored_in(path, archive)
    except npz.UNREADABLE as error:
        if isinstance(error, DumpError):
            raise
        raise DumpError(NO_FORMAT) from None
