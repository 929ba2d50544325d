"""`python -m conformance machines`: are the verdicts the same on other machines? In NumPy alone."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.harness import machine
from adapters.harness.header import Implementation
from conformance.command_line import parser_of
from conformance.commands import machines as command
from docs.machines_page import committed
from records.codec import decode
from records.file import read_run
from records.schema import TargetRecord
from records.verdict import Verdict
from reports.machines import Machines, compare
from reports.text import option_name
from suite import machines as played
from suite.machines import SETTINGS, USUAL, Setting
from suite.reasons import Reason, read_reasons, stale, with_reasons
from suite.run import IMPLEMENTATIONS
from tests.faults.miniature import FAULT
from tests.front_door import ROOT, conformance
from tests.gold import gold

SPLITTING = ROOT / "tests" / "faults" / "adapters" / "splitting.py"
CASE = "a-mean-of-1000-standard-deviations-float32"
"""100 values per channel: two threads have 50 each, three have 33 each and leave one."""

HEADER = "# /// script\n# dependencies = ['torch==2.13.0']\n# ///\n"
FROM = "from tests.faults.adapters.splitting import conventions, hello, run  # noqa: F401\n"


def ran(tmp_path, *settings, adapter=SPLITTING, cases=CASE, words=()):
    """Run the command; return what it said and the table that it left."""
    chosen = [f"--setting={name}" for name in settings]
    done = conformance(
        "machines", f"--adapter={adapter}", f"--case={cases}", *chosen, *words, "--output", tmp_path
    )
    text = (tmp_path / "machines.json").read_text(encoding="utf-8")
    return done, decode(Machines, json.loads(text), str)


def test_threads_that_add_up_alike_are_judged_alike(tmp_path):
    """The error figures move with the number of threads, the verdicts do not; status 0."""
    done, found = ran(tmp_path, "again", "threads-3", "one-core")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row.setting: row for row in found.rows}
    assert [name for name, row in rows.items() if row.moved] == ["threads-3"]
    assert all(row.compared == 20 and not row.differences for row in rows.values())
    assert "threads-3: splitting …" in done.stdout
    assert "the same verdicts under every setting" in done.stdout
    kernels = {one: read_run(tmp_path / one).targets[0].kernels for one in ("usual", *rows)}
    assert {name: (one.threads, one.threads_reported) for name, one in kernels.items()} == {
        "usual": (2, "2"),
        "again": (2, "2"),
        "threads-3": (3, "3"),
        "one-core": (2, "2"),
    }
    assert kernels["one-core"].cores == 1 and kernels["usual"].cores == found.cores


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """What was said of the layer with the fault, its table, and its usual run."""
    folder = tmp_path_factory.mktemp("faulty")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(FAULT, "leave_the_rest")
        return *ran(folder, "again", "threads-3"), read_run(folder / "usual")


def test_a_fault_of_one_number_of_threads_is_told(faulty):
    """100 values are no multiple of 3: what is left over is lost; status 1, and where."""
    done, found, _ = faulty
    assert done.returncode == 1
    again, three = found.rows
    assert not again.differences
    told = [(one.case, one.tensor, one.usual, one.here) for one in three.differences]
    names = ("y", "running_mean", "running_mean")  # the state is that of the second step too
    assert told == [(CASE, name, "conforms", "violates") for name in names]
    line = f"- `threads-3`, splitting-cpu-eager, `{CASE}`, step 0, running_mean: "
    assert f"{line}conforms → violates: no reason is documented" in done.stdout


def test_a_variable_is_set_for_those_who_heed_it(tmp_path, monkeypatch):
    """For a layer on torch, and not for another; what the shell sets of it is left aside.

    With --json the table is all of the output.
    """
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx512")
    adapter = tmp_path / "on_torch.py"
    adapter.write_text(HEADER + FROM, encoding="utf-8")
    mine = f"--python=on-torch={sys.executable}"
    settings = ("aten-default", "xla-avx2")
    done, found = ran(tmp_path / "one", *settings, adapter=adapter, words=[mine, "--json"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(row.setting, row.instructions) for row in found.rows] == [("aten-default", "default")]
    assert found.left_out == {"xla-avx2": "it touches none of these"}
    (usual,) = read_run(tmp_path / "one" / "usual").targets
    (here,) = read_run(tmp_path / "one" / "aten-default").targets
    assert (usual.kernels.limits, usual.kernels.instructions_reported) == ({}, "native")
    assert here.kernels.limits == {"ATEN_CPU_CAPABILITY": "default"}
    assert decode(Machines, json.loads(done.stdout), str) == found  # alone on the output
    assert "aten-default: on-torch …" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--setting", "thread-1"], "unknown setting 'thread-1' (did you mean 'threads-1'?)"),
        (["jax"], "unknown implementation 'jax'; choose from: "),
        (["--adapter", "nothing.py"], "there is no such Python file"),
        (["paper", "--case", "no-such-case"], "the usual run: pytest ended with 4: "),
    ],
)
def test_what_is_wrong_is_one_line(arguments, said, tmp_path):
    """With the valid choices; status 2."""
    done = conformance("machines", *arguments, "--output", tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and said in done.stderr


def test_a_run_that_fails_is_told_and_is_no(faulty, tmp_path, monkeypatch, capsys):
    """The other settings run; the table says why this one did not; status 1."""
    usual = faulty[2]

    def fails(setting, words, folder):
        if setting.name == "threads-3":
            raise played.RunFailed("pytest ended with 3: no space left")
        folder.mkdir(parents=True)
        return usual

    monkeypatch.setattr(command, "run_under", fails)
    words = ["--setting=threads-3", "--setting=again", f"--output={tmp_path / 'out'}"]
    options = parser_of("machines", command).parse_args([f"--adapter={SPLITTING}", *words])
    assert command.run(options) == 1
    said = capsys.readouterr().out
    assert "threads-3: FAILED: pytest ended with 3: no space left" in said
    assert "- `threads-3` was not run: pytest ended with 3: no space left" in said
    assert "| `again` | 20 same; 0 moved; native |" in said


def test_a_case_that_is_not_answered_is_one_difference():
    """The refusal stands against the gravest verdict of the tensors, and not against each."""
    usual = gold()
    target, case = "pytorch-cpu-eager", "a-mean-of-10-standard-deviations-float16"
    own = [one for one in usual.verdicts if (one.target, one.case) == (target, case)]
    gravest = max(own, key=lambda one: one.verdict.gravity)
    assert gravest.verdict is Verdict.VIOLATES and len({one.verdict for one in own}) > 1
    refused = replace(gravest, tensor="", step=0, verdict=Verdict.DECLINED, known=None)
    others = tuple(one for one in usual.verdicts if one not in own)
    here = replace(usual, verdicts=(*others, refused))
    (difference,) = [one for row in compare("x", usual, here) for one in row.differences]
    assert (difference.case, difference.tensor, difference.step) == (case, "", 0)
    word = "violates, known" if gravest.known else "violates"
    assert (difference.usual, difference.here) == (word, "declined")


def test_a_measurement_is_compared_by_its_option():
    """Whichever probe decided it; what is undecided is another word."""
    usual = gold()
    at = next(at for at, one in enumerate(usual.measured) if one.option and one.agrees)
    one = usual.measured[at]

    def differences(changed):
        measured = (*usual.measured[:at], changed, *usual.measured[at + 1 :])
        rows = compare("x", usual, replace(usual, measured=measured))
        return [(each.case, each.tensor, each.here) for row in rows for each in row.differences]

    assert differences(replace(one, probe="another")) == []
    place = "measurement", f"{one.field} in {one.dtype}"
    assert differences(replace(one, option=None)) == [(*place, "undetermined")]
    assert differences(replace(one, agrees=False)) == [
        (*place, f"{option_name(one.option)}, against the declaration")
    ]


def test_a_reason_explains_what_it_names_and_nothing_else(faulty):
    """The entry for another setting, case or tensor does not; one that nothing needs is stale."""
    _, found, usual = faulty
    targets = usual.targets
    here = ("violates",)
    fit = Reason("splitting", ("threads-*",), ("a-mean-*",), ("y", "*_mean"), here, "lost rest")
    others = (
        Reason("splitting", ("one-core",), ("*",), ("*",), here, "one core"),
        Reason("splitting", ("*",), ("zeros-*",), ("*",), here, "zeros"),
        Reason("splitting", ("*",), ("*",), ("running_var",), here, "the variance"),
        Reason("splitting", ("*",), ("*",), ("*",), ("raised",), "a refusal"),
        Reason("pytorch", ("*",), ("*",), ("*",), here, "another layer"),
    )
    _, row = with_reasons(found.rows, targets, others)
    assert [one.reason for one in row.differences] == [""] * 3
    rows = with_reasons(found.rows, targets, (*others, fit))
    assert [one.reason for one in rows[1].differences] == ["lost rest"] * 3
    explained = Machines(**{**vars(found), "rows": rows})
    assert (found.unexplained, explained.unexplained) == (3, 0)
    lines = stale((*others, fit), explained, targets)
    unfit = ["one core)", "zeros)", "the variance)", "a refusal)"]
    assert [line.partition(" (")[2] for line in lines] == unfit


@pytest.mark.parametrize(
    ("entry", "complaint"),
    [
        ('what = "x"\n', "cases, here, implementation, settings, tensors"),
        ('upstream = "x"\n', "upstream"),
    ],
)
def test_a_reason_of_another_form_is_refused(tmp_path, entry, complaint):
    """It names the keys."""
    path = Path(tmp_path, "machines.toml")
    path.write_text(f"[[reason]]\n{entry}", encoding="utf-8")
    with pytest.raises(ValueError, match=f"entry 1: a missing or unknown key: .*{complaint}"):
        read_reasons(path)


def test_the_committed_reasons_are_needed():
    """Each explains something in the committed run, which leaves nothing unexplained."""
    found = committed()
    rows = [
        replace(row, differences=tuple(map(without_reason, row.differences))) for row in found.rows
    ]
    targets = [target_of(row.target) for row in rows]
    explained = with_reasons(rows, targets, read_reasons())
    assert explained == found.rows and not found.unexplained and not found.stale
    assert stale(read_reasons(), found, targets) == ()


def without_reason(one):
    return replace(one, reason="")


def target_of(name):
    implementation, device, mode = name.rsplit("-", 2)
    return TargetRecord(target=name, implementation=implementation, device=device, mode=mode)


def test_the_committed_run_is_of_the_whole_matrix():
    """Of the core, under each setting; none was left out."""
    found = committed()
    assert found.settings == {one.name: one.words for one in SETTINGS} and not found.left_out
    assert [one.partition("-")[0] for one in found.versions] == IMPLEMENTATIONS.split(",")
    assert {row.setting for row in found.rows} == {one.name for one in SETTINGS}


def test_the_matrix_says_what_it_sets():
    """Names and words are unique, and of every variable it is known who heeds it."""
    assert len({one.name for one in SETTINGS}) == len({one.words for one in SETTINGS})
    assert {name for one in SETTINGS for name in one.variables} <= machine.LIMITS.keys()
    torch = Implementation("x", SPLITTING, "torch", dependencies=("torch==2.13.0",))
    touching = {one.name for one in SETTINGS if one.touches(torch)}
    assert {"again", "threads-1", "one-core", "aten-default", "onednn-avx2"} <= touching
    assert not {"xla-avx2", "tensorflow-with-onednn", "mxnet-without-onednn"} & touching
    assert USUAL.words == SETTINGS[0].words and USUAL.touches(torch)


def test_a_setting_that_the_processor_lacks_is_not_played():
    """avx2 kernels on a processor without them would die of an illegal instruction."""
    assert Setting("x", needs="avx1024").lacks == "the processor has no avx1024"
    assert not USUAL.lacks
