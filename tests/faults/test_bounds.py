"""What is too large is refused in one line before it is held: neither side can fill the host."""

import os
import time

import pytest

from adapters.harness import host as hosting
from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from adapters.harness.memory import resident
from adapters.harness.plan import Held
from tests.faults.driving import STARTING, check_own_answer, request, target_of
from tests.faults.trial import lost

ROOM = 100 * 2**20
SIZE = 2**14
LARGE = ("large 1", "large 2", "large 3", "large 4")
SETTLED = 1.0
"""Seconds after which a target has answered all that it was sent."""


@pytest.mark.parametrize(
    ("adapter", "fault", "message"),
    [
        ("garbling", "a_header_of_60_mb", "a header of 60000000 bytes; at most 1048576 are read"),
        ("malicious", "an_answer_of_a_gigabyte", "arrays of 10737"),
        ("malicious", "many_names", "the answer cannot be sent: a header of 2"),
    ],
)
@lost("the case")
def test_an_answer_that_is_too_large(strike, adapter, fault, message):
    """A header, an answer, a text beyond their bounds: the case is told, the host stays small."""
    before = resident(os.getpid())
    outcome = strike(adapter, fault)
    assert outcome.struck.ended == "broken adapter"
    assert message in outcome.struck.message
    assert outcome.seconds < STARTING
    assert resident(os.getpid()) - before < ROOM


class Watched(Held):
    """Remembers the most that was held."""

    peak = 0

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        if name == "total" and value > self.peak:
            self.peak = value


@pytest.mark.parametrize(("bound", "targets"), [("window", 1), ("total", 2)])
def test_answers_that_nobody_takes(token, monkeypatch, bound, targets):
    """A target runs ahead of its judge up to its window, and all of them together to the total.

    Every answer still comes in the end, also to a target that waits for the others' room.
    """
    held = Watched()
    monkeypatch.setattr(hosting, "Held", lambda: held)
    targets = [target_of("sound"), target_of("noisy")][:targets]
    plan = {name: lambda name=name: request(name, SIZE) for name in LARGE}
    room = SIZE * 4 * 4 * 2  # a request, x and dy; an answer is half as large again: y, dx and x
    with Host(Settings(**{bound: room})) as host:
        for target in targets:
            host.start(target, plan)
            host.greeting(target)
        time.sleep(SETTLED)
        assert room <= held.peak <= 2.5 * room  # an answer, and the request that was let in
        for name in reversed(LARGE):
            for target in targets:
                check_own_answer(request(name, SIZE), host.observe(target, name))
