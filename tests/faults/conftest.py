"""Fixtures: a token that finds left-behind processes, and the plan run on a faulty adapter."""

import os
import time
import uuid

import pytest

from adapters.harness import environments, header, uv
from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from records.file import read_run
from tests.faults.adapters.hanging import FIFO
from tests.faults.driving import (
    ADAPTERS,
    PLAN,
    TOKEN,
    Outcome,
    check_own_answer,
    ends_within,
    processes_with,
    target_of,
)
from tests.faults.driving import request as request_of
from tests.faults.miniature import FAULT, STRUCK_DTYPE
from tests.faults.wheelhouse import make_wheel
from tests.faults.whole_run import STRUCK, Running, chosen, facts_of, run


@pytest.fixture
def token(monkeypatch):
    """Mark every process that this test starts; at the end, none of them is left."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(TOKEN, mark)
    yield mark
    left = [pid for pid in processes_with(mark) if not ends_within(pid, 5.0)]
    assert not left, f"processes {left} are left behind"


NEEDS_NOTHING = """\
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""


@pytest.fixture
def tiny(token, tmp_path, monkeypatch):
    """An implementation whose environment is built in a moment: it depends on nothing."""
    monkeypatch.setenv(environments.CACHE_VARIABLE, str(tmp_path / "cache"))
    path = tmp_path / "tiny.py"
    path.write_text(NEEDS_NOTHING)
    return header.read_header(path)


@pytest.fixture
def wheels(tmp_path, monkeypatch):
    """A folder with one package, and no other place to install from."""
    for name in uv.FROM_PIP:
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "wheels"
    make_wheel(folder)
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    return folder


@pytest.fixture
def told():
    """The lines that the host announces, which a test that asks for them expects."""
    return []


@pytest.fixture
def strike(token, monkeypatch, request):
    """Run the plan on an adapter with a fault; every other case must get its own answer."""
    expected = "told" in request.fixturenames
    announce = request.getfixturevalue("told").append if expected else pytest.fail

    def run(adapter, fault, *, size=3, others="answered", **settings):
        monkeypatch.setenv(FAULT, fault)
        plan = {name: request_of(name, size) for name in PLAN}
        target = target_of(adapter)
        start = time.monotonic()
        with Host(Settings(**settings), announce=announce) as host:
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


@pytest.fixture
def hanging_run(token, tmp_path, monkeypatch):
    """A run whose third case says that it is being run, and hangs; two verdicts are reached.

    Its report is in `tmp_path / "report"`.
    """
    monkeypatch.setenv(FAULT, "tell_and_wait")
    monkeypatch.setenv(STRUCK_DTYPE, "float64")
    path = tmp_path / "fifo"
    monkeypatch.setenv(FIFO, str(path))
    os.mkfifo(path)
    # Also opened for writing, so that it is never at its end.
    fifo = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    with Running(*chosen("hanging", tmp_path / "report")) as running:
        running.until(f"hanging-cpu-eager-{STRUCK}", fifo)
        yield running
    os.close(fifo)


def _with_trouble(patch):
    patch.setenv(FAULT, "exit_at_once")
    patch.setenv(STRUCK_DTYPE, "float64")
    adapters = [f"--adapter={ADAPTERS / name}.py" for name in ("mistaken", "dying")]
    return [*adapters, "-k", "rank-3 or measured"]


@pytest.fixture
def with_trouble(monkeypatch):
    """The options of a run with two targets: one dies of two cases and contradicts what it
    declares, one is wrong late, in two cases only."""
    return _with_trouble(monkeypatch)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory):
    """The folder of a run with trouble that nobody disturbs, and what it found."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        done = run(*_with_trouble(patch), f"--report={folder}")
    found = read_run(folder)
    assert {one.verdict for one in found.verdicts} == {"conforms", "violates", "crashed"}
    assert any(one.fails for one in found.measured)
    # What is refuted is so by cases that a part of the run has not.
    assert any("others refute it" in one.sentence for one in found.explanations)
    return folder, facts_of(folder, done.returncode)
