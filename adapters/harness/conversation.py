"""The conversation with one target: a process at a time, and every case answered for in the end.

Cases go out in their planned order, within a window bounded by bytes; one that is asked for out of
order goes next. Whatever becomes of a process costs the case it was working on and no other: the
rest continues in a new process, until the restarts are used up and the remaining are `not run`.
"""

import asyncio
import os
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from adapters.harness import wire
from adapters.harness.environments import EnvironmentFailed
from adapters.harness.observation import Observation, read_answer, read_hello
from adapters.harness.process import WorkerDied, WorkerProcess
from adapters.harness.registry import Target
from adapters.harness.wire import WireError

Request = Callable[[], dict]
SMOKE = "smoke"
AT_ONCE = (os.cpu_count() or 1) + 2
"""Targets that run at once. More than there are cores, since a target also waits for its judge."""


@dataclass(frozen=True)
class Smoke:
    """One tiny case that every target answers first.

    `fault` says what is wrong with the form of the answer, or None. A target that fails it is
    broken: none of its cases is run, and nothing is attributed to its framework.
    """

    request: Request
    fault: Callable[[Observation], str | None]


@dataclass(frozen=True)
class Settings:
    """How patient the harness is: seconds, bytes, restarts of one target, targets at once."""

    deadline: float = 120.0
    start_deadline: float = 180.0
    restarts: int = 5
    window: int = 24 * 2**20
    at_once: int = AT_ONCE
    memory_limit: int | None = None
    smoke: Smoke | None = None


class Unusable(Exception):
    """A target cannot be run: one line, the log's tail, and the command to retry."""

    def __init__(self, message: str, log: str = "", retry: str = "", unavailable: bool = False):
        super().__init__(message)
        self.log = log
        self.retry = retry
        self.unavailable = unavailable


class Conversation:
    """Runs one target's plan. `hello` and `answers` are futures that are always resolved.

    It begins when there is room, in the order in which the targets were started, or at once where
    somebody waits for its answer: so whatever the order of the questions, nobody waits for ever.
    """

    def __init__(
        self,
        target: Target,
        plan: dict[str, Request],
        settings: Settings,
        python_of: Callable[[Target], Awaitable[Path]],
    ):
        self._target = target
        self._settings = settings
        self._python_of = python_of
        self._waiting: OrderedDict[str, Request] = OrderedDict(plan)
        self._sent: OrderedDict[str, Request] = OrderedDict()
        self._bytes: dict[str, int] = {}
        self._urgent: set[str] = set()
        self._wanted = asyncio.Event()
        self._changed = asyncio.Event()
        self._progress = asyncio.Event()
        self._process: WorkerProcess | None = None
        self._last_death = ""
        self.hello: Future = Future()
        self.answers: dict[str, Future] = {case: Future() for case in plan}
        self._task: asyncio.Task | None = None

    def begin(self, room: asyncio.Semaphore) -> None:
        self._task = asyncio.create_task(self._run_in(room))

    async def stop(self) -> None:
        """Stop the conversation and the process, wherever they are."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._end_process()
        self._give_up(Observation("not run", message="the run was stopped"))

    def want(self) -> None:
        """Begin, whether there is room or not."""
        self._wanted.set()

    def hurry(self, case: str) -> None:
        self.want()
        if case in self._waiting:
            self._urgent.add(case)
            self._waiting.move_to_end(case, last=False)
            self._changed.set()

    def consumed(self, case: str) -> None:
        self._bytes.pop(case, None)
        self._changed.set()

    async def _run_in(self, room: asyncio.Semaphore) -> None:
        waits = [asyncio.create_task(room.acquire()), asyncio.create_task(self._wanted.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            await self._run()
        finally:
            for wait in waits:
                wait.cancel()
            if waits[0].done() and not waits[0].cancelled():
                room.release()

    async def _run(self) -> None:
        try:
            for _ in range(self._settings.restarts + 1):
                if not await self._start():
                    return
                await self._converse()
                if not self._waiting:
                    await self._end_process(patience=2.0)
                    return
            times = self._settings.restarts + 1
            reason = f"the process died {times} times; at last {self._last_death}"
            self._give_up(Observation("not run", message=reason))
        except Exception as error:  # the suite's own fault: whoever waits for an answer raises it
            for future in [self.hello, *self.answers.values()]:
                if not future.done():
                    future.set_exception(error)

    @property
    def _worker(self) -> WorkerProcess:
        assert self._process, "no process is running"
        return self._process

    async def _end_process(self, patience: float = 0.0) -> str:
        """End the process, if there is one, and return its log."""
        log = await self._process.stop(patience) if self._process else ""
        self._process = None
        return log

    async def _start(self) -> bool:
        """Start the process, hear its hello and see it through the smoke case."""
        try:
            await self._get_ready()
        except (EnvironmentFailed, Unusable) as error:
            await self._end_process()
            ended = "unavailable" if error.unavailable else "broken adapter"
            self._does_not_start(ended, str(error), error.log, error.retry)
            return False
        return True

    async def _get_ready(self) -> None:
        python = await self._python_of(self._target)
        adapter = self._target.implementation.path
        try:
            limit = self._settings.memory_limit
            self._process = await WorkerProcess.start(python, adapter, limit)
        except OSError as error:
            raise Unusable(f"{python} does not start: {error.strerror}") from None
        retry = f"{python} -m adapters.harness.worker {adapter}"
        hello = await self._hear_hello(retry)
        if hello["kind"] == "failed":
            missing, message = hello["missing"], hello["message"]
            if missing:
                message = f"the package {missing!r} is missing in {python}"
            raise Unusable(message, hello["log"], retry)
        if self._target.device not in hello["devices"]:
            found = ", ".join(hello["devices"])
            device = self._target.device
            message = f"no device {device!r} on this machine; it has: {found}"
            raise Unusable(message, unavailable=True)
        if not self.hello.done():
            await self._pass_smoke(retry)
            self.hello.set_result({**hello, "interpreter": str(python)})

    async def _hear_hello(self, retry: str) -> dict:
        try:
            async with asyncio.timeout(self._settings.start_deadline):
                return read_hello(await self._worker.receive())
        except TimeoutError:
            await self._worker.abort()
            reason = f"no hello within {self._settings.start_deadline:g} s"
        except (WorkerDied, WireError) as error:
            reason = f"the adapter {error}"
        raise Unusable(reason, await self._end_process(), retry)

    async def _pass_smoke(self, retry: str) -> None:
        """Run the smoke case. Raises Unusable with what is wrong with the adapter."""
        smoke = self._settings.smoke
        if smoke is None:
            return
        await self._worker.send(self._frame(SMOKE, smoke.request()))
        observation = await self._hear(SMOKE)
        fault: str | None = observation.message
        if observation.ended == "answered":
            fault = smoke.fault(observation)
        elif observation.ended == "declined":
            fault = None
        if fault:
            raise Unusable(f"the smoke case {observation.ended}: {fault}", observation.log, retry)

    async def _converse(self) -> None:
        """Send and receive until all is answered or the process died."""
        sender = asyncio.create_task(self._send_all())
        try:
            while self._waiting or self._sent:
                if not self._sent:
                    await self._wait_for_progress(sender)
                    continue
                case = next(iter(self._sent))
                observation = await self._hear(case)
                del self._sent[case]
                self._resolve(case, observation)
                if self._process is None:
                    # Those sent after it go back in front of the others.
                    self._waiting = OrderedDict([*self._sent.items(), *self._waiting.items()])
                    self._sent.clear()
                    return
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _hear(self, case: str) -> Observation:
        """Return the answer to a case, or how the process failed it; then the process is ended."""
        try:
            async with asyncio.timeout(self._settings.deadline):
                return read_answer(await self._worker.receive(), case)
        except TimeoutError:
            await self._worker.abort()
            ended, how = "timed out", f"no answer within {self._settings.deadline:g} s"
        except WorkerDied as error:
            ended, how = "crashed", f"the process {error}"
        except WireError as error:
            ended, how = "broken adapter", f"the process {error}"
        self._last_death = how
        return Observation(ended, message=how, log=await self._end_process())

    async def _send_all(self) -> None:
        while True:
            while self._waiting and self._may_send(next(iter(self._waiting))):
                case, make = self._waiting.popitem(last=False)
                try:
                    frame = self._frame(case, make())
                except Exception as error:  # the case is at fault, not the target
                    self.answers[case].set_exception(error)
                    continue
                finally:
                    self._progress.set()
                self._sent[case] = make
                self._bytes[case] = sum(map(len, frame))
                await self._worker.send(frame)
            self._changed.clear()
            await self._changed.wait()

    def _frame(self, case: str, request: dict) -> list[bytes | memoryview]:
        layer = {**request["layer"], "device": self._target.device, "mode": self._target.mode}
        return wire.encode({**request, "layer": layer, "id": case})

    def _may_send(self, case: str) -> bool:
        return case in self._urgent or sum(self._bytes.values()) < self._settings.window

    async def _wait_for_progress(self, sender: asyncio.Task) -> None:
        """Wait until the sender did something; raise what ended it, if that happened."""
        self._progress.clear()
        progress = asyncio.create_task(self._progress.wait())
        try:
            await asyncio.wait([progress, sender], return_when=asyncio.FIRST_COMPLETED)
        finally:
            progress.cancel()
        if sender.done():
            sender.result()

    def _resolve(self, case: str, observation: Observation) -> None:
        self._bytes[case] = sum(map(_size, observation.steps))
        self.answers[case].set_result(observation)
        self._changed.set()

    def _does_not_start(self, ended: str, message: str, log: str, retry: str) -> None:
        """Give up: a broken or unavailable target, or one that answered and does not come back."""
        if self.hello.done():
            ended, message = "not run", f"the process did not start again: {message}"
        self._give_up(Observation(ended, message=message, log=log, retry=retry))

    def _give_up(self, observation: Observation) -> None:
        for future in [self.hello, *self.answers.values()]:
            if not future.done():
                future.set_result(observation)
        self._waiting.clear()
        self._sent.clear()


def _size(value) -> int:
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    if isinstance(value, (list, tuple)):
        return sum(map(_size, value))
    return getattr(value, "nbytes", 0)
