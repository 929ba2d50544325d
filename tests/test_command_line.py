"""pytest as the user's tool: bad input is one line with the valid choices."""

import subprocess
import sys
from pathlib import Path

import pytest

from suite.targets import TITLES

ROOT = Path(__file__).parent.parent


def run(*arguments, tmp_path):
    options = ["-p", "no:cacheprovider", f"--report={tmp_path / 'out'}", *arguments]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--implementation", "jax"], "unknown implementation 'jax'; choose from: … flax, "),
        (["--implementation", ""], "unknown implementation ''; choose from: … flax, "),
        (["--implementation", "pytorch>>2"], "pytorch>>2: no version specifier"),
        (["--device", "tpu"], "unknown device 'tpu'; choose from: cpu"),
        (["--mode", "lazy"], "unknown mode 'lazy'; choose from: … eager"),
        (["--dtype", "int8"], "unknown dtype 'int8'; choose from: float16, bfloat16"),
        (["--case", "one-chanel-float32"], "'one-chanel-float32'; among the 1"),
        (["--python", "pytorch"], "write NAME=PATH with a NAME of: … flax, "),
        (["--python", "pytorch=/no/such/python"], "there is no file /no/such/python"),
    ],
)
def test_bad_input_is_one_line_with_the_valid_choices(arguments, complaint, tmp_path):
    """Every wrong name ends with pytest's usage status and says what would be right."""
    done = run(*arguments, tmp_path=tmp_path)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1
    for part in complaint.split(" … "):
        assert part in lines[0]


def test_targets_are_listed_without_running_anything(tmp_path):
    """`--targets` tells versions, devices, modes, threads, kernels, environments and states."""
    done = run("--targets", tmp_path=tmp_path)
    assert done.returncode == 0
    header, *rows = done.stdout.splitlines()
    assert tuple(header.split()) == TITLES
    assert {row.split()[0] for row in rows} >= {"pytorch", "keras", "flax", "gluon"}
    assert all(row.endswith("built") for row in rows)
    assert not (tmp_path / "out").exists()


def test_an_interpreter_without_the_framework_is_a_broken_adapter(tmp_path):
    """`--python` at a Python that lacks torch says so, and the run fails."""
    done = run(
        "--implementation",
        "pytorch",
        f"--python=pytorch={sys.executable}",
        "--case",
        "one-channel-float32",
        tmp_path=tmp_path,
    )
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "pytorch-cpu-eager: broken adapter: the package 'torch' is missing in" in done.stdout


def test_help_teaches_every_option(tmp_path):
    """`--help` lists the suite's options with what they mean."""
    done = run("--help", tmp_path=tmp_path)
    text = " ".join(done.stdout.split())
    options = "implementation device mode dtype case python threads"
    for option in (f"--{name}" for name in options.split()):
        assert option in text
    assert "nothing is built for it" in text
