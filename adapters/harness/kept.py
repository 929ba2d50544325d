"""A command in the hands of its keeper, as the process sees it that wants it run."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from adapters.harness import keeper

ROOT = Path(__file__).parent.parent.parent
FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit code, negative for a signal, and what is known besides.

    `because` says it where its keeper ended it for its memory, `not_started` where the system
    could not even start it.
    """

    code: int
    because: str = ""
    not_started: str = ""

    @property
    def from_outside(self) -> bool:
        """Whether somebody else killed it, such as the system where memory runs out."""
        return -self.code in FROM_OUTSIDE and not self.because

    def __str__(self) -> str:
        if self.not_started:
            return f"did not start: {self.not_started}"
        if self.because:
            return self.because
        if self.code >= 0:
            return f"ended with exit status {self.code}"
        try:
            return f"was killed by {signal.Signals(-self.code).name}"
        except ValueError:
            return f"was killed by signal {-self.code}"


class Kept:
    """A running command. `options` are those of subprocess.Popen."""

    def __init__(self, command: list[str], memory_limit: int | None = None, **options):
        self._control: int | None
        order, self._control = os.pipe()
        self._status, told = os.pipe()
        keep = [sys.executable, "-E", "-s", "-S", "-m", keeper.__name__]
        folder = str(options.pop("cwd", os.getcwd()))
        try:
            self.keeper = subprocess.Popen(
                [*keep, str(order), str(told), str(memory_limit or 0), folder, *command],
                cwd=ROOT,
                pass_fds=(order, told),
                start_new_session=True,
                **options,
            )
        except BaseException:
            os.close(self._control)
            os.close(self._status)
            raise
        finally:
            os.close(order)
            os.close(told)

    def abort(self) -> None:
        """Make the command write the Python stack of every thread to its log, and die of it."""
        if self._control is not None:
            with contextlib.suppress(BrokenPipeError):  # it has ended
                os.write(self._control, keeper.ABORT)

    def end(self) -> None:
        """End the command and whatever it started. It can be called again."""
        if self._control is not None:
            os.close(self._control)
            self._control = None

    def wait(self, timeout: float | None = None) -> Ending:
        """Wait until nothing is left of the command. Raises subprocess.TimeoutExpired."""
        code = self.keeper.wait(timeout)
        with os.fdopen(self._status, encoding="utf-8") as status:
            told = dict(pair for line in status for pair in json.loads(line).items())
        if told.get("code") is None:  # its keeper was killed, and it with its keeper
            told["code"] = code or -signal.SIGKILL
        return Ending(**told)
