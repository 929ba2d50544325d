"""No foreign text acts on the terminal: not in the summary, in a failure, or of any command."""

import json
from dataclasses import replace

import numpy as np
import pytest

from adapters.harness import environments, trust
from records.file import RecordWriter
from records.pieces import Broken, Known, Planned, Selection
from records.verdict import Verdict
from tests.explain_runs import save_in
from tests.faults.adapters.malicious import ESCAPES
from tests.faults.driving import ADAPTERS
from tests.faults.miniature import FAULT
from tests.faults.whole_run import FIRST, SECOND, chosen, run
from tests.front_door import ROOT, conformance, python
from tests.gold import first, gold
from tests.independent_layer import call, inputs

SOUND = ADAPTERS / "sound.py"
NAME = ESCAPES.strip()
"""As a file or an argument can have it."""
MEMBER = ESCAPES.replace("\udcff", "")
"""As a zip file can have it."""


def check_visible(done):
    """Check that what was said acts on nothing; return it."""
    said = done.stdout + done.stderr
    for line in said.splitlines():
        assert line.replace("\t", "").isprintable(), repr(line)
    assert "owned" in said
    return said


def foreign_run(folder):
    """Write a stopped run of a target, in which every free text is foreign."""
    selection = Selection(adapter=(str(SOUND),), case=f"{FIRST},{SECOND}", deadline=20.0)
    header = replace(
        gold().header,
        command=("pytest", ESCAPES),
        planned=Planned(cases=2, pairs=2),
        selection=selection,
    )
    violates = first(gold().verdicts, verdict=Verdict.VIOLATES)
    row = replace(violates, target=f"w{ESCAPES}", message=ESCAPES, known=None)
    known = replace(row, known=Known(what=ESCAPES, upstream=ESCAPES), case=f"known{ESCAPES}")
    last = replace(row, case="the last pair, which is run again", target="other")
    broken = Broken(ended=Verdict.BROKEN_ADAPTER, message=ESCAPES, log=ESCAPES, retry=ESCAPES)
    target = replace(gold().targets[0], target=f"t{ESCAPES}", version=ESCAPES, broken=broken)
    wrong = replace(target, target=row.target, broken=None)
    newer = replace(target, target="n", version="2" + ESCAPES, broken=None)
    older = replace(newer, target="o", version="1" + ESCAPES)
    before = replace(row, target="o", verdict=Verdict.CONFORMS, tensor=ESCAPES)
    after = replace(before, target="n", verdict=Verdict.VIOLATES)
    RecordWriter(folder, header).write(target, wrong, older, newer, row, known, before, after, last)
    return folder


def test_the_summary_of_a_run_that_is_resumed(token, tmp_path):
    """Broken targets, findings, known ones: as their records have them, but for what acts."""
    done = run(f"--resume={foreign_run(tmp_path / 'report')}", f"--adapter={SOUND}")
    said = check_visible(done)
    assert done.returncode == 1
    assert said.count("owned") >= 5


@pytest.mark.parametrize("how", ["raise", "skip", "print"])
@pytest.mark.parametrize("more", [(), ("-n", "2")])
def test_what_pytest_says_of_a_test(token, tmp_path, monkeypatch, how, more):
    """An exception past every door, the reason of a skip, and what was printed meanwhile."""
    monkeypatch.setenv(FAULT, how)
    options = chosen("sound", tmp_path / "report", FIRST)
    check_visible(run("-p", "tests.faults.own_mistake", "-rs", "-vv", *options, *more))


def report(tmp_path):
    return "report", foreign_run(tmp_path / f"folder{NAME}"), "--output", tmp_path / f"page{NAME}"


def report_of_none(tmp_path):
    return "report", tmp_path / f"folder{NAME}"


def changes(tmp_path):
    return "changes", foreign_run(tmp_path / "report")


def changes_in_json(tmp_path):
    return "changes", "--json", foreign_run(tmp_path / "report")


def arrays(tmp_path, **more):
    values = call(inputs((4, 3, 5), 1, np.float32), 1)
    return save_in(tmp_path)({**values, **more}, f"dump{NAME}.npz")


def explain(tmp_path):
    return "explain", arrays(tmp_path, **{MEMBER: np.ones(1)})


def explain_in_json(tmp_path):
    return "explain", "--json", arrays(tmp_path, **{MEMBER: np.ones(1)})


def explain_of_none(tmp_path):
    return "explain", arrays(tmp_path, gamma=np.array(["a", "b", "c"]))


def smoke(tmp_path):
    return "smoke", ADAPTERS / "malicious.py"


def smoke_of_none(tmp_path):
    return "smoke", tmp_path / f"no{NAME}.py"


def environments_listed(tmp_path):
    trust.mark(tmp_path / "environments" / f"one{NAME}", built=True)
    return ("environments",)


def environments_pruned(tmp_path):
    return *environments_listed(tmp_path), "--prune"


def cases(tmp_path):
    return "cases", f"no{NAME}"


def targets(tmp_path):
    return "targets", f"no{NAME}"


def unknown_option(tmp_path):
    return "cases", f"--no{NAME}"


def unknown_command(tmp_path):
    return (f"no{NAME}",)


COMMANDS = (
    *(report, report_of_none, changes, changes_in_json, explain, explain_in_json, explain_of_none),
    *(smoke, smoke_of_none, environments_listed, environments_pruned, cases, targets),
    *(unknown_option, unknown_command),
)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
def test_a_command_of_the_front_door(tmp_path, monkeypatch, command):
    """Names of files and of what is in them, words of records and adapters, wrong words."""
    monkeypatch.setenv(environments.CACHE_VARIABLE, str(tmp_path))
    monkeypatch.setenv(FAULT, "escapes_at_import")
    done = conformance(*command(tmp_path))
    said = check_visible(done)
    assert "Traceback" not in said
    if command.__name__.endswith("in_json"):
        told = json.loads(done.stdout)
        if command is explain_in_json:
            assert "owned" in told["dumps"][0]["ignored"][0]


def test_what_nobody_thought_of(tmp_path):
    """The traceback of a mistake of a command's own is visible too."""
    door = "import sys, runpy\n"
    door += "import conformance.command_line as door\n"
    door += "def main(*a):\n    raise RuntimeError(sys.argv[1])\n"
    door += "door.main = main\n"
    door += "runpy.run_module('conformance', run_name='__main__')\n"
    said = check_visible(python("-c", door, NAME, cwd=ROOT))
    assert "RuntimeError" in said
