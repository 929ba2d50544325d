"""A deadline that counts the time of the process that is waited for, not that of who waits.

The time is counted in ticks. However long a tick really took, it counts as one: a host that was
stopped, by Ctrl-Z or by a machine too busy to run it, was not there to hear an answer. A tick at
whose end something lies in the pipe does not count at all: the process has spoken, and it is the
host that is late.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
TICK = 0.25
TICKS = 20


async def within(seconds: float, waited: Awaitable[T], has_spoken: Callable[[], bool]) -> T:
    """Return what is waited for. Raises TimeoutError after so many seconds of waiting."""
    tick = min(TICK, seconds / TICKS)
    task = asyncio.ensure_future(waited)
    clock = asyncio.get_running_loop().time
    left = seconds
    try:
        while left > 0:
            began = clock()
            await asyncio.wait([task], timeout=tick)
            if task.done():
                return task.result()
            if not has_spoken():
                left -= min(tick, clock() - began)
        raise TimeoutError
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
