"""The Python environment of each implementation: built once by uv, or the user's own.

An environment lives in the user's cache folder under a key made from everything that decides what
is in it, so two headers that differ never share one, and a header that did not change is never
built twice. It bears the suite's mark from its first moment; that it is built is marked last, under
a lock, so a build that was killed is seen and done again.
"""

import contextlib
import hashlib
import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import filelock
import platformdirs
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from adapters.harness import trust, uv
from adapters.harness.header import Implementation

CACHE_VARIABLE = "BATCHNORM_CONFORMANCE_CACHE"
CHECK_LIMIT = 30.0
"""Seconds until an interpreter that does not say what is missing counts as not starting."""
AFRESH = "--no-cache"
"""Nothing from uv's cache: a file there is the same as in the environments, by a hard link."""

# What an environment says of itself: the first file that is not as it was installed.
CHECK = """\
import importlib.metadata, os, sys
for name in sys.argv[1:]:
    try:
        files = importlib.metadata.files(name)
    except importlib.metadata.PackageNotFoundError:
        files = None
    if not files:
        sys.exit(f"{name} is not there")
for found in importlib.metadata.distributions():
    for file in found.files or ():
        path = str(file.locate())
        if file.suffix == ".pyc" or file.size is None:
            continue
        if not os.path.exists(path) or os.path.getsize(path) != file.size:
            sys.exit(f"{found.metadata['Name']} has lost {file}")
"""


class EnvironmentFailed(Exception):
    """An environment could not be built: one line, the log's tail, and the command to retry.

    It is `unavailable` where nobody is at fault: there is no such Python here, or the version that
    was asked for does not install.
    """

    def __init__(self, message: str, log: str = "", retry: str = "", unavailable: bool = False):
        super().__init__(message)
        self.log = log
        self.retry = retry
        self.unavailable = unavailable


def cache_folder() -> Path:
    """Return the folder that holds every environment of this user."""
    chosen = os.environ.get(CACHE_VARIABLE)
    return Path(chosen) if chosen else platformdirs.user_cache_path("batchnorm-conformance")


def environment_folder(one: Implementation) -> Path:
    """Return where the environment of an implementation is, or will be."""
    decides = {
        "dependencies": one.dependencies,
        "lock": one.lock and Path(one.lock).read_text(encoding="utf-8"),
        "requires_python": one.requires_python,
        "python": python_of(one),
        "exclude_newer": one.exclude_newer,
        "platform": [platform.system(), platform.machine()],
        "uv": uv.decisive(os.environ),
    }
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder() / "environments" / f"{one.name}-{key}"


def python_of(one: Implementation) -> str:
    """Return the version of Python that an environment is built with, or what it must fit."""
    running = platform.python_version()
    fits = SpecifierSet(one.requires_python).contains(running, prereleases=True)
    return ".".join(running.split(".")[:2]) if fits else one.requires_python


def interpreter_in(folder: Path) -> Path:
    return folder / "bin" / "python"


def is_built(one: Implementation) -> bool:
    return not _missing(environment_folder(one))


def _missing(folder: Path) -> str:
    """Say what an environment lacks at first sight; "" where it is complete."""
    told = trust.marked(folder)
    if not told.get("built"):
        return "it was not finished" if told else "there is none"
    return "" if interpreter_in(folder).exists() else "its interpreter is gone"


def interpreter(
    one: Implementation,
    announce: Callable[[str], object] = print,
    stopped: threading.Event | None = None,
) -> Path:
    """Return the Python that runs an implementation, building its environment where needed.

    `announce` is told in one line what takes long; setting `stopped` ends the building, and the
    waiting for another run that builds the same. Raises EnvironmentFailed.
    """
    if one.fault:
        raise EnvironmentFailed(one.fault)
    if not one.has_environment:
        return Path(sys.executable)
    folder = environment_folder(one)
    _build_where(lambda: _missing(folder) or trust.doubt(folder), one, folder, announce, stopped)
    return interpreter_in(folder)


def mend(
    one: Implementation,
    announce: Callable[[str], object] = print,
    stopped: threading.Event | None = None,
) -> bool:
    """Build an environment again if it is not as it was built; say whether it was.

    Raises EnvironmentFailed.
    """
    folder = environment_folder(one)
    return _build_where(lambda: _damage(one, folder), one, folder, announce, stopped, AFRESH)


def _damage(one: Implementation, folder: Path) -> str:
    """Say what an environment has lost since it was built."""
    names = [Requirement(text).name for text in one.dependencies]
    try:
        done = subprocess.run(
            [interpreter_in(folder), "-I", "-c", CHECK, *names],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=CHECK_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "its interpreter does not start"
    if not done.returncode:
        return ""
    lines = done.stderr.strip().splitlines()
    return lines[-1] if lines else f"its interpreter ends with status {done.returncode}"


def _build_where(
    why: Callable[[], str], one: Implementation, folder: Path, announce, stopped, *more: str
) -> bool:
    """Build an environment where there is a reason, and say whether there was."""
    if not why():
        return False
    stopped = stopped or threading.Event()
    try:
        trust.make_folder(folder.parent)
        trust.close(folder.parent)
        with _locked(folder, stopped):
            if reason := why():  # or another run has built it while this one waited
                again = f" again: {reason}" if folder.exists() else ""
                trust.clear(folder)
                wanted = ", ".join(one.dependencies)
                announce(f"building the environment of {one.label}{again or f': {wanted}'}")
                _build(one, folder, stopped, *more)
                announce(f"built the environment of {one.label}")
    except trust.Strange as error:
        raise EnvironmentFailed(
            f"{error}; it is neither used nor touched: move it away, or set {CACHE_VARIABLE}"
        ) from None
    except OSError as error:
        raise EnvironmentFailed(
            f"the environment of {one.label} could not be built: {error.filename or folder}: "
            f"{error.strerror}"
        ) from None
    return True


@contextlib.contextmanager
def _locked(folder: Path, stopped: threading.Event):
    lock = filelock.FileLock(f"{folder}.lock", mode=0o644)
    while True:
        try:
            lock.acquire(timeout=uv.POLL)
            break
        except filelock.Timeout:
            if stopped.is_set():
                raise EnvironmentFailed("the run was stopped") from None
    try:
        yield
    finally:
        lock.release()


def _build(one: Implementation, folder: Path, stopped: threading.Event, *more: str) -> None:
    trust.mark(folder, built=False)
    log_path = folder.with_suffix(".log")
    try:
        commands = _commands(one, folder, *more)
    except LookupError as error:
        raise EnvironmentFailed(f"{error}, or give your own with --python NAME=PATH") from None
    with open(log_path, "w+", encoding="utf-8", errors="replace", opener=trust.opener) as log:
        for command in commands:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            begin = log.tell()
            if uv.run(command, log, stopped):
                log.seek(begin)
                told = log.read()
                why = uv.reason(told).rstrip(".")
                raise EnvironmentFailed(
                    f"the environment of {one.label} could not be built: {why}; the log is "
                    f"{log_path}",
                    log="\n".join(told.splitlines()[-30:]),
                    retry=" && ".join(" ".join(command) for command in commands),
                    unavailable=bool(one.specifier) or command is commands[0],
                )
    trust.mark(folder, built=True, dependencies=one.dependencies, python=python_of(one))


def _commands(one: Implementation, folder: Path, *more: str) -> list[list[str]]:
    """Return what builds an environment, with more words for uv pip install. Raises LookupError."""
    # The running Python where the header allows it, so that nothing is downloaded.
    running = python_of(one) != one.requires_python
    python = sys.executable if running else one.requires_python
    commands = [
        uv.command("venv", "--allow-existing", "--no-project", "--python", python, str(folder))
    ]
    install = ["pip", "install", "--python", str(interpreter_in(folder)), *more]
    if one.lock:
        commands.append(uv.command(*install, "--require-hashes", "--requirements", str(one.lock)))
    elif one.dependencies:
        date = ["--exclude-newer", one.exclude_newer] if one.exclude_newer else []
        commands.append(uv.command(*install, *date, *one.dependencies))
    return commands
