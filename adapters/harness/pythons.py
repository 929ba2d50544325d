"""The Python that runs a target: the user's own, or that of its environment, built and mended."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

from adapters.harness import environments, locks, text
from adapters.harness.header import Implementation
from adapters.harness.registry import Target


class Pythons:
    """Finds interpreters; `own` are the user's, by name. Setting `stopped` ends all building."""

    def __init__(
        self, own: dict[str, Path], announce: Callable[[str], object], locked: bool = False
    ):
        self.stopped = threading.Event()
        self._own = own
        self._announce = announce
        self._locked = locked

    def announce(self, line: str) -> None:
        self._announce(text.one_line(line))

    async def of(self, target: Target) -> Path:
        """Return the Python of a target. Raises EnvironmentFailed."""
        one = target.implementation
        own = self._own.get(one.label) or self._own.get(one.name)
        if own:
            return own
        return await asyncio.to_thread(self._build, one, environments.interpreter)

    async def mend(self, target: Target) -> bool:
        """Build a target's environment again if it is damaged, and say so; else return False."""
        one = target.implementation
        if one.label in self._own or one.name in self._own or not one.has_environment:
            return False
        return await asyncio.to_thread(self._build, one, environments.mend)

    def _build(self, one: Implementation, build):
        one = locks.locked(one) if self._locked else one
        return build(one, self.announce, self.stopped)
