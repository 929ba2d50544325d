"""One target's child process: starting it, talking frames with it, and making sure it ends."""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from functools import partial
from pathlib import Path

from adapters.harness import wire
from adapters.harness.memory import resident

ROOT = Path(__file__).parent.parent.parent
LOG_KEPT = 2**16
LOG_TOLD = 8000
READ_AHEAD = 2**20
MEMORY_WATCH = 0.1
PATIENCE = 2.0
"""Seconds that a process gets to end by itself after it was told to."""


class WorkerDied(Exception):
    """The process ended or closed its answers; the message says how in one line."""


class Log:
    """The end of what a process wrote. The rest is dropped: noise cannot fill a disk or memory."""

    def __init__(self, kept: int = LOG_KEPT):
        self._kept = kept
        self._data = bytearray()

    async def drain(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(READ_AHEAD):
            self._data += chunk
            if len(self._data) > 2 * self._kept:
                del self._data[: -self._kept]

    def text(self) -> str:
        """Return the last characters, without the list of modules that ends a stack dump."""
        lines = self._data.decode(errors="replace").splitlines(keepends=True)
        told = "".join(line for line in lines if not line.startswith("Extension modules: "))
        return told[-LOG_TOLD:]


class WorkerProcess:
    """A running worker, spoken to in frames."""

    def __init__(self, popen: subprocess.Popen, memory_limit: int | None):
        self._popen = popen
        self._memory_limit = memory_limit
        self._log = Log()
        self._answers = asyncio.StreamReader(limit=READ_AHEAD)
        self._exit: asyncio.Future = asyncio.get_running_loop().create_future()
        self._killed_because = ""

    @classmethod
    async def start(
        cls, python: Path, adapter: Path, memory_limit: int | None = None
    ) -> "WorkerProcess":
        """Start a worker. It dies with the thread that calls this. Raises OSError."""
        popen = subprocess.Popen(
            [str(python), "-m", "adapters.harness.worker", str(adapter)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # its own group, so that what it forks dies with it
        )
        worker = cls(popen, memory_limit)
        try:
            await worker._connect()
        except BaseException:  # the run was stopped in between
            worker._kill_group()
            raise
        return worker

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._wait, args=(loop,), daemon=True).start()
        noise = asyncio.StreamReader(limit=READ_AHEAD)
        self._transports = []
        for reader, pipe in ((self._answers, self._popen.stdout), (noise, self._popen.stderr)):
            incoming = partial(asyncio.StreamReaderProtocol, reader)
            transport, _ = await loop.connect_read_pipe(incoming, pipe)
            self._transports.append(transport)
        outgoing = asyncio.StreamReaderProtocol(asyncio.StreamReader())  # knows when to wait
        writing, _ = await loop.connect_write_pipe(lambda: outgoing, self._popen.stdin)
        self._requests = asyncio.StreamWriter(writing, outgoing, None, loop)
        self._draining = asyncio.create_task(self._log.drain(noise))
        self._watching = asyncio.create_task(self._watch_memory())

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        code = self._popen.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._ended, code)

    def _ended(self, code: int) -> None:
        self._kill_group()  # what it forked holds its pipes open
        self._exit.set_result(code)

    async def _watch_memory(self) -> None:
        while self._memory_limit:
            used = resident(self._popen.pid)
            if used is None:
                return
            if used > self._memory_limit:
                self._killed_because = (
                    f"used {used // 2**20} MB of memory, more than its limit of "
                    f"{self._memory_limit // 2**20} MB"
                )
                self._kill_group()
                return
            await asyncio.sleep(MEMORY_WATCH)

    async def send(self, frame: list[bytes | memoryview]) -> None:
        """Send a frame, waiting while the process does not read."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            # Where the pipe is broken, the reader sees that and says how the process died.
            for buffer in frame:
                self._requests.write(buffer)
                await self._requests.drain()

    async def receive(self) -> dict:
        """Return the next message. Raises WorkerDied, and WireError for what is none."""
        read = self._answers.readexactly
        try:
            length = wire.header_length(await read(wire.PREFIX.size))
            message, places = wire.parse_header(await read(length))
            buffers = [await read(size) for _, _, size in places]
        except asyncio.IncompleteReadError:
            raise WorkerDied(await self._how_it_ended()) from None
        return wire.fill(message, places, buffers)

    async def _how_it_ended(self) -> str:
        if not await self._exits_within(PATIENCE):
            return "closed its answers without ending"
        if self._killed_because:
            return self._killed_because
        code = self._exit.result()
        if code >= 0:
            return f"ended with exit status {code}"
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"

    async def _exits_within(self, seconds: float) -> bool:
        await asyncio.wait([self._exit], timeout=seconds)
        return self._exit.done()

    async def abort(self) -> None:
        """Make the process write the Python stack of every thread to its log, and die of it."""
        with contextlib.suppress(ProcessLookupError):
            self._popen.send_signal(signal.SIGABRT)
        await self._exits_within(PATIENCE)

    async def stop(self, patience: float = 0.0) -> str:
        """End the process, by closing its requests or by force; return its log.

        It can be called again where it was cancelled.
        """
        if patience:
            self._requests.close()
            await self._exits_within(patience)
        elif not self._requests.is_closing():
            self._requests.transport.abort()  # whatever is still to be sent is dropped
        self._kill_group()
        await self._exits_within(PATIENCE)
        await asyncio.wait([self._draining], timeout=PATIENCE)
        self._watching.cancel()
        self._draining.cancel()
        for transport in self._transports:
            transport.close()
        return self._log.text()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
