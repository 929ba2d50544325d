"""From version to version: which conventions and which cases' verdicts changed, and in which."""

import re

import pytest

from conformance.command_line import main
from records.file import RecordWriter, Run
from reports.html import render
from reports.releases import as_markdown
from reports.summary import summarize
from tests.sample_records import write_sample

OLD, NEW, NEWEST = "2.9.1+cu128", "2.10.0", "2.13.0"


def target(version, name=None, **changes):
    record = {
        "kind": "target",
        "target": name or f"torch=={version}-cpu-eager",
        "implementation": f"torch=={version}",
        "version": version,
        "device": "cpu",
        "mode": "eager",
        "conventions": {},
    }
    return record | changes


def verdict(version, case, tensor, verdict, **changes):
    record = {
        "kind": "verdict",
        "target": f"torch=={version}-cpu-eager",
        "case": case,
        "tensor": tensor,
        "step": 0,
        "verdict": verdict,
    }
    return record | changes


def measured(version, option, dtype="float32"):
    return {
        "kind": "measured",
        "target": f"torch=={version}-cpu-eager",
        "field": "zero_epsilon",
        "dtype": dtype,
        "option": option,
        "declared": option,
        "source": "torch.py",
    }


@pytest.fixture
def run():
    return Run(
        {"kind": "header"},
        targets=[target(NEWEST), target(OLD), target(NEW)],
        verdicts=[
            verdict(OLD, "far", "y", "conforms"),
            verdict(OLD, "far", "dx", "violates"),
            verdict(OLD, "far", "dx", "conforms", step=1),
            verdict(OLD, "zero", "y", "conforms"),
            verdict(OLD, "zero", "dx", "violates"),
            verdict(OLD, "dropped", "y", "conforms"),
            verdict(NEW, "far", "y", "differs", convention="scale=ones"),
            verdict(NEW, "far", "dx", "conforms"),
            verdict(NEW, "zero", "", "differs", convention="zero_epsilon=raises"),
            verdict(NEWEST, "far", "y", "differs", convention="scale=ones"),
            verdict(NEWEST, "far", "dx", "conforms"),
            verdict(NEWEST, "zero", "", "differs", convention="zero_epsilon=raises"),
        ],
        measured=[
            measured(OLD, "accepts"),
            measured(NEW, "raises"),
            measured(NEWEST, "raises"),
            measured(OLD, "accepts", "float64"),
            measured(NEW, "undetermined", "float64"),
        ],
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
    run.targets[2]["conventions"] = {
        "zero_epsilon": {"option": "raises", "source": ""},
        "single_value": {"option": "raises", "source": ""},
    }
    first, second = summarize(run).releases
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
    run.targets = [target(OLD), target(NEW) | changes]
    assert summarize(run).releases == ()


def test_a_broken_version_is_left_out(run):
    """The versions beside it are compared with each other."""
    run.targets[2]["broken"] = {"ended": "unavailable", "message": "no such version"}
    (only,) = summarize(run).releases
    assert (only.before, only.after) == (OLD, NEWEST)


def test_the_page_shows_the_changes_with_links(run):
    """A section of its own, named in the navigation; nothing of it where there is one version."""
    page = render(run)
    section = re.search(r'<section id="releases".*?</section>', page, re.DOTALL)[0]
    assert "2.9.1+cu128</a> → " in section
    assert "accepts → <b>raises</b>, measured" in section
    assert "Nothing changed." in section
    assert 'href="#releases"' in page
    run.targets = run.targets[:1]
    assert "releases" not in re.search(r"<body>.*</main>", render(run), re.DOTALL)[0]


def test_changes_as_markdown(run, tmp_path, capsys):
    """The command prints them and writes no page; of one version there is nothing to say."""
    writer = RecordWriter(tmp_path, {})
    for record in (*run.targets, *run.verdicts, *run.measured):
        fields = {name: value for name, value in record.items() if name != "kind"}
        writer.write(record["kind"], **fields)
    writer.close()
    assert main(["changes", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert told == as_markdown(summarize(run).releases)
    assert told.startswith("## torch 2.9.1+cu128 → 2.10.0 (cpu · eager)\n\n- zero_epsilon in")
    assert "  - `zero`\n" in told
    assert not (tmp_path / "index.html").exists()
    assert main(["changes", str(write_sample(tmp_path / "sample").parent)]) == 0
    assert capsys.readouterr().out == ""
