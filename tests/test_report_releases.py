"""From version to version: which conventions and which cases' verdicts changed, and in which."""

import re
from dataclasses import replace

import pytest

from conformance.command_line import main
from records.file import RecordWriter, Run
from records.pieces import Broken, Declared
from records.schema import MeasuredRecord, TargetRecord, VerdictRecord
from records.verdict import Verdict
from reports.html import render
from reports.releases import as_markdown
from reports.summary import summarize
from tests.gold import FOLDER, gold

OLD, NEW, NEWEST = "2.9.1+cu128", "2.10.0", "2.13.0"
CONFORMS, DIFFERS, VIOLATES = Verdict.CONFORMS, Verdict.DIFFERS, Verdict.VIOLATES


def place(version):
    return {
        "target": f"torch=={version}-cpu-eager",
        "implementation": f"torch=={version}",
        "version": version,
        "device": "cpu",
        "mode": "eager",
    }


def target(version, **changes):
    return TargetRecord(**place(version) | changes)


def verdict(version, case, tensor, verdict, step=0, **differs_by):
    return VerdictRecord(
        **place(version),
        case=case,
        dtype="float32",
        tensor=tensor,
        step=step,
        verdict=verdict,
        differs_by=tuple(differs_by.items()),
        message="",
    )


def measured(version, option, dtype="float32"):
    return MeasuredRecord(
        **place(version),
        field="zero_epsilon",
        dtype=dtype,
        option=option,
        declared=option or "accepts",
        source="torch.py",
        probe="zero",
        evidence="",
        agrees=True,
    )


@pytest.fixture
def run():
    return Run(
        gold().header,
        targets=(target(NEWEST), target(OLD), target(NEW)),
        verdicts=(
            verdict(OLD, "far", "y", CONFORMS),
            verdict(OLD, "far", "dx", VIOLATES),
            verdict(OLD, "far", "dx", CONFORMS, step=1),
            verdict(OLD, "zero", "y", CONFORMS),
            verdict(OLD, "zero", "dx", VIOLATES),
            verdict(OLD, "dropped", "y", CONFORMS),
            verdict(NEW, "far", "y", DIFFERS, scale="ones"),
            verdict(NEW, "far", "dx", CONFORMS),
            verdict(NEW, "zero", "", DIFFERS, zero_epsilon="raises"),
            verdict(NEWEST, "far", "y", DIFFERS, scale="ones"),
            verdict(NEWEST, "far", "dx", CONFORMS),
            verdict(NEWEST, "zero", "", DIFFERS, zero_epsilon="raises"),
        ),
        measured=(
            measured(OLD, "accepts"),
            measured(NEW, "raises"),
            measured(NEWEST, "raises"),
            measured(OLD, "accepts", "float64"),
            measured(NEW, None, "float64"),
        ),
    )


def test_versions_are_in_their_own_order(run):
    """2.10 comes after 2.9, whatever the order of the columns; each is held against the last."""
    ends = [(one.before, one.after) for one in summarize(run).releases]
    assert ends == [(OLD, NEW), (NEW, NEWEST)]


def test_what_changed_and_in_which_release(run):
    """Conventions that were measured on both sides; the gravest verdict over the steps."""
    first, second = summarize(run).releases
    assert [change.sentence for change in first.conventions] == [
        "zero_epsilon in float32: accepts → raises, measured"
    ]
    assert [(change.sentence, change.cases) for change in first.verdicts] == [
        ("y: conforms → differs in 1 case", ("far",)),
        ("dx: violates → conforms in 1 case", ("far",)),
        ("all of it: violates → differs in 1 case", ("zero",)),
    ]
    assert second.conventions == second.verdicts == ()


def test_a_declaration_alone_is_told_where_nothing_was_measured(run):
    """What is declared anew counts, unless the measurement already said it."""
    declared = tuple(
        Declared(field=field, option="raises", source="")
        for field in ("zero_epsilon", "single_value")
    )
    targets = (target(NEWEST), target(OLD), target(NEW, conventions=declared))
    first, second = summarize(replace(run, targets=targets)).releases
    assert [(one.what, one.how) for one in first.conventions] == [
        ("zero_epsilon in float32", "measured"),
        ("single_value", "declared"),
    ]
    assert [one.sentence for one in second.conventions] == [
        "zero_epsilon: raises → nothing, declared",
        "single_value: raises → nothing, declared",
    ]


@pytest.mark.parametrize("changes", [{"device": "gpu"}, {"mode": "jit"}, {"version": ""}])
def test_only_what_differs_in_nothing_but_the_version_is_compared(run, changes):
    """Another device or mode is another series; a target without a version is in none."""
    targets = target(OLD), replace(target(NEW), **changes)
    assert summarize(replace(run, targets=targets, verdicts=run.verdicts[:-3])).releases == ()


def test_a_broken_version_is_left_out(run):
    """The versions beside it are compared with each other."""
    gone = Broken(ended=Verdict.UNAVAILABLE, message="no such version")
    targets = (target(NEWEST), target(OLD), target(NEW, broken=gone))
    (only,) = summarize(replace(run, targets=targets)).releases
    assert (only.before, only.after) == (OLD, NEWEST)


def test_the_page_shows_the_changes_with_links(run):
    """A section of its own, named in the navigation; nothing of it where there is one version."""
    page = render(run)
    section = re.search(r'<section id="releases".*?</section>', page, re.DOTALL)[0]
    assert "2.9.1+cu128</a> → " in section
    assert "accepts → <b>raises</b>, measured" in section
    assert "Nothing changed." in section
    assert 'href="#releases"' in page
    alone = render(replace(run, targets=run.targets[:1], verdicts=run.verdicts[-3:]))
    assert "releases" not in re.search(r"<body>.*</main>", alone, re.DOTALL)[0]


def test_changes_as_markdown(run, tmp_path, capsys):
    """The command prints them and writes no page; of one version there is nothing to say."""
    writer = RecordWriter(tmp_path, run.header)
    writer.write(*run.targets, *run.verdicts, *run.measured)
    writer.close(gold().footer)
    assert main(["changes", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told == as_markdown(summarize(run).releases)
    assert told.startswith("## torch 2.9.1+cu128 → 2.10.0 (cpu · eager)\n\n- zero_epsilon in")
    assert "  - `zero`\n" in told
    assert not (tmp_path / "index.html").exists()
    assert main(["changes", str(FOLDER)]) == 0
    assert capsys.readouterr().out == ""
