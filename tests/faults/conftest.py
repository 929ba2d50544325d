"""Fixtures: a token that finds left-behind processes, and the plan run on a faulty adapter."""

import time
import uuid

import pytest

from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from tests.faults.driving import (
    PLAN,
    TOKEN,
    Outcome,
    check_own_answer,
    ends_within,
    processes_with,
    request,
    target_of,
)
from tests.faults.miniature import FAULT


@pytest.fixture
def token(monkeypatch):
    """Mark every process that this test starts; at the end, none of them is left."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(TOKEN, mark)
    yield mark
    left = [pid for pid in processes_with(mark) if not ends_within(pid, 5.0)]
    assert not left, f"processes {left} are left behind"


@pytest.fixture
def strike(token, monkeypatch):
    """Run the plan on an adapter with a fault; every other case must get its own answer."""

    def run(adapter, fault, *, size=3, others="answered", **settings):
        monkeypatch.setenv(FAULT, fault)
        plan = {name: request(name, size) for name in PLAN}
        target = target_of(adapter)
        start = time.monotonic()
        with Host(Settings(**settings), announce=pytest.fail) as host:
            host.start(target, {name: lambda made=made: made for name, made in plan.items()})
            hello = host.greeting(target)
            observations = {name: host.observe(target, name) for name in PLAN}
            seconds = time.monotonic() - start
        for name in set(PLAN) - {"struck"}:
            assert others in (None, observations[name].ended)
            if others == "answered":
                check_own_answer(plan[name], observations[name])
        return Outcome(hello, observations, seconds)

    return run
