"""The parent of all targets: sends each its cases ahead of time and keeps what they answer.

Every target has its own process, driven by one asyncio task in a background thread. Cases go out
in their planned order, within a window bounded by bytes, so a slow target never waits for a fast
one nor for the judging. A case that is asked for out of order goes next. When a process dies, the
case it was working on is lost to it and to it alone: the rest continues in a new process.
"""

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from adapters.harness.environments import EnvironmentFailed, interpreter
from adapters.harness.observation import Observation
from adapters.harness.process import WorkerDied, WorkerProcess
from adapters.harness.registry import Target

WINDOW = 24 * 2**20
"""Bytes of requests and unread answers of one target in flight."""

RESTARTS = 5
START_DEADLINE = 180.0

Request = Callable[[], dict]


class Host:
    """Runs targets. Use as a context manager; `observe` returns one target's answer to one case."""

    def __init__(self, *, pythons=None, deadline: float = 120.0, announce=print, window=None):
        self._pythons: dict[str, Path] = pythons or {}
        self._deadline = deadline
        self._announce = announce
        self.window = WINDOW if window is None else window
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._drivers: dict[str, _Driver] = {}

    def __enter__(self) -> "Host":
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, target: Target, plan: dict[str, Request]) -> None:
        """Start a target on its planned cases, {case id: a function that makes the request}."""
        driver = _Driver(target, plan, self)
        self._drivers[target.name] = driver
        self._loop.call_soon_threadsafe(driver.begin)

    def greeting(self, target: Target) -> dict | Observation:
        """Return the target's hello, or the Observation that says why it has none."""
        return self._drivers[target.name].hello.result()

    def observe(self, target: Target, case: str) -> Observation:
        """Return the answer to a case, waiting for it; each answer is handed out once."""
        driver = self._drivers[target.name]
        self._loop.call_soon_threadsafe(driver.hurry, case)
        observation = driver.answers[case].result()
        self._loop.call_soon_threadsafe(driver.consumed, case)
        return observation

    async def _stop(self) -> None:
        await asyncio.gather(*(driver.stop() for driver in self._drivers.values()))

    async def python_of(self, target: Target) -> Path:
        one = target.implementation
        own = self._pythons.get(one.label) or self._pythons.get(one.name)
        if own:
            return own
        return await asyncio.to_thread(interpreter, one, self._announce)

    @property
    def deadline(self) -> float:
        return self._deadline


class _Driver:
    """The conversation with one target."""

    def __init__(self, target: Target, plan: dict[str, Request], host: Host):
        self._target = target
        self._host = host
        self._waiting: OrderedDict[str, Request] = OrderedDict(plan)
        self._sent: OrderedDict[str, Request] = OrderedDict()
        self._bytes: dict[str, int] = {}
        self._urgent: set[str] = set()
        self._changed = asyncio.Event()
        self._process: WorkerProcess | None = None
        self.hello: Future = Future()
        self.answers: dict[str, Future] = {case: Future() for case in plan}
        self._task: asyncio.Task | None = None

    def begin(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Stop the conversation and the process, wherever they are."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._end_process()
        self._give_up(Observation("crashed", message="not run: the run was stopped"))

    def hurry(self, case: str) -> None:
        if case in self._waiting:
            self._urgent.add(case)
            self._waiting.move_to_end(case, last=False)
            self._changed.set()

    def consumed(self, case: str) -> None:
        self._bytes.pop(case, None)
        self._changed.set()

    async def _run(self) -> None:
        try:
            for _ in range(RESTARTS + 1):
                if not await self._start():
                    return
                await self._converse()
                await self._end_process()
                if not self._waiting:
                    return
            self._give_up(
                Observation("crashed", message=f"not run: the process died {RESTARTS + 1} times")
            )
        except Exception as error:  # a fault of the harness must not leave anyone waiting
            self._give_up(Observation("broken adapter", message=f"harness: {error!r}"))
            raise

    async def _end_process(self) -> None:
        if self._process:
            await self._process.stop()
            self._process = None

    async def _start(self) -> bool:
        """Start the process and hear its hello; False if it is broken."""
        try:
            python = await self._host.python_of(self._target)
        except EnvironmentFailed as error:
            self._broken(str(error), error.log, error.retry)
            return False
        try:
            self._process = await WorkerProcess.start(python, self._target.implementation.path)
        except OSError as error:
            self._broken(f"{python} does not start: {error.strerror}")
            return False
        retry = f"{python} -m adapters.harness.worker {self._target.implementation.path}"
        try:
            async with asyncio.timeout(START_DEADLINE):
                hello = await self._process.receive()
        except TimeoutError:
            self._broken(f"no hello within {START_DEADLINE:g} s", self._process.log_tail(), retry)
            return False
        except WorkerDied as error:
            self._broken(f"the adapter {error}", self._process.log_tail(), retry)
            return False
        if hello.get("kind") != "hello":
            message = hello.get("message", "no hello")
            if hello.get("missing"):
                message = f"the package {hello['missing']!r} is missing in {python}"
            self._broken(message, hello.get("log", ""), retry)
            return False
        if self._target.device not in hello["devices"]:
            found = ", ".join(hello["devices"])
            self._broken(f"no device {self._target.device!r} on this machine; it has: {found}")
            return False
        if not self.hello.done():
            self.hello.set_result({**hello, "interpreter": str(python)})
        return True

    async def _converse(self) -> None:
        """Send and receive until all is answered or the process dies."""
        sender = asyncio.create_task(self._send_all())
        try:
            while self._waiting or self._sent:
                if not self._sent:
                    await self._wait_for_change()
                    continue
                case = next(iter(self._sent))
                try:
                    async with asyncio.timeout(self._host.deadline):
                        message = await self._process.receive()
                    self._answered(case, message)
                except TimeoutError:
                    self._process.dump_stack()
                    await asyncio.sleep(0.2)
                    how = f"no answer within {self._host.deadline:g} s"
                    self._lost(case, Observation("timed out", message=how, log=self._log()))
                    return
                except WorkerDied as error:
                    how = f"the process {error}"
                    self._lost(case, Observation("crashed", message=how, log=self._log()))
                    return
        finally:
            sender.cancel()

    def _log(self) -> str:
        return self._process.log_tail()

    async def _send_all(self) -> None:
        while True:
            while self._waiting and self._may_send(next(iter(self._waiting))):
                case, make = self._waiting.popitem(last=False)
                request = make()
                self._sent[case] = make
                self._bytes[case] = _size(request)
                self._changed.set()
                layer = {**request["layer"], "device": self._target.device}
                layer["mode"] = self._target.mode
                await self._process.send({**request, "layer": layer, "id": case})
            await self._wait_for_change()

    def _may_send(self, case: str) -> bool:
        return case in self._urgent or sum(self._bytes.values()) < self._host.window

    async def _wait_for_change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _answered(self, case: str, message: dict) -> None:
        if message.get("kind") != "answer" or message.get("id") != case:
            found = message.get("id", message.get("kind"))
            raise WorkerDied(f"answered {found!r} when asked for {case!r}")
        del self._sent[case]
        ended = message["ended"] or {"how": "answered", "message": ""}
        text = ended["message"]
        if ended["how"] == "raised":
            text = f"{ended['type']}: {text}"
        observation = Observation(
            ended=ended["how"],
            steps=tuple(message["steps"]),
            conventions={name: tuple(two) for name, two in message.get("conventions", {}).items()},
            message=text,
            log=ended.get("traceback", ""),
            seconds=message["seconds"],
        )
        self._bytes[case] = sum(map(_size, observation.steps))
        self.answers[case].set_result(observation)
        self._changed.set()

    def _lost(self, case: str, observation: Observation) -> None:
        """Give up one case and put those sent after it back in front of the others."""
        del self._sent[case]
        self.answers[case].set_result(observation)
        self._waiting = OrderedDict([*self._sent.items(), *self._waiting.items()])
        self._sent.clear()

    def _broken(self, message: str, log: str = "", retry: str = "") -> None:
        self._give_up(Observation("broken adapter", message=message, log=log, retry=retry))

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
