"""A run that is killed and resumed ends as one that nobody disturbed: compared record by record.

In a run of the tests a handful are killed, at the same moments every time. With the variable
BATCHNORM_CONFORMANCE_KILLS it is as many as that says.
"""

import os
import random
import re
import shutil
import subprocess
import time

import pytest

from records.file import FILE_NAME, read_run
from tests.faults.driving import ADAPTERS
from tests.faults.miniature import FAULT
from tests.faults.whole_run import LIMIT, ROOT, chosen, command, facts_of, run

KILLS = int(os.environ.get("BATCHNORM_CONFORMANCE_KILLS", "4"))
SOON = 0.02
"""Seconds within which a kill follows the line that it waits for."""


def lines_in(folder):
    try:
        return (folder / FILE_NAME).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def killed(arguments, folder, lines, moment):
    """Run until the records have so many lines and a moment has passed; then kill it."""
    silent = subprocess.DEVNULL
    with subprocess.Popen(command(*arguments), cwd=ROOT, stdout=silent, stderr=silent) as process:
        until = time.monotonic() + LIMIT
        while lines_in(folder) < lines and process.poll() is None:
            assert time.monotonic() < until
            time.sleep(0.001)
        time.sleep(moment)
        process.kill()


@pytest.mark.parametrize("number", range(KILLS))
def test_a_run_killed_at_any_moment(token, undisturbed, with_trouble, tmp_path, number):
    """SIGKILL at a random line of the records, every third time twice, then `--resume`, every other
    time under -n: the same verdicts, measurements, explanations and exit status."""
    whole, found = undisturbed
    lines = lines_in(whole)
    chance = random.Random(number)
    first = chance.randint(1, lines)
    killed([*with_trouble, f"--report={tmp_path}"], tmp_path, first, chance.uniform(0, SOON))
    if number % 3 == 2:
        killed(
            [f"--resume={tmp_path}", "--trust-records"],
            tmp_path,
            chance.randint(first, lines),
            chance.uniform(0, SOON),
        )
    done = run(f"--resume={tmp_path}", "--trust-records", *(["-n", "2"] if number % 2 else []))
    assert facts_of(tmp_path, done.returncode) == found, done.stdout


def test_a_finished_run_that_failed(token, undisturbed, tmp_path):
    """--resume of a finished run that failed: no verdict is reached again, nothing is lost, and it
    fails again."""
    whole, found = undisturbed
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    done = run(f"--resume={tmp_path}", "--trust-records")
    assert done.returncode == 1
    assert not re.search(r"\d (passed|failed)", done.stdout)
    assert facts_of(tmp_path, done.returncode) == found


def test_a_finished_run_that_failed_by_a_measurement(token, tmp_path):
    """A finished run in which every verdict is sound and one measurement contradicts what is
    declared: resumed, it is still there, and the run fails again."""
    adapter = f"--adapter={ADAPTERS / 'mistaken.py'}"
    chosen = ("-k", "(rank-3 and float16) or measured")
    done = run(adapter, *chosen, f"--report={tmp_path}")
    found = facts_of(tmp_path, done.returncode)
    assert done.returncode == 1
    assert found["counts"].keys() == {"conforms"}
    assert [one.field for one in read_run(tmp_path).measured if one.fails] == ["running_variance"]
    done = run(f"--resume={tmp_path}", "--trust-records")
    assert done.returncode == 1
    assert facts_of(tmp_path, done.returncode) == found


@pytest.mark.parametrize("more", [(), ("-n2",)])
def test_a_target_that_was_never_asked(token, tmp_path, monkeypatch, more):
    """A worker killed at every import, as the system does that is out of memory: its cases are not
    run and the run fails; --resume runs them again, and the run ends as if nothing was."""
    monkeypatch.setenv(FAULT, "killed_at_import")
    assert run(*chosen("dying", tmp_path)).returncode == 1
    before = read_run(tmp_path)
    assert before.complete
    assert {record.verdict for record in before.verdicts} == {"not run"}
    monkeypatch.delenv(FAULT)
    done = run(f"--resume={tmp_path}", "--trust-records", *more)
    assert done.returncode == 0, done.stdout
    whole = tmp_path / "whole"
    found = facts_of(tmp_path, 0)
    assert found == facts_of(whole, run(*chosen("dying", whole)).returncode)
    assert len(found["verdicts"]) > 0


def test_a_run_that_ends_at_its_first_failure(token, undisturbed, with_trouble, tmp_path):
    """-x ends a run before all that was planned has a record: it has no footer and says what is
    missing; --resume goes on to the same end."""
    done = run("-x", *with_trouble, f"--report={tmp_path}")
    assert done.returncode == 1
    assert "tests that were to be run have no record" in done.stdout
    assert not read_run(tmp_path).complete
    done = run(f"--resume={tmp_path}", "--trust-records")
    assert facts_of(tmp_path, done.returncode) == undisturbed[1]


@pytest.mark.parametrize("part", [0.2, 0.5, 0.9])
def test_a_line_that_was_damaged(token, undisturbed, with_trouble, tmp_path, part):
    """What a damaged line may have told is run again, and that is said; the end is the same."""
    whole, found = undisturbed
    lines = (whole / FILE_NAME).read_bytes().splitlines(keepends=True)
    at = int(len(lines) * part)
    lines[at] = lines[at].replace(b'"kind"', b'"kinds"')
    (tmp_path / FILE_NAME).write_bytes(b"".join(lines))
    done = run(f"--resume={tmp_path}", "--trust-records")
    assert facts_of(tmp_path, done.returncode) == found, done.stdout
    assert f"line {at + 1}: a record of the unknown kind 'None'" in done.stdout
    assert not read_run(tmp_path).damaged
