"""Whose an environment is: the suite's own mark, and that nobody else can change what it runs.

A folder without the mark is not the suite's, whatever it is called: it is neither run nor removed.
"""

import json
import os
import shutil
import stat
from pathlib import Path

MARKER = "built.json"
SUITE = "batchnorm-conformance"


class Strange(Exception):
    """A folder that is not the suite's, or not this user's; the message is one line."""


def opener(path: str, flags: int) -> int:
    """Open a file that only this user can write, whatever the umask."""
    return os.open(path, flags, 0o644)


def make_folder(path: Path) -> None:
    """Make a folder that only this user can write, and so the missing ones around it."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o755, exist_ok=True)


def mark(folder: Path, **words: object) -> None:
    """Write the suite's mark into a folder, which is made where there is none."""
    make_folder(folder)
    half = folder / f"{MARKER}.half"
    half.unlink(missing_ok=True)
    with open(half, "x", encoding="utf-8", opener=opener) as file:
        json.dump({"suite": SUITE, **words}, file)
    os.replace(half, folder / MARKER)


def marked(folder: Path) -> dict:
    """Return what the mark in a folder says; {} where it bears none, or is a link."""
    path = folder / MARKER
    try:
        if folder.is_symlink() or not stat.S_ISREG(path.lstat().st_mode):
            return {}
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) and told.get("suite") == SUITE else {}


def doubt(folder: Path) -> str:
    """Say in one line why what is in a folder is not to be run; "" where it is.

    The folder, its mark, its programs, and the folder around it belong to this user or to the
    system's, and nobody else may write there.
    """
    for path in _decisive(folder):
        if not _is_own(path):
            return f"{path} belongs to another user"
        mode = path.lstat().st_mode
        sticky = path == folder.parent and mode & stat.S_ISVTX
        if mode & (stat.S_IWGRP | stat.S_IWOTH) and not sticky:
            return f"others may write {path}"
    return ""


def clear(folder: Path) -> None:
    """Remove a folder of the suite's, its mark last, so that a rest of it is known as such.

    Raises Strange for one that is not this user's, or bears no mark and is not empty.
    """
    if not os.path.lexists(folder):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise Strange(f"{folder} is no folder")
    for path in _decisive(folder):
        if not _is_own(path):
            raise Strange(f"{path} belongs to another user")
    if not marked(folder) and any(folder.iterdir()):
        raise Strange(f"{folder} is no environment of this suite")
    for path in folder.iterdir():
        if path.name == MARKER:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    (folder / MARKER).unlink(missing_ok=True)
    folder.rmdir()


def close(folder: Path) -> None:
    """Take from others the right to write into a folder of this user's."""
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        folder.chmod(mode & ~(stat.S_IWGRP | stat.S_IWOTH))


def _decisive(folder: Path) -> list[Path]:
    """Return what decides what a folder runs, as far as it is there."""
    paths = (folder.parent, folder, folder / MARKER, folder / "bin")
    return list(filter(os.path.lexists, paths))


def _is_own(path: Path) -> bool:
    return path.lstat().st_uid in (0, os.getuid())
