"""Under `-n` a run is the same: its records, what it tells, and what it starts."""

import os

import pytest

from adapters.harness import environments
from records.file import read_run
from tests.faults import killing
from tests.faults.wheelhouse import ADAPTER
from tests.faults.whole_run import CASES, facts_of, run

STARTS = "MINIATURE_STARTS"
STARTED = f"""\
import os
from tests.faults.adapters.sound import *

open(os.path.join(os.environ["{STARTS}"], str(os.getpid())), "x").close()
"""


def test_the_records_are_the_same(token, undisturbed, with_trouble, tmp_path):
    """A run with crashes, violations and contradictions under -n 2: the same verdicts,
    measurements and explanations as a set, and the same exit status."""
    done = run(*with_trouble, f"--report={tmp_path}", "-n2")
    assert facts_of(tmp_path, done.returncode) == undisturbed[1]


def test_each_target_is_started_once(token, tmp_path, monkeypatch):
    """Three targets for two workers: each is started by one of them, and by no other."""
    names = [f"starting_{number}" for number in range(3)]
    for name in names:
        (tmp_path / f"{name}.py").write_text(STARTED)
    (tmp_path / "starts").mkdir()
    monkeypatch.setenv(STARTS, str(tmp_path / "starts"))
    adapters = [f"--adapter={tmp_path / name}.py" for name in names]
    folder = tmp_path / "report"
    assert run(*adapters, f"--case={CASES}", f"--report={folder}", "-n2").returncode == 0
    assert len(read_run(folder).targets) == 3
    assert len(list((tmp_path / "starts").iterdir())) == 3


@pytest.fixture
def needy(token, wheels, tmp_path, monkeypatch):
    """The options of a run whose environment is in a folder whose name is no text."""
    cache = os.fsdecode(os.fsencode(tmp_path) + b"/cache-\xff")
    monkeypatch.setenv(environments.CACHE_VARIABLE, cache)
    adapter = tmp_path / "needy.py"
    adapter.write_text(ADAPTER)
    return [f"--adapter={adapter}", f"--case={CASES}"]


def test_what_is_built_is_told(needy, tmp_path):
    """An environment is built under -n: the terminal says so, once. Its path has a lone surrogate
    when it is read as text: the records travel all the same."""
    done = run(*needy, f"--report={tmp_path / 'parallel'}", "-n2")
    told = (done.stdout + done.stderr).count("building the environment of needy")
    assert told == 1, done.stdout + done.stderr
    single = run(*needy, f"--report={tmp_path / 'single'}")
    parallel = facts_of(tmp_path / "parallel", done.returncode)
    assert parallel == facts_of(tmp_path / "single", single.returncode)
    assert "\\udcff" in next(iter(parallel["targets"]))


def test_a_worker_that_is_killed(token, undisturbed, with_trouble, tmp_path, monkeypatch):
    """A worker of -n dies before one case, and another goes on with the rest of its target: the run
    fails, says that nothing explains the target, and is incomplete; resumed, it is as any other."""
    monkeypatch.setenv(killing.CASE, "mistaken-cpu-eager-rank-3-channels-last-is-norm")
    monkeypatch.setenv(killing.TRACE, str(tmp_path / "killed"))
    folder = tmp_path / "report"
    done = run("-p", "tests.faults.killing", *with_trouble, f"--report={folder}", "-n2")
    assert done.returncode == 1
    assert "incomplete: nothing says yet what explains mistaken-cpu-eager" in done.stdout
    assert not read_run(folder).complete
    done = run(f"--resume={folder}", "--trust-records", "-n2")
    assert facts_of(folder, done.returncode) == undisturbed[1]
