"""How the tests run a command of the front door: as a user does, in a process of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def conformance(*arguments, **settings) -> subprocess.CompletedProcess:
    """Run `python -m conformance` with the arguments, in the checkout."""
    return python("-m", "conformance", *arguments, **{"cwd": ROOT, **settings})


def python(*arguments, **settings) -> subprocess.CompletedProcess:
    """Run Python with the arguments and return what it said and its status."""
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **settings,
    )


def one_line(done: subprocess.CompletedProcess) -> str:
    """Return the line that a command says of what is wrong: the only one, with status 2."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr
