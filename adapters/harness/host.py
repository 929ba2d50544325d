"""The parent of all targets: starts each on its cases and hands out what they answer.

Every target has its own process and its own conversation with it, one asyncio task in a background
thread. A slow target never waits for a fast one nor for the judging. As many run at once as
`Settings.at_once` says; the next begins when one has answered all and its process has ended.
"""

import asyncio
import threading

from adapters.harness.conversation import Conversation
from adapters.harness.observation import Observation
from adapters.harness.plan import Held
from adapters.harness.pythons import Pythons
from adapters.harness.registry import Target
from adapters.harness.settings import Request, Settings


class Host:
    """Runs targets. Use as a context manager; `observe` returns one target's answer to one case."""

    def __init__(self, settings: Settings | None = None, *, pythons=None, announce=print):
        self._settings = settings or Settings()
        self._pythons = Pythons(pythons or {}, announce, self._settings.locked)
        self._held = Held()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._room = asyncio.Semaphore(self._settings.at_once)
        self._conversations: dict[str, Conversation] = {}

    def __enter__(self) -> "Host":
        self._thread.start()
        return self

    def __exit__(self, *exception) -> None:
        self._pythons.stopped.set()
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, target: Target, plan: dict[str, Request]) -> None:
        """Start a target on its planned cases, {case id: a function that makes the request}."""
        conversation = Conversation(target, plan, self._settings, self._pythons, self._held)
        self._conversations[target.name] = conversation
        self._loop.call_soon_threadsafe(conversation.begin, self._room)

    def greeting(self, target: Target) -> dict | Observation:
        """Return the target's hello, or the Observation that says why it has none."""
        conversation = self._conversations[target.name]
        self._loop.call_soon_threadsafe(conversation.want)
        return conversation.hello.result()

    def observe(self, target: Target, case: str) -> Observation:
        """Return the answer to a case, waiting for it; each answer is handed out once."""
        conversation = self._conversations[target.name]
        self._loop.call_soon_threadsafe(conversation.hurry, case)
        observation = conversation.answers[case].result()
        self._loop.call_soon_threadsafe(self._consumed, conversation, case)
        return observation

    def _consumed(self, conversation: Conversation, case: str) -> None:
        conversation.consumed(case)
        for each in list(
            self._conversations.values()
        ):  # what was held has made room for any of them
            each.look_again()

    async def _stop(self) -> None:
        await asyncio.gather(*(each.stop() for each in self._conversations.values()))
