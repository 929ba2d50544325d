"""uv, which builds the environments: where it is, its settings, and what it says where it fails.

uv takes its settings from variables and from one file, the user's or else the machine's. It never
reads those of the project that it happens to be started in: what is installed must not depend on
the folder.
"""

import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from adapters.harness import text
from adapters.harness.kept import Kept

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

# Settings that say how uv works, and not what it installs. A new one that is not here costs at most
# a build; one that wrongly were here would hand one user's environment to another.
OF_NO_CONSEQUENCE = re.compile(
    r"UV_(CACHE_DIR|NO_CACHE|COMPILE_BYTECODE|CONCURRENT_\w+|HTTP_\w+|REQUEST_TIMEOUT|LINK_MODE"
    r"|LOCK_TIMEOUT|NATIVE_TLS|SYSTEM_CERTS|OFFLINE|NO_PROGRESS|NO_WRAP|KEYRING_PROVIDER"
    r"|INSECURE_HOST|PYTHON_INSTALL_DIR|TOOL_\w+|INDEX_\w+_(USERNAME|PASSWORD))"
)
FILES = ("UV_OVERRIDE", "UV_CONSTRAINT", "UV_BUILD_CONSTRAINT", "UV_EXCLUDE", "UV_CONFIG_FILE")
"""Settings that name files, separated by spaces: what is in them decides."""
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*@")


def settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables for uv: pip's settings, unless uv's own are set."""
    own = dict(environ)
    for theirs, ours in FROM_PIP.items():
        if environ.get(theirs) and not environ.get(ours):
            own[ours] = environ[theirs]
    own.pop("VIRTUAL_ENV", None)
    return own


def decisive(environ: Mapping[str, str]) -> dict[str, str]:
    """Return of the settings what decides what is installed, with digests in place of files.

    Nobody's password or token is in it.
    """
    decides = {}
    for name, value in settings(environ).items():
        if value and name.startswith("UV_") and not OF_NO_CONSEQUENCE.fullmatch(name):
            decides[name] = CREDENTIALS.sub("", value)
            if name in FILES:
                decides[name] = " ".join(map(_digest, value.split()))
    config = _config(environ)
    return {**decides, "uv.toml": _digest(config)} if config else decides


def command(*words: str) -> list[str]:
    """Return a command of uv. Raises LookupError in one line where there is no uv."""
    folder = str(Path(sys.executable).parent)
    found = shutil.which("uv", path=folder) or shutil.which("uv")
    if not found:
        raise LookupError("uv is needed to build an environment: python -m pip install uv")
    if os.environ.get("UV_CONFIG_FILE"):
        return [found, *words]
    config = _config(os.environ)
    return [found, *words, *(["--config-file", config] if config else ["--no-config"])]


def run(words: list[str], log: TextIO, stopped: threading.Event) -> int:
    """Run a command to its end, or until `stopped` is set; return its exit status."""
    own = settings(os.environ)
    kept = Kept(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=own)
    try:
        while True:
            try:
                return kept.wait(timeout=POLL).code
            except subprocess.TimeoutExpired:
                if stopped.is_set():
                    kept.end()
    finally:
        kept.end()


def reason(told: str) -> str:
    """Return in one line why uv failed: its error, and the causes that it names for it."""
    lines = [line.strip(" │├╰─▶×").strip() for line in told.splitlines()]
    heads = [at for at, line in enumerate(lines) if line.startswith(("error:", "No solution"))]
    if not heads:
        return next((line for line in reversed(lines) if line), "uv said nothing")
    paragraph = " ".join(itertools.takewhile(bool, lines[heads[0] :]))
    error, *causes = re.split(r"\s*cause: ", paragraph.removeprefix("error: "))
    return text.one_line(": ".join([error, *causes[:2]]), LONGEST_REASON)


def _config(environ: Mapping[str, str]) -> str:
    """Return the user's file of uv's settings, or the machine's; "" where there is none."""
    if environ.get("UV_CONFIG_FILE") or environ.get("UV_NO_CONFIG"):
        return ""
    own = environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "~"), ".config").expanduser()
    machines = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    files = [Path(folder, "uv", "uv.toml") for folder in (own, *machines, "/etc")]
    return next((str(file) for file in files if file.is_file()), "")


def _digest(path: str) -> str:
    """Return the digest of a file's content; where it cannot be read, uv will say so."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return "cannot be read"
