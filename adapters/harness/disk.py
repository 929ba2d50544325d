"""What the environments take on the disk, and the removal of those that no header asks for."""

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import filelock

from adapters.harness import environments
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
    """Return every environment in the cache folder, by name."""
    owners = {}
    for one in known:
        for device in one.devices:
            owners[environments.environment_folder(one.on(device))] = one.name
    parent = environments.cache_folder() / "environments"
    folders = sorted(path for path in parent.glob("*") if path.is_dir()) if parent.is_dir() else []
    return [Held(folder, owners.get(folder, ""), *_sizes(folder)) for folder in folders]


def remove(one: Held) -> bool:
    """Remove an environment with its log; False where a run is just building it."""
    lock_path = Path(f"{one.folder}.lock")
    lock = filelock.FileLock(lock_path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return False
    try:
        # The marker goes first: what a removal that is stopped leaves behind counts as not built.
        (one.folder / environments.MARKER).unlink(missing_ok=True)
        shutil.rmtree(one.folder)
        one.folder.with_suffix(".log").unlink(missing_ok=True)
    finally:
        lock.release()
    lock_path.unlink(missing_ok=True)
    return True


def _sizes(folder: Path) -> tuple[int, int]:
    size = own = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):  # it was removed in between
                found = os.lstat(os.path.join(parent, name))
                size += found.st_size
                own += found.st_size if found.st_nlink == 1 else 0
    return size, own
