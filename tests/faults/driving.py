"""Driving a faulty adapter through the real harness, and looking for what it leaves behind."""

import os
import select
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.harness import registry
from adapters.harness.observation import Observation
from adapters.harness.protocol import Layer, Step
from tests.faults.miniature import STRUCK_EPSILON, sound

ADAPTERS = Path(__file__).parent / "adapters"
TOKEN = "MINIATURE_TOKEN"
PLAN = ("a", "b", "struck", "c", "d")
STARTING = 20.0
"""Seconds that starting two processes may take on a busy machine, beside a deadline."""


@dataclass(frozen=True)
class Outcome:
    """What became of the five cases of the plan, and how long it took to know."""

    hello: dict | Observation
    observations: dict[str, Observation]
    seconds: float

    @property
    def struck(self) -> Observation:
        return self.observations["struck"]


def target_of(adapter) -> registry.Target:
    return registry.Target(registry.read_own(ADAPTERS / f"{adapter}.py"), "cpu", "eager")


def request(name: str, size: int = 3) -> dict:
    """Return a request with numbers of its own; that of the struck case may be large."""
    rng = np.random.default_rng(list(name.encode()))
    struck = name == "struck"
    large = struck or name.startswith("large")
    x, dy = rng.standard_normal((2, 4, size if large else 3)).astype(np.float32)
    layer = Layer(epsilon=STRUCK_EPSILON if struck else 1e-5)
    return {"layer": vars(layer), "steps": [vars(Step(x, dy))]}


def check_own_answer(made: dict, observation: Observation) -> None:
    expected = list(sound(Layer(**made["layer"]), [Step(**step) for step in made["steps"]]))
    assert len(observation.steps) == len(expected)
    for answer, own in zip(observation.steps, expected, strict=True):
        assert answer.keys() == own.keys()
        for tensor in own:
            np.testing.assert_array_equal(answer[tensor], own[tensor])


def processes_with(mark: str) -> list[int]:
    """Return the processes that were started with this token in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"{TOKEN}={mark}".encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:  # it just ended
            continue
    return found


def ends_within(pid: int, seconds: float) -> bool:
    """Wait for a process that is no child of this one to end."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], seconds)[0])
    finally:
        os.close(handle)
