"""One target's child process: starting it, talking frames with it, and making sure it ends."""

import asyncio
import contextlib
import os
import signal
import tempfile
from pathlib import Path

from adapters.harness import wire

ROOT = Path(__file__).parent.parent.parent
LOG_TAIL = 4000


class WorkerDied(Exception):
    """The process ended, or sent what is no frame; the message says which in one line."""


class WorkerProcess:
    """A running worker, spoken to in frames. Its stderr goes to an unnamed temporary file."""

    def __init__(self, process, log):
        self._process = process
        self._log = log

    @classmethod
    async def start(cls, python: Path, adapter: Path) -> "WorkerProcess":
        log = tempfile.TemporaryFile()
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        process = await asyncio.create_subprocess_exec(
            str(python),
            "-m",
            "adapters.harness.worker",
            str(adapter),
            cwd=ROOT,
            env=environ,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            start_new_session=True,  # its own group, so that what it forks dies with it
            limit=2**20,
        )
        return cls(process, log)

    async def send(self, message: dict) -> None:
        try:
            for buffer in wire.encode(message):
                self._process.stdin.write(buffer)
                await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            pass  # the reader sees the end of the stream and says how the process died

    async def receive(self) -> dict:
        """Return the next message. Raises WorkerDied."""
        read = self._process.stdout.readexactly
        try:
            length = wire.header_length(await read(wire.PREFIX.size))
            message, places = wire.parse_header(await read(length))
            buffers = [await read(size) for _, _, size in places]
            return wire.fill(message, places, buffers)
        except asyncio.IncompleteReadError:
            raise WorkerDied(await self._how_it_ended()) from None
        except wire.WireError as error:
            raise WorkerDied(f"answered what is no frame: {error}") from None

    async def _how_it_ended(self) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                code = await self._process.wait()
                if code < 0:
                    return f"was killed by {signal.Signals(-code).name}"
                return f"ended with exit status {code}"
        return "closed its answers without ending"

    def dump_stack(self) -> None:
        """Ask for the Python stacks of all threads, in the log."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGUSR1)

    def log_tail(self) -> str:
        """Return the end of what the process wrote on stdout and stderr."""
        self._log.seek(max(0, self._log.seek(0, os.SEEK_END) - LOG_TAIL))
        return self._log.read().decode(errors="replace")

    async def stop(self, patience: float = 2.0) -> None:
        """End the process: first by closing its requests, then by killing its group."""
        if self._log.closed:
            return
        self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._process.wait()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()
        self._log.close()
