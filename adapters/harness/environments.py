"""The Python environment of each implementation: built once by uv, or the user's own.

An environment lives in the user's cache folder under a key made from everything that decides what
is in it, so two headers that differ never share one, and a header that did not change is never
built twice. uv writes the marker's folder; the marker is written last, under a lock, so a build
that was killed is seen and done again.
"""

import contextlib
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import filelock
import platformdirs

from adapters.harness import lifeline
from adapters.harness.header import Implementation

CACHE_VARIABLE = "BATCHNORM_CONFORMANCE_CACHE"
MARKER = "built.json"
POLL = 0.2
LONGEST_REASON = 500

# pip's settings, as uv spells them: whoever set up pip for this machine has set up uv as well.
FROM_PIP = {
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_NO_INDEX": "UV_NO_INDEX",
    "PIP_CERT": "SSL_CERT_FILE",
    "PIP_DEFAULT_TIMEOUT": "UV_HTTP_TIMEOUT",
}


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


def uv_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables for uv: pip's settings, unless uv's own are set."""
    settings = dict(environ)
    for theirs, ours in FROM_PIP.items():
        if environ.get(theirs) and not environ.get(ours):
            settings[ours] = environ[theirs]
    settings.pop("VIRTUAL_ENV", None)
    return settings


def environment_folder(one: Implementation) -> Path:
    """Return where the environment of an implementation is, or will be."""
    decides = {
        "dependencies": one.dependencies,
        "requires_python": one.requires_python,
        "exclude_newer": one.exclude_newer,
        "platform": [platform.system(), platform.machine()],
        "torch_backend": os.environ.get("UV_TORCH_BACKEND"),
    }
    key = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]
    return cache_folder() / "environments" / f"{one.name}-{key}"


def interpreter_in(folder: Path) -> Path:
    if os.name == "nt":
        return folder / "Scripts" / "python.exe"
    return folder / "bin" / "python"


def is_built(one: Implementation) -> bool:
    return (environment_folder(one) / MARKER).exists()


def interpreter(
    one: Implementation, announce=print, stopped: threading.Event | None = None
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
    if is_built(one):
        return interpreter_in(folder)
    stopped = stopped or threading.Event()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder, stopped):
            if not is_built(one):  # another run may have built it while this one waited
                announce(f"building the environment of {one.label}: {', '.join(one.dependencies)}")
                _build(one, folder, stopped)
                announce(f"built the environment of {one.label}")
    except OSError as error:
        raise EnvironmentFailed(
            f"the environment of {one.label} could not be built: {error.filename or folder}: "
            f"{error.strerror}"
        ) from None
    return interpreter_in(folder)


@contextlib.contextmanager
def _locked(folder: Path, stopped: threading.Event):
    lock = filelock.FileLock(f"{folder}.lock")
    while True:
        try:
            lock.acquire(timeout=POLL)
            break
        except filelock.Timeout:
            if stopped.is_set():
                raise EnvironmentFailed("the run was stopped") from None
    try:
        yield
    finally:
        lock.release()


def _build(one: Implementation, folder: Path, stopped: threading.Event) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    uv = _uv()
    log_path = folder.with_suffix(".log")
    commands = [[uv, "venv", "--no-project", "--python", _python_request(one), str(folder)]]
    if one.dependencies:
        python = str(interpreter_in(folder))
        date = ["--exclude-newer", one.exclude_newer] if one.exclude_newer else []
        commands.append([uv, "pip", "install", "--python", python, *date, *one.dependencies])
    with log_path.open("w+", encoding="utf-8", errors="replace") as log:
        for command in commands:
            log.write(f"$ {' '.join(command)}\n")
            log.flush()
            begin = log.tell()
            if _run(command, log, stopped):
                log.seek(begin)
                told = log.read()
                why = reason(told).rstrip(".")
                raise EnvironmentFailed(
                    f"the environment of {one.label} could not be built: {why}; the log is "
                    f"{log_path}",
                    log="\n".join(told.splitlines()[-30:]),
                    retry=" && ".join(" ".join(command) for command in commands),
                    unavailable=bool(one.specifier) or command is commands[0],
                )
    marker = {"dependencies": one.dependencies, "python": platform.python_version()}
    (folder / MARKER).write_text(json.dumps(marker), encoding="utf-8")


def reason(told: str) -> str:
    """Return in one line why uv failed: its error, and the causes that it names for it."""
    lines = [line.strip(" │├╰─▶×").strip() for line in told.splitlines()]
    heads = [at for at, line in enumerate(lines) if line.startswith(("error:", "No solution"))]
    if not heads:
        return next((line for line in reversed(lines) if line), "uv said nothing")
    paragraph = " ".join(itertools.takewhile(bool, lines[heads[0] :]))
    error, *causes = re.split(r"\s*cause: ", paragraph.removeprefix("error: "))
    text = ": ".join([error, *causes[:2]])
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 1] + "…"


def _run(command: list[str], log: TextIO, stopped: threading.Event) -> int:
    """Run a command of uv to its end, or until `stopped` is set; return its exit status."""
    process = subprocess.Popen(
        [sys.executable, lifeline.__file__, str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=uv_settings(os.environ),
    )
    while True:
        try:
            return process.wait(timeout=POLL)
        except subprocess.TimeoutExpired:
            if stopped.is_set():
                process.kill()


def _python_request(one: Implementation) -> str:
    """Ask for the running Python where the header allows it, so that nothing is downloaded."""
    from packaging.specifiers import SpecifierSet

    if SpecifierSet(one.requires_python).contains(platform.python_version(), prereleases=True):
        return sys.executable
    return one.requires_python


def _uv() -> str:
    beside = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if not beside:
        raise EnvironmentFailed(
            "uv is needed to build an environment: python -m pip install uv, "
            "or give your own with --python NAME=PATH"
        )
    return beside
