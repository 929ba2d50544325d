"""What the environments take on the disk, and the removal of those that no header asks for.

Only a folder that bears the suite's own mark is listed, and only such a one is ever removed: what
else lies in the cache folder, or is reached from there by a symbolic link, is somebody else's.
"""

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import filelock

from adapters.harness import environments, locks, trust
from adapters.harness.header import Implementation


@dataclass(frozen=True)
class Held:
    """One environment in the cache: its folder, whose it is, and its bytes.

    `owner` is the implementation whose header asks for it, "" where none does (any more): it was
    built for another version, an older header or somebody's own adapter. `size` counts every file;
    `own` only those that no other folder shares, which is what removing it frees at least: uv
    links the files of a package from its own cache, so several environments hold them once.
    """

    folder: Path
    owner: str
    size: int
    own: int


def held(known: Iterable[Implementation]) -> list[Held]:
    """Return every environment of the suite's in the cache folder, by name."""
    owners = {}
    for one in known:
        for asked in _asked_for(one):
            owners[environments.environment_folder(asked)] = one.name
    parent = environments.cache_folder() / "environments"
    folders = sorted(filter(trust.marked, parent.iterdir())) if parent.is_dir() else []
    return [Held(folder, owners.get(folder, ""), *_sizes(folder)) for folder in folders]


def remove(one: Held) -> bool:
    """Remove an environment with its log; False where a run is just building it.

    Raises trust.Strange where it is not the suite's, or not this user's; OSError.
    """
    lock_path = Path(f"{one.folder}.lock")
    lock = filelock.FileLock(lock_path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return False
    try:
        if not trust.marked(one.folder):
            raise trust.Strange(f"{one.folder} does not bear the mark of this suite")
        # What a removal that is stopped leaves behind counts as not built.
        trust.mark(one.folder, built=False)
        trust.clear(one.folder)
        one.folder.with_suffix(".log").unlink(missing_ok=True)
    finally:
        lock.release()
    lock_path.unlink(missing_ok=True)
    return True


def _asked_for(one: Implementation) -> list[Implementation]:
    """Return an implementation on each of its devices, and from its lock where there is one."""
    found = [one.on(device) for device in one.devices]
    with contextlib.suppress(environments.EnvironmentFailed):
        found.append(locks.locked(one))
    return found


def _sizes(folder: Path) -> tuple[int, int]:
    size = own = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it was removed in between
                found = os.lstat(os.path.join(parent, name))
                size += found.st_size
                own += found.st_size if found.st_nlink == 1 else 0
    return size, own
