"""One case through the pipe: its request, and what became of it."""

from adapters.harness import wire
from adapters.harness.kept import Ending
from adapters.harness.observation import Observation, read_answer
from adapters.harness.process import WorkerDied, WorkerProcess
from adapters.harness.registry import Target
from adapters.harness.wire import WireError

Frame = list[bytes | memoryview]
ANSWER_FACTOR = 16
"""An answer holds each input again three times at most (y, dx, x), at most four times as wide."""
ANSWER_SLACK = 2**20


def frame_of(target: Target, case: str, request: dict) -> Frame:
    """Return the frame of a request, for this target. Raises WireError."""
    layer = {**request["layer"], "device": target.device, "mode": target.mode}
    return wire.encode({**request, "layer": layer, "id": case})


def size_of(frame: Frame) -> int:
    """Return the bytes of a frame."""
    return sum(map(len, frame))


def largest_answer(request: int) -> int:
    """Return how many bytes of arrays can be due where the request has so many."""
    return ANSWER_FACTOR * request + ANSWER_SLACK


class Lost(Exception):
    """A process that failed a case and was ended; the observation is that of the case."""

    def __init__(self, observation: Observation, ending: Ending | None):
        super().__init__(observation.message)
        self.observation = observation
        self.ending = ending


async def hear(worker: WorkerProcess, case: str, deadline: float, largest: int) -> Observation:
    """Return the answer to a case. Raises Lost."""
    ending = None
    try:
        return read_answer(await worker.receive(deadline, largest), case)
    except TimeoutError:
        await worker.abort()
        ended, how = "timed out", f"no answer within {deadline:g} s"
    except WorkerDied as error:
        ended, how, ending = "crashed", f"the process {error}", error.ending
    except WireError as error:
        ended, how = "broken adapter", f"the process {error}"
    raise Lost(Observation(ended, message=how, log=await worker.stop()), ending)
