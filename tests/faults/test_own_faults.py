"""A mistake of the suite itself is raised where the answer is waited for; nobody hangs on it."""

import threading

import pytest

from adapters.harness.conversation import Settings, Smoke
from adapters.harness.host import Host
from adapters.harness.wire import WireError
from tests.faults.driving import PLAN, STARTING, check_own_answer, request, target_of


def test_a_request_that_cannot_be_made(token):
    """A case whose data raise is an error of that case; every other gets its answer."""
    plan = {name: lambda name=name: request(name) for name in PLAN}
    plan["struck"] = lambda: {}["no such data"]
    with Host(Settings()) as host:
        host.start(target_of("sound"), plan)
        with pytest.raises(KeyError, match="no such data"):
            host.observe(target_of("sound"), "struck")
        for name in set(PLAN) - {"struck"}:
            check_own_answer(request(name), host.observe(target_of("sound"), name))


def test_a_request_that_cannot_be_sent(token):
    """What no frame can hold is an error of every case that has it; the last one has not."""
    plan = {name: lambda name=name: {**request(name), "note": object()} for name in PLAN[:-1]}
    plan[PLAN[-1]] = lambda: request(PLAN[-1])
    with Host(Settings()) as host:
        host.start(target_of("sound"), plan)
        check_own_answer(request(PLAN[-1]), host.observe(target_of("sound"), PLAN[-1]))
        for name in PLAN[:-1]:
            with pytest.raises(WireError, match="cannot be sent"):
                host.observe(target_of("sound"), name)


def test_a_smoke_check_that_raises(token):
    """A mistake in the judging of the smoke case is not laid at the adapter's door."""
    smoke = Smoke(lambda: request("a"), lambda observation: {}["no such verdict"])
    with Host(Settings(smoke=smoke)) as host:
        host.start(target_of("sound"), {"b": lambda: request("b")})
        with pytest.raises(KeyError, match="no such verdict"):
            host.greeting(target_of("sound"))


def test_a_run_that_ends_early(token, monkeypatch):
    """Stopping before anything was answered leaves no case waiting and no process behind."""
    monkeypatch.setenv("MINIATURE_FAULT", "sleep_at_import")
    target, told = target_of("hanging"), []
    with Host(Settings()) as host:
        host.start(target, {name: lambda name=name: request(name) for name in PLAN})
        waiting = threading.Thread(target=lambda: told.append(host.greeting(target)))
        waiting.start()
    waiting.join(STARTING)
    assert [each.ended for each in told] == ["not run"]
