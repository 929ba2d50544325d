"""Locks: what an environment holds, package by package, with the hashes of its files.

A lock stands beside the adapter, as `locks/NAME.txt`: `package==version --hash=sha256:...`, and no
address. Its first line says what it was made for. uv installs from it what has one of those hashes,
wherever it finds it, and nothing else.

A package from a folder of the machine (`--find-links`) has the hash of the file there. So the lock
of PyTorch asks for the very build that it was made with, `torch==2.13.0+cpu`: it is found in such a
folder, or with UV_TORCH_BACKEND=cpu in PyTorch's own index. Where another build is wanted, or that
file is another, the build is refused in one line, and `write` makes a lock of one's own.
"""

import platform
import tempfile
import threading
from dataclasses import replace
from pathlib import Path

from adapters.harness import trust, uv
from adapters.harness.environments import EnvironmentFailed, python_of
from adapters.harness.header import Implementation


def path_of(one: Implementation) -> Path:
    return one.path.parent / "locks" / f"{one.name}.txt"


def locked(one: Implementation) -> Implementation:
    """Return an implementation that is installed from its lock.

    Raises EnvironmentFailed where there is none, or it was made for something else.
    """
    if one.fault or not one.has_environment:
        return one
    path = path_of(one)
    try:
        first = path.read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError) as error:
        raise EnvironmentFailed(f"there is no lock of {one.label}: {path}: {error}") from None
    if first != _made_for(one):
        raise EnvironmentFailed(f"{path} is no lock of this: it was made for {first[2:]}")
    return replace(one, lock=path)


def write(one: Implementation) -> Path:
    """Resolve what an implementation needs, and write its lock. Raises EnvironmentFailed."""
    path = path_of(one)
    try:
        with tempfile.TemporaryDirectory() as folder:
            resolved = _resolve(one, Path(folder))
        trust.make_folder(path.parent)
        path.write_text(f"{_made_for(one)}\n{resolved}", encoding="utf-8")
    except (OSError, LookupError) as error:
        raise EnvironmentFailed(f"the lock of {one.label} could not be made: {error}") from None
    return path


def _resolve(one: Implementation, folder: Path) -> str:
    """Return the packages and hashes. Raises LookupError with uv's reason, and OSError."""
    wanted, resolved, said = (folder / name for name in ("in.txt", "out.txt", "log.txt"))
    wanted.write_text("\n".join(one.dependencies), encoding="utf-8")
    date = ["--exclude-newer", one.exclude_newer] if one.exclude_newer else []
    command = uv.command(
        *("pip", "compile", "--quiet", "--generate-hashes", "--no-annotate", "--no-header"),
        *("--python", python_of(one), *date, "--output-file", str(resolved), str(wanted)),
    )
    with said.open("w", encoding="utf-8") as log:
        failed = uv.run(command, log, threading.Event())
    if failed:
        raise LookupError(uv.reason(said.read_text(encoding="utf-8", errors="replace")))
    return resolved.read_text(encoding="utf-8")


def _made_for(one: Implementation) -> str:
    system = f"{platform.system()} {platform.machine()}"
    return f"# {' '.join(one.dependencies)}; Python {python_of(one)}; {system}"
