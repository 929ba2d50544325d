"""The main job, for real: the core cases through PyTorch, Keras, Flax and Gluon."""

import subprocess
import sys
from pathlib import Path

import pytest

from records.file import read_run
from records.verdict import Verdict
from test_cases.cases import all_cases

ROOT = Path(__file__).parent.parent
TARGETS = {"pytorch-cpu-eager", "keras-cpu-eager", "flax-cpu-jit", "gluon-cpu-eager"}

pytestmark = pytest.mark.xdist_group("core run")  # one run serves them all, also under -n


@pytest.fixture(scope="module")
def core_run(tmp_path_factory):
    """The records of one whole run, which must pass."""
    folder = tmp_path_factory.mktemp("report")
    options = [f"--report={folder}", f"--junitxml={folder / 'junit.xml'}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert f"report: {folder / 'index.html'}" in done.stdout
    assert (folder / "index.html").stat().st_size > 100_000
    tests = (len(all_cases()) + 1) * len(TARGETS)  # every case, and one measurement a target
    assert (folder / "junit.xml").read_text().count("<testcase") == tests
    return read_run(folder)


def conventions_of(core_run, target):
    """Return every convention by which a target's verdicts differ from the paper."""
    return {
        f"{field}={option}"
        for record in core_run.verdicts
        if record.target == target and record.verdict is Verdict.DIFFERS
        for field, option in record.differs_by
    }


def test_every_case_has_a_verdict_on_every_target(core_run):
    """Nothing is skipped, and the records are complete."""
    assert core_run.complete
    assert {record.target for record in core_run.targets} == TARGETS
    pairs = {(record.case, record.target) for record in core_run.verdicts}
    assert pairs == {(case, target) for case in all_cases() for target in TARGETS}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("pytorch-cpu-eager", {"single_value=raises", "layer_rank=raises", "zero_epsilon=raises"}),
        ("keras-cpu-eager", {"running_variance=biased", "default_epsilon=0.001"}),
        ("flax-cpu-jit", {"running_variance=biased", "variance_algorithm=one_pass"}),
        ("gluon-cpu-eager", {"running_variance=biased", "running_update=on_backward"}),
    ],
)
def test_the_frameworks_differ_as_they_are_known_to(core_run, target, expected):
    """The well-known conventions show in the verdicts, by name."""
    assert expected <= conventions_of(core_run, target)


def test_pytorch_keeps_the_unbiased_running_variance(core_run):
    """PyTorch alone agrees with the paper's Algorithm 2."""
    assert "running_variance=biased" not in conventions_of(core_run, "pytorch-cpu-eager")
    for target in TARGETS - {"pytorch-cpu-eager"}:
        assert "running_variance=biased" in conventions_of(core_run, target)


def test_what_is_measured_is_what_is_declared(core_run):
    """Every convention is decided for every target, and what contradicts its adapter is known."""
    meanings = core_run.header.conventions
    assert {record.field for record in core_run.measured} == meanings.keys()
    for record in core_run.measured:
        assert record.option is not None, record.evidence
        assert not record.fails, record.message


def test_every_violation_is_known(core_run):
    """What is outside its bound today is understood, with a figure and a reason."""
    violations = [one for one in core_run.verdicts if one.verdict is Verdict.VIOLATES]
    assert violations
    assert all(record.known for record in violations)
