"""A convention is its entry, its arithmetic and its mutant: everything else follows.

A copy of the project gets one that it has never heard of, `shift = beta / zero / negated`, in those
three places and in the exact oracle. Then it is measured, diagnosed, explained and documented by
the commands that there are. With the entry alone the tests fail.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from records.file import read_run

ROOT = Path(__file__).parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "latest", "*.jsonl")

ENTRY = """    shift: str = _convention(
        "values",
        "the shift is",
        {
            "beta": "beta as given",
            "zero": "zero, whatever beta holds; beta's gradient is zero",
            "negated": "beta with its sign turned",
        },
        touches="y dbeta",
    )
    variance_algorithm: str = _convention(
"""

FORWARD = """

SIGNS = {"beta": 1.0, "zero": 0.0, "negated": -1.0}
_with_beta = batch_norm


def batch_norm(x, gamma, beta, *state, conventions=CANONICAL, **rest):
    beta = SIGNS[conventions.shift] * np.asarray(beta, np.float64)
    return _with_beta(x, gamma, beta, *state, conventions=conventions, **rest)
"""

BACKWARD = """

_of_beta = batch_norm_backward


def batch_norm_backward(dy, forward):
    from .batch_norm import SIGNS

    gradients = _of_beta(dy, forward)
    sign = SIGNS[forward.conventions.shift]
    return Gradients(gradients.dx, gradients.dgamma, sign * gradients.dbeta)
"""

MUTANT = """

CORRECT["shift"] = "beta"
SIGNS = {"beta": 1, "zero": 0, "negated": -1}
_run = run


def run(layer, steps):
    sign = SIGNS[knobs_of(layer.mode)["shift"]]
    if layer.beta is not None:
        layer = dataclasses.replace(layer, beta=(sign * layer.beta).astype(layer.beta.dtype))
    for answer in _run(layer, steps):
        if "dbeta" in answer:
            answer["dbeta"] = (sign * answer["dbeta"]).astype(answer["dbeta"].dtype)
        yield answer
"""

ORACLE = """

_step = ExactLayer.step


def step(self, x, dy, training):
    sign = {"beta": 1, "zero": 0, "negated": -1}[self.conventions.shift]
    given = self.beta
    self.beta = [sign * value for value in given]
    tensors = _step(self, x, dy, training)
    self.beta = given
    if "dbeta" in tensors:
        tensors["dbeta"] = [sign * value for value in tensors["dbeta"]]
    return tensors


ExactLayer.step = step
"""

WRONG = """
import dataclasses

from tests.mutants import layer as mutant

hello, conventions = mutant.hello, mutant.conventions


def run(layer, steps):
    return mutant.run(dataclasses.replace(layer, mode="shift=negated"), steps)
"""

DUMP = """
import sys

import numpy as np

from adapters.harness import protocol
from test_cases.probes import PROBES
from tests.mutants.layer import run

probe = PROBES["probe-two-values-float32"]
layer = protocol.Layer(**vars(probe.layer()), mode=sys.argv[1])
step = probe.inputs()[0]
(answer,) = run(layer, [protocol.Step(**vars(step))])
given = {name: getattr(layer, name) for name in ("gamma", "beta")}
given |= {f"{name}_before": getattr(layer, name) for name in ("running_mean", "running_var")}
after = {f"{name}_after": answer[name] for name in ("running_mean", "running_var")}
told = {name: answer[name] for name in ("y", "dx", "dgamma", "dbeta")}
np.savez(sys.argv[2], x=step.x, dy=step.dy, **given, **told, **after)
"""

EXPLAIN = """
import sys

from tests.explain_runs import run

done = run(*sys.argv[1:])
print(done.stdout, done.stderr)
sys.exit(done.returncode)
"""


def copy_of_the_project(folder):
    """Return a copy of the source tree that knows the entry of a convention, and no more."""
    project = folder / "project"
    shutil.copytree(ROOT, project, ignore=LEFT_OUT)
    path = project / "reference" / "conventions.py"
    text = path.read_text(encoding="utf-8")
    before, after = text.split("    variance_algorithm: str = _convention(\n")
    path.write_text(before + ENTRY + after, encoding="utf-8")
    return project


def append(project, function, text, folder="."):
    """Append to the file of the copy that defines a function."""
    (path,) = (
        path
        for path in (project / folder).glob("*.py")
        if f"\ndef {function}(" in path.read_text(encoding="utf-8")
        or f"\nclass {function}" in path.read_text(encoding="utf-8")
    )
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of the project with a convention of its own: entry, arithmetic, mutant, oracle."""
    project = copy_of_the_project(tmp_path_factory.mktemp("made-up"))
    append(project, "batch_norm", FORWARD, "reference")
    append(project, "batch_norm_backward", BACKWARD, "reference")
    append(project, "misread", "\nimport dataclasses" + MUTANT, "tests/mutants")
    append(project, "ExactLayer", ORACLE, "tests")
    return project


def run(project, *command):
    """Run a command of the copy."""
    return subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


@pytest.fixture(scope="module")
def records(project, tmp_path_factory):
    """The records of a run on a layer that turns beta's sign."""
    folder = tmp_path_factory.mktemp("report")
    adapter = folder / "turned.py"
    adapter.write_text(WRONG)
    options = ["-p", "no:cacheprovider", f"--adapter={adapter}", f"--report={folder}"]
    done = run(project, "-m", "pytest", *options, "-k", "measured or two-values or bare-call")
    assert done.returncode == 1, done.stdout + done.stderr
    return read_run(folder)


def test_it_is_measured(records):
    """The probes tell the option apart from the others, and nothing else is mistaken for it."""
    measured = {one.field: one for one in records.measured if one.dtype == "float32"}
    assert measured["shift"].option == "negated"
    assert measured["shift"].excluded.keys() == {"beta", "zero"}
    assert measured["scale"].option == "gamma"
    assert measured["shift"].message, "declared is beta: that is a finding"


def test_it_is_diagnosed(records):
    """Every violation is explained by it alone, and so is the target."""
    diagnoses = [one.diagnosis for one in records.verdicts if one.verdict == "violates"]
    assert diagnoses
    assert {tuple(each.name for each in one) for one in diagnoses} == {("shift=negated",)}
    assert [one.hypothesis and one.hypothesis.name for one in records.explanations] == [
        "shift=negated"
    ]


@pytest.mark.parametrize("option", ["beta", "zero", "negated"])
def test_it_is_explained(option, project, tmp_path):
    """`explain` finds the option in a dump, and excludes the others; the verdict agrees."""
    path = tmp_path / "dump.npz"
    made = run(project, "-c", DUMP, f"shift={option}", path)
    assert made.returncode == 0, made.stderr
    done = run(project, "-c", EXPLAIN, path)
    assert done.returncode == 0, done.stdout
    (row,) = (line for line in done.stdout.splitlines() if line.startswith("shift "))
    assert row.split()[1] == option
    assert all(f"{other} (" in row for other in {"beta", "zero", "negated"} - {option})
    assert "nothing fits" not in done.stdout
    follows = "your numbers follow PyTorch" in done.stdout
    assert follows == (option == "beta"), "no framework has declared another"
    assert ("shift: the shift is" in done.stdout) == (option != "beta")


def test_it_is_documented(project):
    """The page of the conventions has it, with every option and its meaning."""
    assert run(project, "-m", "docs.generate").returncode == 0
    page = (project / "docs" / "conventions.md").read_text(encoding="utf-8")
    section = page.partition("### shift")[2].partition("###")[0]
    for words in ("the shift is …", "| `zero` |", "| `negated` | beta with its sign turned |"):
        assert words in section


def test_its_mutants_are_in_the_catalogue(project):
    """The mutation test asks for a mutant of every option."""
    done = run(project, "-c", "from tests.mutants.catalogue import MUTANTS; print(*MUTANTS)")
    assert {"shift=zero", "shift=negated"} <= set(done.stdout.split())


def test_the_oracle_and_the_reference_agree_on_it(project):
    """With all four in place the copy's own tests of its options pass."""
    files = ["tests/test_no_convention_is_ignored.py", "tests/test_reference_is_exact.py"]
    done = run(project, "-m", "pytest", "-p", "no:cacheprovider", *files, "-k", "zero or negated")
    assert done.returncode == 0, done.stdout


def test_an_entry_that_nothing_computes_fails(tmp_path):
    """Registered, but known to neither the reference nor the oracle: both are told by a test."""
    project = copy_of_the_project(tmp_path)
    file = "tests/test_no_convention_is_ignored.py"
    done = run(project, "-m", "pytest", "-p", "no:cacheprovider", file, "-k", "zero or negated")
    assert done.returncode == 1
    for words in (
        "shift=negated changes nothing of what is expected",
        "the oracle knows nothing of shift=negated",
    ):
        assert words in done.stdout
