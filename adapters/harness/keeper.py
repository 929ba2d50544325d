"""The keeper of one command: a process that starts it and, whatever happens, leaves nothing of it.

Started as `python -m adapters.harness.keeper CONTROL STATUS LIMIT FOLDER COMMAND...` from the
project's root; the command runs in FOLDER. CONTROL is a pipe from whoever started it: a byte asks
for the command's stack (SIGABRT); its end, whether it was closed or that process is gone, ends all.
STATUS is a pipe to it: JSON objects, one a line, the last once nothing is left. LIMIT is the bytes
of memory that the command and all it starts may hold together, 0 for any.

On Linux the keeper is a subreaper: a process whose own parent has ended becomes its child, in
whatever session it hid, and the command itself dies with the keeper. Elsewhere, and where there is
no /proc, only the command's process group is ended, and only its own memory, if any, is counted.
What asks a service to start something for it (systemd, at, a container) is out of reach everywhere.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time

from adapters.harness import memory
from adapters.harness.lifeline import die_with_parent

PR_SET_CHILD_SUBREAPER = 36
ABORT = b"A"
WATCH = 0.1
"""Seconds between two looks at the memory."""
PATIENCE = 2.0
"""Seconds that killed processes get to be gone."""


class Keeper:
    """Keeps one command. `run` returns once nothing is left of it."""

    def __init__(self, control: int, status: int, limit: int):
        self._control = control
        self._status = status
        self._limit = limit
        self._code: int | None = None
        for pipe in (control, status):
            os.set_inheritable(pipe, False)
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
        self._woken, writing = os.pipe()  # it can be read when a child has ended
        os.set_blocking(writing, False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def run(self, folder: str, command: list[str]) -> None:
        self._pid = self._start(folder, command)
        _let_go_of_pipes()
        because = self._watch()
        self._end_all()
        self._tell(code=self._code, because=because)

    def _start(self, folder: str, command: list[str]) -> int:
        keeper = os.getpid()
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setsid()
            die_with_parent()
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.umask(os.umask(0) | 0o022)  # nothing that it makes can be changed by others
            os.chdir(folder)
            if os.getppid() == keeper:  # otherwise it died before the bond was made
                os.execvp(command[0], command)
        except OSError as error:
            self._tell(not_started=error.strerror)
        finally:
            os._exit(127)

    def _watch(self) -> str:
        """Wait until the command has ended or is to end; say why if because of its memory."""
        while self._bury() and self._code is None:
            ready = self._wait(WATCH if self._limit else None)
            if self._control in ready:
                if os.read(self._control, 1) != ABORT:
                    break
                _kill(self._pid, signal.SIGABRT)
            if self._limit and (used := memory.held_by(self._pid, self._limit)) > self._limit:
                limit = self._limit // 2**20
                return f"used {used // 2**20} MB of memory, more than its limit of {limit} MB"
        return ""

    def _wait(self, seconds: float | None) -> list[int]:
        """Wait for an order or the end of a child; return what there is to be read."""
        ready = select.select([self._control, self._woken], [], [], seconds)[0]
        if self._woken in ready:
            os.read(self._woken, 4096)
        return ready

    def _bury(self) -> bool:
        """Take note of the children that have ended; say whether there are others."""
        try:
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._pid:
                    self._code = os.waitstatus_to_exitcode(ended[1])
        except ChildProcessError:
            return False
        return True

    def _end_all(self) -> None:
        """Kill the command's group and whatever has become a child of the keeper."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while self._bury() and time.monotonic() < until:
            for descendant in memory.family(os.getpid())[1:]:
                _kill(descendant, signal.SIGKILL)
            if select.select([self._woken], [], [], WATCH)[0]:
                os.read(self._woken, 4096)

    def _tell(self, **words) -> None:
        with contextlib.suppress(BrokenPipeError):  # nobody is left to be told
            os.write(self._status, json.dumps(words).encode() + b"\n")


def _let_go_of_pipes() -> None:
    """Leave standard input and output to the command: that their ends are its ends."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1):
        os.dup2(nothing, fd)
    os.close(nothing)


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


if __name__ == "__main__":
    Keeper(*map(int, sys.argv[1:4])).run(sys.argv[4], sys.argv[5:])
