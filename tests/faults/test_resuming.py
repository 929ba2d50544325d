"""A run that is killed and resumed ends as one that nobody disturbed: compared record by record.

In a run of the tests a handful are killed, at the same moments every time. With the variable
BATCHNORM_CONFORMANCE_KILLS it is as many as that says.
"""

import os
import random
import subprocess
import time
from collections import Counter

import pytest

from records.file import FILE_NAME, line_of, read_run
from tests.faults.driving import ADAPTERS
from tests.faults.miniature import FAULT, STRUCK_DTYPE
from tests.faults.whole_run import LIMIT, ROOT, command, run

KILLS = int(os.environ.get("BATCHNORM_CONFORMANCE_KILLS", "4"))
SOON = 0.02
"""Seconds within which a kill follows the line that it waits for."""


@pytest.fixture(scope="module")
def options():
    """One target dies of two cases and contradicts itself; one is wrong late, in two cases only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FAULT, "exit_at_once")
        patch.setenv(STRUCK_DTYPE, "float64")
        adapters = [f"--adapter={ADAPTERS / name}.py" for name in ("mistaken", "dying")]
        yield [*adapters, "-k", "rank-3 or measured"]


@pytest.fixture(scope="module")
def undisturbed(options, tmp_path_factory):
    """The folder and the facts of a run that nobody disturbs."""
    folder = tmp_path_factory.mktemp("undisturbed")
    done = run(*options, f"--report={folder}")
    found = read_run(folder)
    assert {one.verdict for one in found.verdicts} == {"conforms", "violates", "crashed"}
    assert any(one.fails for one in found.measured)
    # What is refuted is so by cases that a part of the run has not.
    assert any("others refute it" in one.sentence for one in found.explanations)
    return folder, facts_of(folder, done.returncode)


def facts_of(folder, status):
    """Return what a run found, whatever the order and the times."""
    found = read_run(folder)
    assert found.complete
    assert found.footer.exit_status == status
    kinds = ("targets", "cases", "verdicts", "measured", "explanations")
    facts = {kind: Counter(map(line_of, getattr(found, kind))) for kind in kinds}
    return {**facts, "planned": found.header.planned, "counts": found.footer.verdicts}


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
def test_a_run_killed_at_any_moment(token, undisturbed, options, tmp_path, number):
    """SIGKILL at a random line of the records, every third time twice, then `--resume`, every other
    time under -n: the same verdicts, measurements, explanations and exit status."""
    whole, found = undisturbed
    lines = lines_in(whole)
    chance = random.Random(number)
    first = chance.randint(1, lines)
    killed([*options, f"--report={tmp_path}"], tmp_path, first, chance.uniform(0, SOON))
    if number % 3 == 2:
        killed(
            [f"--resume={tmp_path}"],
            tmp_path,
            chance.randint(first, lines),
            chance.uniform(0, SOON),
        )
    done = run(f"--resume={tmp_path}", *(["-n", "2"] if number % 2 else []))
    assert facts_of(tmp_path, done.returncode) == found, done.stdout
