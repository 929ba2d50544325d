"""How a run treats its targets: patience, room, threads, and the case that is asked first."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from adapters.harness.observation import Observation
from adapters.harness.threads import THREADS

Request = Callable[[], dict]
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
    """Seconds, bytes, restarts of one target, targets at once, threads of each.

    `window` bounds the bytes of requests and answers that a target is ahead of its judge, `total`
    those of all targets together; `memory_limit` what a target's processes may hold. `locked`
    installs what the locks hold, hash by hash.
    """

    deadline: float = 120.0
    start_deadline: float = 180.0
    restarts: int = 5
    window: int = 24 * 2**20
    total: int = 2**30
    at_once: int = AT_ONCE
    memory_limit: int | None = None
    threads: int = THREADS
    locked: bool = False
    smoke: Smoke | None = None
