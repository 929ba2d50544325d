"""A report folder in the hands of one run: a second one is turned away, not mixed in."""

import fcntl
import os
from pathlib import Path

from records.file import FILE_NAME, RecordsError


def claim(folder: Path) -> int:
    """Make a folder, and lock it until the file descriptor is closed or this process has ended.

    The lock is on the folder itself and leaves nothing in it. Raises RecordsError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        claimed = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        path = folder / FILE_NAME
        raise RecordsError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(claimed, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(claimed)
        raise RecordsError(f"{folder}: another run is writing its report here") from None
    return claimed
