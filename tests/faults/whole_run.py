"""A whole run of the suite on a faulty adapter, in a process of its own that can be stopped."""

import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from records.file import line_of, read_run
from tests.faults.driving import ADAPTERS

ROOT = Path(__file__).parent.parent.parent
LIMIT = 180.0
"""Seconds after which a run counts as hanging."""

FIRST, SECOND = "zeros-answer-beta-float32", "a-constant-channel-answers-beta-float32"
STRUCK = "a-negative-gamma-flips-the-sign-float64"
LAST = "a-negative-gamma-flips-the-sign-float32"
CASES = f"{FIRST},{SECOND},{STRUCK},{LAST}"


def command(*arguments) -> list[str]:
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *map(str, arguments)]


def chosen(adapter: str, report: Path, cases: str = CASES) -> list[str]:
    """Return the options that run some cases on an adapter of this folder."""
    return [f"--adapter={ADAPTERS / adapter}.py", f"--case={cases}", f"--report={report}"]


def wait_until(holds) -> None:
    """Wait until something holds, on a busy machine."""
    until = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def run(*arguments, before=None, cwd=ROOT) -> subprocess.CompletedProcess:
    """Run the suite to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        preexec_fn=before,
    )


def facts_of(folder: Path, status: int) -> dict:
    """Return what a complete run found, whatever the order and the times."""
    found = read_run(folder)
    assert found.complete
    assert found.footer.exit_status == status
    kinds = ("targets", "cases", "verdicts", "measured", "explanations")
    facts = {kind: Counter(map(line_of, getattr(found, kind))) for kind in kinds}
    return {**facts, "planned": found.header.planned, "counts": found.footer.verdicts}


class Running:
    """A run that goes on while the test looks; use as a context manager."""

    def __init__(self, *arguments):
        self._arguments = arguments

    def __enter__(self) -> "Running":
        self._deadline = time.monotonic() + LIMIT
        self.process = subprocess.Popen(
            command("-vv", *self._arguments),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            # A shell's background job ignores SIGINT, and so would everything it starts.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self.output = b""
        return self

    def __exit__(self, *exception) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def until(self, text: str, fifo: int | None = None) -> None:
        """Wait until the output contains the text and, where given, the named pipe speaks."""
        waiting = {self.process.stdout.fileno()} | ({fifo} if fifo is not None else set())
        while text.encode() not in self.output or fifo in waiting:
            left = self._deadline - time.monotonic()
            ready, _, _ = select.select(waiting, [], [], max(left, 0))
            assert ready, f"waited in vain for {text!r} in:\n{self.output.decode()}"
            for source in ready:
                chunk = os.read(source, 2**16)
                if source == fifo:
                    waiting -= {fifo} if chunk else set()
                else:
                    assert chunk, f"ended before {text!r}:\n{self.output.decode()}"
                    self.output += chunk

    def stop(self, number: int) -> int:
        """Send a signal and return the exit status, which must come in bounded time."""
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=LIMIT)
        self.output += rest
        return self.process.returncode
