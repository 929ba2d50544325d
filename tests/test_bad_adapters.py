"""Adapter files that cannot work: `broken adapter` in one line; and versions that are not there."""

import subprocess
import sys
from pathlib import Path

import pytest

from records.file import read_run

ROOT = Path(__file__).parent.parent
CASE = "one-channel-float32"
HEADER = "# /// script\n# dependencies = [{}]\n# ///\n"
REST = """
def hello():
    return {"versions": {}, "devices": ["cpu"]}


def conventions(layer, shape):
    return {}
"""


def pytest_says(tmp_path, *options):
    arguments = ["--case", CASE, f"--report={tmp_path / 'report'}", *options]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done, {record.verdict for record in read_run(tmp_path / "report").verdicts}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("def run(layer, steps:\n", "SyntaxError: '(' was never closed"),
        (REST, "has no function run()"),
        ("# /// script\n# dependencies = [\n# ///\n" + REST, "the header is no TOML: "),
        (
            HEADER.format("'six==1.16.0', 'six==1.17.0'") + REST,
            "the environment of my-layer could not be built: No solution found when resolving "
            "dependencies: Because you require six==1.16.0 and six==1.17.0",
        ),
    ],
)
def test_a_broken_adapter_in_one_line(tmp_path, text, line):
    """Nothing is said of the layer, the run fails, and the line tells what to mend."""
    adapter = tmp_path / "my_layer.py"
    adapter.write_text(text, encoding="utf-8")
    done, verdicts = pytest_says(tmp_path, f"--adapter={adapter}")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert verdicts == {"broken adapter"}
    (told,) = [one for one in done.stdout.splitlines() if "my-layer-cpu-eager: broken" in one]
    assert line in told


def test_a_version_that_is_not_there_is_unavailable(tmp_path):
    """uv's reason in one line; the other implementations are judged; the run is not whole: 1."""
    done, verdicts = pytest_says(tmp_path, "--implementation", "pytorch==0.0.7,pytorch")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "unavailable" in verdicts
    assert verdicts <= {"unavailable", "conforms", "differs"}
    (told,) = [one for one in done.stdout.splitlines() if "0.0.7-cpu-eager: unavailable: " in one]
    assert "there is no version of torch==0.0.7" in told
    assert " 1 skipped" in done.stdout or "s" in done.stdout.splitlines()[0]


def test_a_device_that_is_not_there_is_unavailable(tmp_path):
    """The adapter knows it, this machine has none."""
    adapter = tmp_path / "my_layer.py"
    header = HEADER.format("'numpy==2.4.6'").replace(
        "# ///\n", '#\n# [tool.batchnorm-conformance]\n# devices = ["cpu", "gpu"]\n# ///\n'
    )
    header = header.replace("#\n# [tool", "# [tool", 1)
    adapter.write_text(f"{header}{REST}\n\ndef run(layer, steps):\n    yield {{}}\n", "utf-8")
    done, verdicts = pytest_says(tmp_path, f"--adapter={adapter}", "--device", "gpu")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert verdicts == {"unavailable"}
    assert "no device 'gpu' on this machine; it has: cpu" in done.stdout
