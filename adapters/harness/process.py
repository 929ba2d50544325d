"""One target's child process: starting it, talking frames with it, and making sure it ends."""

import asyncio
import contextlib
import fcntl
import os
import struct
import subprocess
import termios
import threading
from functools import partial
from pathlib import Path

from adapters.harness import keeper, threads, wire
from adapters.harness.kept import ROOT, Ending, Kept
from adapters.harness.patience import within

LOG_KEPT = 2**16
READ_AHEAD = 2**20
PATIENCE = keeper.PATIENCE + 1.0
"""Seconds until an end that was asked for is there: what the keeper needs at most, and more."""


class WorkerDied(Exception):
    """The process ended or closed its answers; the message says how in one line."""

    def __init__(self, how: str, ending: Ending | None = None):
        super().__init__(how)
        self.ending = ending


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
        """Return it without the list of modules that ends a stack dump."""
        lines = self._data.decode(errors="replace").splitlines(keepends=True)
        return "".join(line for line in lines if not line.startswith("Extension modules: "))


class WorkerProcess:
    """A running worker, spoken to in frames."""

    def __init__(self, kept: Kept):
        self._kept = kept
        self._log = Log()
        self._answers = asyncio.StreamReader(limit=READ_AHEAD)
        self._exit: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._silent = False

    @classmethod
    async def start(
        cls, python: Path, adapter: Path, number: int, memory_limit: int | None = None
    ) -> "WorkerProcess":
        """Start a worker that computes with a number of threads; it does not outlive this process.

        Raises OSError.
        """
        kept = Kept(
            [str(python), "-m", "adapters.harness.worker", str(adapter)],
            memory_limit,
            cwd=ROOT,
            env=_environment(number),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        worker = cls(kept)
        try:
            await worker._connect()
        except BaseException:  # the run was stopped in between
            kept.end()
            raise
        return worker

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._wait, args=(loop,), daemon=True).start()
        noise = asyncio.StreamReader(limit=READ_AHEAD)
        self._transports = []
        pipes = self._kept.keeper
        for reader, pipe in ((self._answers, pipes.stdout), (noise, pipes.stderr)):
            incoming = partial(asyncio.StreamReaderProtocol, reader)
            transport, _ = await loop.connect_read_pipe(incoming, pipe)
            self._transports.append(transport)
        outgoing = asyncio.StreamReaderProtocol(asyncio.StreamReader())  # knows when to wait
        writing, _ = await loop.connect_write_pipe(lambda: outgoing, pipes.stdin)
        self._requests = asyncio.StreamWriter(writing, outgoing, None, loop)
        self._draining = asyncio.create_task(self._log.drain(noise))

    def _wait(self, loop: asyncio.AbstractEventLoop) -> None:
        ending = self._kept.wait()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(self._exit.set_result, ending)

    async def send(self, frame: list[bytes | memoryview]) -> None:
        """Send a frame, waiting while the process does not read."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            # Where the pipe is broken, the reader sees that and says how the process died.
            for buffer in frame:
                self._requests.write(buffer)
                await self._requests.drain()

    async def receive(self, deadline: float, largest: int) -> dict:
        """Return the next message, with arrays of at most so many bytes.

        Raises TimeoutError, WorkerDied, and WireError for what is none.
        """
        try:
            return await within(deadline, self._read(largest), self._has_spoken)
        except asyncio.IncompleteReadError:
            raise await self._death() from None

    async def _read(self, largest: int) -> dict:
        read = self._answers.readexactly
        length = wire.header_length(await read(wire.PREFIX.size))
        message, places = wire.parse_header(await read(length), largest)
        return wire.fill(message, places, [await read(size) for _, _, size in places])

    def _has_spoken(self) -> bool:
        """Say whether there is something to be read. Raises WorkerDied where nothing will come."""
        pipe = self._kept.keeper.stdout
        assert pipe, "the answers come through a pipe"
        if pipe.closed:  # at its end: who reads is about to see it
            return False
        waiting = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
        if waiting or not self._exit.done():
            self._silent = False
            return waiting > 0
        if self._silent:  # it ended a tick ago, and something out of reach holds the pipe open
            raise WorkerDied(str(self._exit.result()), self._exit.result())
        self._silent = True
        return False

    async def _death(self) -> WorkerDied:
        if not await self._exits_within(PATIENCE):
            return WorkerDied("closed its answers without ending")
        return WorkerDied(str(self._exit.result()), self._exit.result())

    async def _exits_within(self, seconds: float) -> bool:
        await asyncio.wait([self._exit], timeout=seconds)
        return self._exit.done()

    async def abort(self) -> None:
        """Make the process write the Python stack of every thread to its log, and die of it."""
        self._kept.abort()
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
        self._kept.end()
        if not await self._exits_within(PATIENCE):
            self._kept.keeper.kill()  # and the process with it
        await asyncio.wait([self._draining], timeout=PATIENCE)
        self._draining.cancel()
        for transport in self._transports:
            transport.close()
        return self._log.text()


def _environment(number: int) -> dict[str, str]:
    """Return the worker's environment: the user's, but for what is about the host's own Python.

    Warnings as errors or stripped assertions would change what a framework answers.
    """
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    ours = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**own, **threads.environment(number), **ours}
