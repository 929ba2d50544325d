"""The start of a target's process: until it has said hello and answered the smoke case."""

from pathlib import Path

from adapters.harness.asking import Lost, frame_of, hear, largest_answer, size_of
from adapters.harness.environments import EnvironmentFailed
from adapters.harness.observation import Observation, read_hello
from adapters.harness.process import WorkerDied, WorkerProcess
from adapters.harness.pythons import Pythons
from adapters.harness.registry import Target
from adapters.harness.settings import Settings
from adapters.harness.wire import WireError

SMOKE = "smoke"
NO_ARRAYS = 0


class Unusable(Exception):
    """A target cannot be run; the observation says it of every case.

    `mendable` where a damaged environment may be the reason.
    """

    def __init__(self, ended: str, message: str, log="", retry="", mendable: bool = False):
        super().__init__(message)
        self.observation = Observation(ended, message=message, log=log, retry=retry)
        self.mendable = mendable

    @property
    def from_outside(self) -> bool:
        """Whether somebody else ended the process, which says nothing of the target."""
        return self.observation.ended == "not run"

    def again(self) -> "Unusable":
        """Return it as what has happened a second time."""
        told = self.observation
        return Unusable(told.ended, f"{told.message}, twice", told.log, told.retry)


class Start:
    """Starts the processes of one target."""

    def __init__(self, target: Target, settings: Settings, pythons: Pythons):
        self._target = target
        self._settings = settings
        self._pythons = pythons
        self._sound = settings.smoke is None

    async def process(self) -> tuple[WorkerProcess, dict]:
        """Return a process that is ready for its cases, and its hello. Raises Unusable.

        A process that somebody else kills on the way, as the system does where memory runs out and
        many import at once, is started once more; and so is one whose environment was mended.
        """
        retried = mended = False
        while True:
            try:
                return await self._process()
            except Unusable as error:
                if error.from_outside:
                    if retried:
                        raise error.again() from None
                    retried = True
                    self._pythons.announce(f"{self._target.name}: {error}; it is started again")
                elif error.mendable and not mended and await self._mend():
                    mended = True
                else:
                    raise

    async def _mend(self) -> bool:
        try:
            return await self._pythons.mend(self._target)
        except EnvironmentFailed as error:
            raise _of(error) from None

    async def _process(self) -> tuple[WorkerProcess, dict]:
        adapter = self._target.implementation.path
        try:
            python = await self._pythons.of(self._target)
        except EnvironmentFailed as error:
            raise _of(error) from None
        settings = self._settings
        limit = settings.memory_limit
        worker = await WorkerProcess.start(python, adapter, settings.threads, limit)
        try:
            retry = f"{python} -m adapters.harness.worker {adapter}"
            hello = await self._hear_hello(worker, python, retry)
            if not self._sound:
                await self._pass_smoke(worker, retry)
                self._sound = True
        except BaseException:
            await worker.stop()
            raise
        return worker, {**hello, "interpreter": str(python)}

    async def _hear_hello(self, worker: WorkerProcess, python: Path, retry: str) -> dict:
        ended, mendable = "broken adapter", False
        deadline = self._settings.start_deadline
        try:
            hello = read_hello(await worker.receive(deadline, NO_ARRAYS))
        except TimeoutError:
            await worker.abort()
            reason = f"no hello within {deadline:g} s"
        except WireError as error:
            reason = f"the adapter {error}"
        except WorkerDied as error:
            reason = f"the adapter {error}"
            if error.ending and error.ending.not_started:
                reason, mendable = f"{python} {error}", True
            elif error.ending and error.ending.from_outside:
                ended, reason = "not run", f"{reason} before its hello"
            else:
                mendable = True
        else:
            if hello["kind"] == "hello":
                return self._on_its_device(hello)
            reason = hello["message"]
            if hello["missing"]:
                reason = f"the package {hello['missing']!r} is missing in {python}"
            raise Unusable(ended, reason, hello["log"], retry, mendable=True)
        raise Unusable(ended, reason, await worker.stop(), retry, mendable)

    def _on_its_device(self, hello: dict) -> dict:
        device = self._target.device
        if device not in hello["devices"]:
            found = ", ".join(hello["devices"])
            message = f"no device {device!r} on this machine; it has: {found}"
            raise Unusable("unavailable", message)
        return hello

    async def _pass_smoke(self, worker: WorkerProcess, retry: str) -> None:
        """Run the smoke case. Raises Unusable with what is wrong with the adapter."""
        smoke = self._settings.smoke
        assert smoke, "there is no smoke case"
        frame = frame_of(self._target, SMOKE, smoke.request())
        await worker.send(frame)
        try:
            largest = largest_answer(size_of(frame))
            observation = await hear(worker, SMOKE, self._settings.deadline, largest)
        except Lost as lost:
            observation = lost.observation
            if lost.ending and lost.ending.from_outside:
                message = f"{observation.message} in the smoke case"
                raise Unusable("not run", message, observation.log, retry) from None
        if fault := _fault(observation, smoke.fault):
            message = f"the smoke case {observation.ended}: {fault}"
            raise Unusable("broken adapter", message, observation.log, retry)


def _fault(observation: Observation, judge) -> str | None:
    """Say what is wrong with a smoke case that was answered; what is declined is in order."""
    if observation.ended == "answered":
        return judge(observation)
    return None if observation.ended == "declined" else observation.message


def _of(error: EnvironmentFailed) -> Unusable:
    ended = "unavailable" if error.unavailable else "broken adapter"
    return Unusable(ended, str(error), error.log, error.retry)
