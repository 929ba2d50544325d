"""Records that somebody else wrote: to resume them runs nothing that they alone name."""

import json
from dataclasses import replace

import pytest

from records.file import FILE_NAME, RecordWriter, read_run
from records.pieces import Planned, Selection
from tests.faults.driving import ADAPTERS
from tests.faults.whole_run import FIRST, run
from tests.gold import gold

TRAP = """\
from pathlib import Path

Path({trace!r}).touch()
from tests.faults.adapters.sound import *
"""
PYTHON = """\
#!/bin/sh
touch {trace}
exit 3
"""


@pytest.fixture
def trace(tmp_path):
    """The file that there is once something was run that should not have been."""
    return tmp_path / "was-run"


@pytest.fixture
def left(token, tmp_path, trace):
    """Write the records of a stopped run of an adapter that is a trap; return their folder."""
    adapter, python = tmp_path / "trap.py", tmp_path / "python"
    adapter.write_text(TRAP.format(trace=str(trace)))
    python.write_text(PYTHON.format(trace=trace))
    python.chmod(0o755)

    def write(**words):
        usual = {"adapter": (str(adapter),), "case": FIRST, "deadline": 20.0}
        selection = Selection(**{**usual, **words})
        planned = Planned(cases=1, pairs=1)
        folder = tmp_path / "report"
        RecordWriter(folder, replace(gold().header, planned=planned, selection=selection)).leave()
        return folder

    return write


def refused(done):
    """Return the one line with which pytest refuses to begin."""
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout + done.stderr
    (line,) = filter(None, (done.stdout + done.stderr).splitlines())
    assert line.isprintable()
    return line


def test_an_adapter_of_the_records_is_not_run(left, trace, tmp_path):
    """One line names it, and how it is confirmed."""
    line = refused(run(f"--resume={left()}"))
    assert f"give --adapter={tmp_path / 'trap.py'} as well, or --trust-records" in line
    assert not trace.exists()


@pytest.mark.parametrize("how", ["named", "trusted"])
def test_an_adapter_that_is_confirmed_is_run(left, trace, tmp_path, how):
    """Named on the command line, or by the flag."""
    named = f"--adapter={tmp_path / 'trap.py'}"
    done = run(f"--resume={left()}", named if how == "named" else "--trust-records")
    assert done.returncode == 0, done.stdout + done.stderr
    assert trace.exists()
    assert read_run(tmp_path / "report").complete


def test_an_interpreter_of_the_records_is_not_run(left, trace, tmp_path):
    """Nor is a Python that the records name for an adapter that is the user's own."""
    adapter, python = ADAPTERS / "sound.py", f"sound={tmp_path / 'python'}"
    folder = left(adapter=(str(adapter),), python=(python,))
    line = refused(run(f"--resume={folder}", f"--adapter={adapter}"))
    assert f"give --python={python} as well, or --trust-records" in line
    assert not trace.exists()
    run(f"--resume={folder}", f"--adapter={adapter}", f"--python={python}")
    assert trace.exists()


def test_another_adapter_is_not_the_runs(left, trace):
    """What the command line names has to be what was run."""
    other = ADAPTERS / "sound.py"
    line = refused(run(f"--resume={left()}", f"--adapter={other}"))
    assert f"that run was started without --adapter={other}" in line
    assert not trace.exists()


def test_a_run_of_the_suites_own_needs_no_word(left, trace):
    """Names of implementations are looked up among the suite's; an unknown one is refused."""
    folder = left(adapter=(), implementation="trap")
    assert "unknown implementation 'trap'; choose from: " in refused(run(f"--resume={folder}"))
    assert not trace.exists()


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("adapter", "a text", "selection.adapter is a text, should be a list"),
        ("adapter", ["\x1b[2J/no.py"], r"\x1b[2J/no.py: there is no such Python file"),
        ("python", ["no equals sign"], "--python no equals sign: write NAME=PATH"),
        ("implementation", "\x1b[2J", r"unknown implementation '\x1b[2J'"),
        ("case", "zero\x1b", r"unknown case 'zero\x1b'"),
        ("deadline", "nan", "--deadline nan: more than 0, please"),
        ("memory_limit", 10**400, "selection.memory_limit is too large a number"),
        ("keyword", "\x1b[2J", r"its keyword is no expression that pytest reads: '\x1b[2J'"),
        ("keyword", "(" * 5000, "its keyword is no expression that pytest reads: '(((("),
        ("keyword", "not " * 5000 + "x", "its keyword is no expression"),
        ("colour", "blue", "selection has the unknown field 'colour'"),
    ],
)
def test_options_that_are_none(left, trace, field, value, complaint):
    """A type, a name or a number that cannot be is one line, whatever else would have come."""
    path = left() / FILE_NAME
    told = json.loads(path.read_text("utf-8"))
    told["selection"][field] = value
    path.write_text(json.dumps(told) + "\n", "utf-8")
    line = refused(run(f"--resume={path.parent}", "--trust-records"))
    assert complaint in line
    assert not trace.exists()
