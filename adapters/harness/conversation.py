"""The conversation with one target: a process at a time, and every case answered for in the end.

Whatever becomes of a process costs the case it was working on and no other: the rest continues in
a new process, until the restarts are used up and the remaining are `not run`. A mistake of the
suite's own costs no answer either: what it leaves unanswered is `not run`, and says so.
"""

import asyncio
import traceback
from concurrent.futures import Future
from dataclasses import replace

from adapters.harness.asking import Lost, frame_of, hear, largest_answer, size_of
from adapters.harness.observation import Observation
from adapters.harness.plan import Held, Plan
from adapters.harness.process import WorkerProcess
from adapters.harness.pythons import Pythons
from adapters.harness.registry import Target
from adapters.harness.settings import AT_ONCE, Request, Settings, Smoke
from adapters.harness.starting import Start, Unusable

__all__ = ["AT_ONCE", "Conversation", "Request", "Settings", "Smoke"]


class Conversation:
    """Runs one target's plan. `hello` and `answers` are futures that are always resolved.

    It begins when there is room, in the order in which the targets were started, or at once where
    somebody waits for its answer: so whatever the order of the questions, nobody waits for ever.
    """

    def __init__(
        self,
        target: Target,
        requests: dict[str, Request],
        settings: Settings,
        pythons: Pythons,
        held: Held,
    ):
        self._target = target
        self._settings = settings
        self._starting = Start(target, settings, pythons)
        self._plan = Plan(requests, settings.window, settings.total, held)
        self._largest: dict[str, int] = {}
        self._wanted = asyncio.Event()
        self._changed = asyncio.Event()
        self._progress = asyncio.Event()
        self._process: WorkerProcess | None = None
        self._last_death = ""
        self.hello: Future = Future()
        self.answers: dict[str, Future] = {case: Future() for case in requests}
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
        self._plan.hurry(case)
        self._changed.set()

    def consumed(self, case: str) -> None:
        self._plan.holds(case, 0)

    def look_again(self) -> None:
        """Send what there is room for now."""
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
                self._process, hello = await self._starting.process()
                if not self.hello.done():
                    self.hello.set_result(hello)
                await self._converse()
                if not self._plan.waiting:
                    await self._end_process(patience=2.0)
                    return
            times = self._settings.restarts + 1
            reason = f"the process died {times} times; at last {self._last_death}"
            self._give_up(Observation("not run", message=reason))
        except Unusable as error:
            self._does_not_start(error.observation)
        except Exception as error:
            self._give_up(_own_mistake("a mistake of the suite", error))

    async def _end_process(self, patience: float = 0.0) -> None:
        if self._process:
            await self._process.stop(patience)
        self._process = None

    async def _converse(self) -> None:
        """Send and receive until all is answered or the process died."""
        assert self._process, "no process is running"
        sender = asyncio.create_task(self._send_all(self._process))
        try:
            while self._plan.waiting or self._plan.sent:
                if not self._plan.sent:
                    await self._wait_for_progress(sender)
                    continue
                case = next(iter(self._plan.sent))
                largest, deadline = self._largest[case], self._settings.deadline
                try:
                    self._resolve(case, await hear(self._process, case, deadline, largest))
                except Lost as lost:
                    self._resolve(case, lost.observation)
                    self._process, self._last_death = None, lost.observation.message
                    self._plan.take_back()
                    return
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)

    async def _send_all(self, process: WorkerProcess) -> None:
        while True:
            while chosen := self._plan.next():
                case, make = chosen
                try:
                    frame = frame_of(self._target, case, make())
                except Exception as error:  # the case is at fault, not the target
                    self._resolve(case, _own_mistake("the request cannot be made", error))
                    continue
                finally:
                    self._progress.set()
                self._plan.sent[case] = make
                self._plan.holds(case, size_of(frame))
                self._largest[case] = largest_answer(size_of(frame))
                await process.send(frame)
            self._changed.clear()
            await self._changed.wait()

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
        self._plan.sent.pop(case, None)
        arrays = [tensor.nbytes for step in observation.steps for tensor in step.values()]
        self._plan.holds(case, sum(arrays))
        self.answers[case].set_result(observation)
        self._changed.set()

    def _does_not_start(self, observation: Observation) -> None:
        """Give up: a broken or unavailable target, or one that answered and does not come back."""
        if self.hello.done():
            message = f"the process did not start again: {observation.message}"
            observation = replace(observation, ended="not run", message=message)
        self._give_up(observation)

    def _give_up(self, observation: Observation) -> None:
        for future in [self.hello, *self.answers.values()]:
            if not future.done():
                future.set_result(observation)
        self._plan.drop()


def _own_mistake(what: str, error: Exception) -> Observation:
    told = "".join(traceback.format_exception(error))
    return Observation("not run", message=f"{what}: {type(error).__name__}: {error}", log=told)
