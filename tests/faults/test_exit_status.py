"""The exit status: 0 where all is well or known, 1 for findings; never 0 for what was not run."""

import pytest

from records.file import read_run
from suite.known import read_known
from tests.faults.miniature import FAULT, STRUCK_DTYPE
from tests.faults.trial import lost
from tests.faults.whole_run import FIRST, LAST, SECOND, STRUCK, chosen, run


def verdicts_of(folder):
    verdicts = {}
    for record in read_run(folder).verdicts:
        verdicts.setdefault(record.case, set()).add(record.verdict)
    return verdicts


@pytest.fixture
def folder(token, tmp_path, monkeypatch):
    monkeypatch.setenv(STRUCK_DTYPE, "float64")
    return tmp_path / "report"


def test_all_conform(folder):
    """A sound layer: 0, and the footer says so too."""
    assert run(*chosen("sound", folder)).returncode == 0
    assert read_run(folder).footer.exit_status == 0


def test_a_violation(folder, monkeypatch):
    """One tensor that violates: 1; the other cases conform."""
    monkeypatch.setenv(FAULT, "not_a_number")
    assert run(*chosen("malforming", folder)).returncode == 1
    verdicts = verdicts_of(folder)
    assert verdicts.pop(STRUCK) == {"violates", "conforms"}
    assert set(map(frozenset, verdicts.values())) == {frozenset({"conforms"})}
    assert read_run(folder).footer.exit_status == 1


def test_a_known_violation_and_one_that_is_no_more(folder, tmp_path, monkeypatch):
    """What `--write-known` wrote makes the next run pass; once mended, the entry is unfit."""
    file = tmp_path / "known.toml"
    monkeypatch.setenv(FAULT, "nothing_written")
    assert run(*chosen("malforming", folder), f"--write-known={file}").returncode == 1
    (entry,) = read_known(file)
    assert entry.cases == (STRUCK,)
    assert set(entry.tensors) == {"y", "dx", "dgamma", "dbeta"}
    assert [one.name for one in entry.explained_by] == ["zeros"]
    monkeypatch.setenv("MINIATURE_KNOWN", str(file))
    plugin = ("-p", "tests.faults.known_elsewhere")
    assert run(*plugin, *chosen("malforming", folder)).returncode == 0
    monkeypatch.setenv(FAULT, "not_a_number")  # in a tensor of the entry, and not its mechanism
    assert run(*plugin, *chosen("malforming", folder)).returncode == 1
    monkeypatch.delenv(FAULT)
    mended = run(*plugin, *chosen("malforming", folder))
    assert mended.returncode == 1
    assert "nothing violates any more; remove the entry" in mended.stdout
    assert read_run(folder).footer.exit_status == 1


@lost("every case of that adapter")
def test_a_broken_adapter(folder, monkeypatch):
    """An adapter that fails the smoke case: 1, and no verdict but `broken adapter`."""
    monkeypatch.setenv(STRUCK_DTYPE, "float32")
    monkeypatch.setenv(FAULT, "wrong_dtype")
    done = run(*chosen("malforming", folder))
    assert done.returncode == 1
    assert set().union(*verdicts_of(folder).values()) == {"broken adapter"}
    line = "malforming-cpu-eager: broken adapter: the smoke case answered: y has the dtype float64"
    assert line in done.stdout


@lost("the cases after the last restart")
def test_cases_that_were_not_run(folder, monkeypatch):
    """After the last restart the remaining cases are `not run`: 1, with the reason."""
    monkeypatch.setenv(FAULT, "exit_at_once")
    adapter, _, report = chosen("dying", folder)
    done = run(adapter, report, "--dtype=float64")
    assert done.returncode == 1
    verdicts = [record.verdict for record in read_run(folder).verdicts]
    # Every case is struck, but the smoke case is float32 and passes.
    assert verdicts.count("crashed") == 6
    assert set(verdicts) == {"crashed", "not run"}
    assert "not run: the process died 6 times; at last the process ended with" in done.stdout


@lost("the case")
def test_a_time_out_has_the_stack_in_its_record(folder, monkeypatch):
    """`--deadline` is heeded, and the record holds where the worker was."""
    monkeypatch.setenv(FAULT, "hold_the_gil")
    assert run(*chosen("hanging", folder), "--deadline=2").returncode == 1
    (record,) = (record for record in read_run(folder).verdicts if record.case == STRUCK)
    assert record.verdict == "timed out"
    assert "in hold_the_gil" in record.log
    assert "no answer within 2 s; it was at File" in record.message
    assert {FIRST, SECOND, LAST} < verdicts_of(folder).keys()


@lost("the case")
def test_a_memory_limit(folder, monkeypatch):
    """`--memory-limit` ends a case that grows; the other cases go on."""
    monkeypatch.setenv(FAULT, "grow")
    assert run(*chosen("dying", folder), "--memory-limit=400").returncode == 1
    verdicts = verdicts_of(folder)
    assert verdicts.pop(STRUCK) == {"crashed"}
    assert set(map(frozenset, verdicts.values())) == {frozenset({"conforms"})}


@pytest.mark.parametrize("option", ["--deadline=0", "--memory-limit=-1"])
def test_limits_that_are_none(tmp_path, option):
    """A deadline or a limit of nothing is refused as bad usage."""
    done = run(*chosen("sound", tmp_path), option)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "more than 0, please" in done.stderr
