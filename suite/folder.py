"""A report folder in the hands of one run: a second one is turned away, not mixed in."""

import fcntl
import os
from pathlib import Path

from records.file import RecordsError


def claim(folder: Path) -> int:
    """Lock a folder until the file descriptor is closed or this process has ended.

    The lock is on the folder itself and leaves nothing in it. Raises RecordsError.
    """
    try:
        claimed = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise RecordsError(f"{folder}: {error.strerror}") from None
    try:
        fcntl.flock(claimed, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(claimed)
        raise RecordsError(f"{folder}: another run is writing its report here") from None
    except OSError:  # a file system without locks: nobody can be turned away
        pass
    return claimed
