"""A mistake of the suite itself costs the cases that have it their run, and nobody their answer."""

import threading

from adapters.harness.conversation import Settings, Smoke
from adapters.harness.host import Host
from tests.faults.driving import PLAN, STARTING, check_own_answer, request, target_of
from tests.faults.trial import lost


@lost("the case")
def test_a_request_that_cannot_be_made(token):
    """A case whose data raise is not run, and says why; every other gets its answer."""
    plan = {name: lambda name=name: request(name) for name in PLAN}
    plan["struck"] = lambda: {}["no such data"]
    with Host(Settings()) as host:
        host.start(target_of("sound"), plan)
        struck = host.observe(target_of("sound"), "struck")
        assert struck.ended == "not run"
        assert struck.message == "the request cannot be made: KeyError: 'no such data'"
        assert "test_own_faults.py" in struck.log
        for name in set(PLAN) - {"struck"}:
            check_own_answer(request(name), host.observe(target_of("sound"), name))


@lost("the cases that have the mistake")
def test_a_request_that_cannot_be_sent(token):
    """What no frame can hold costs every case that has it; the last one has not."""
    plan = {name: lambda name=name: {**request(name), "note": object()} for name in PLAN[:-1]}
    plan[PLAN[-1]] = lambda: request(PLAN[-1])
    with Host(Settings()) as host:
        host.start(target_of("sound"), plan)
        check_own_answer(request(PLAN[-1]), host.observe(target_of("sound"), PLAN[-1]))
        for name in PLAN[:-1]:
            told = host.observe(target_of("sound"), name)
            assert told.ended == "not run"
            assert "WireError: cannot be sent: Object of type object" in told.message


@lost("every case of that target")
def test_a_smoke_check_that_raises(token):
    """A mistake in the judging of the smoke case is not laid at the adapter's door."""
    smoke = Smoke(lambda: request("a"), lambda observation: {}["no such verdict"])
    with Host(Settings(smoke=smoke)) as host:
        host.start(target_of("sound"), {"b": lambda: request("b")})
        told = host.greeting(target_of("sound"))
        assert told == host.observe(target_of("sound"), "b")
        assert told.ended == "not run"
        assert told.message == "a mistake of the suite: KeyError: 'no such verdict'"


@lost("what was not reached")
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
