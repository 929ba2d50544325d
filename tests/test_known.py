"""Known divergences: what an entry explains, when it is unfit, and how one is written."""

import math
from dataclasses import replace

import pytest

from records.hypothesis import Hypothesis, Kind
from records.pieces import Known
from records.schema import MeasuredRecord, VerdictRecord
from records.verdict import Verdict
from suite.known import KnownDivergence, read_known, unfit, with_known, write_known

ENTRY = KnownDivergence(
    implementation="torch",
    cases=("far-*",),
    tensors=("y",),
    up_to=10.0,
    what="it sums in sequence",
    upstream="not reported upstream",
    version="<3",
    device="cpu",
)
PLACE = {
    "target": "torch-cpu-eager",
    "implementation": "torch",
    "version": "2.13.0+cpu",
    "device": "cpu",
    "mode": "eager",
}
VIOLATION = VerdictRecord(
    **PLACE,
    case="far-float32",
    dtype="float32",
    tensor="y",
    step=0,
    verdict=Verdict.VIOLATES,
    error_over_bound=4.0,
    message="torch-cpu-eager far-float32: y[0] = 0x1p+0, should be 0x1p+1",
)
MISMATCH = MeasuredRecord(
    **PLACE,
    field="y",
    dtype="float32",
    option="sequential",
    declared="blocked",
    probe="far-probe-float32",
    evidence="",
    excluded={"blocked": 4.0},
    agrees=False,
)


def verdict(**changes):
    return replace(VIOLATION, **changes)


def known_of(record):
    (marked,) = with_known([record], [ENTRY])
    return marked.known


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"verdict": Verdict("raised"), "error_over_bound": None},
        {"implementation": "torch==2.12", "version": "2.12"},
        {"error_over_bound": 10.0},
        {"version": "2.14.0.dev1"},
    ],
)
def test_what_an_entry_explains(changes):
    """A violation of its cases, tensors, versions and devices, up to its figure, is known."""
    assert known_of(verdict(**changes)) == Known(what=ENTRY.what, upstream=ENTRY.upstream)


@pytest.mark.parametrize(
    "changes",
    [
        {"case": "near-float32"},
        {"implementation": "pytorch"},
        {"version": "3.1"},
        {"version": "unknown"},
        {"device": "cuda"},
        {"tensor": "dx"},
        {"error_over_bound": 10.1},
        {"error_over_bound": math.inf},
        {"error_over_bound": math.nan},
        {"verdict": Verdict("crashed"), "tensor": ""},
        {"verdict": Verdict("broken adapter"), "tensor": ""},
        {"verdict": Verdict("not run"), "tensor": ""},
    ],
)
def test_what_an_entry_does_not_explain(changes):
    """Anything else still fails; a crash, a broken adapter and an unrun case always do."""
    assert known_of(verdict(**changes)) is None


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({}, True),
        ({"agrees": True}, False),
        ({"excluded": {"blocked": 10.1}}, False),
        ({"excluded": {}}, True),
        ({"field": "summation"}, False),
        ({"probe": "near-probe-float32"}, False),
    ],
)
def test_what_an_entry_explains_of_a_measurement(changes, known):
    """One against a declaration, by its probe, its convention and the error that it would leave."""
    assert (known_of(replace(MISMATCH, **changes)) is not None) is known


@pytest.mark.parametrize(
    ("records", "cases", "implementations", "line"),
    [
        ([verdict()], ["far-float32"], ["torch"], None),
        (
            [verdict(verdict=Verdict("conforms"))],
            ["far-float32"],
            ["torch"],
            "nothing violates any more",
        ),
        ([verdict(error_over_bound=11.0)], ["far-float32"], ["torch"], "nothing violates any more"),
        ([verdict(verdict=Verdict("conforms"))], ["far-float32", "far-float64"], ["torch"], None),
        ([], ["far-float32"], ["torch"], None),
        ([], ["near-float32"], ["torch"], "matches no case"),
        ([], ["far-float32"], ["pytorch"], "matches no implementation"),
        ([verdict(verdict=Verdict("conforms"), version="3.1")], ["far-float32"], ["torch"], None),
    ],
)
def test_when_an_entry_is_unfit(records, cases, implementations, line):
    """It matches nothing, or all of its cases ran where it holds and it explained none."""
    lines = unfit([ENTRY], records, cases, implementations)
    assert (line is None) == (lines == [])
    assert all(line in told for told in lines)


@pytest.mark.parametrize("ended", [word for word in Verdict if not word.judged])
def test_a_target_that_tells_nothing_leaves_an_entry_fit(ended):
    """Where no case was judged, nothing was mended."""
    record = verdict(verdict=ended, tensor="", error_over_bound=None)
    assert unfit([ENTRY], [record], ["far-float32"], ["torch"]) == []
    answered = verdict(verdict=Verdict.CONFORMS)
    assert unfit([ENTRY], [record, answered], ["far-float32"], ["torch"])


def test_an_entry_of_a_probe_alone_is_fit():
    """It is about a measurement; where there is no such probe either, it matches nothing."""
    assert unfit([ENTRY], [], ["near-float32"], ["torch"], probes=["far-probe-float32"]) == []
    (line,) = unfit([ENTRY], [], ["near-float32"], ["torch"], probes=["near-probe-float32"])
    assert "matches no case" in line


def test_what_is_written_explains_what_was_found(tmp_path):
    """Every violation of the run is known by the entries written for it, and by no more."""
    found = [
        verdict(),
        verdict(tensor="dx", error_over_bound=math.inf),
        verdict(case="far-float64", tensor="y", error_over_bound=123.4),
        verdict(case="far-float64", tensor="dx", error_over_bound=7.0),
        verdict(
            case="odd[1]*-float32", verdict=Verdict("raised"), tensor="", error_over_bound=None
        ),
        verdict(case="well-float32", verdict=Verdict("conforms")),
        verdict(case="dead-float32", verdict=Verdict("crashed"), tensor=""),
    ]
    file = tmp_path / "known.toml"
    file.write_text("# entries of before stay\n")
    assert write_known(file, found) == 2
    known = read_known(file)
    assert file.read_text().startswith("# entries of before stay\n")
    assert {entry.cases for entry in known} == {
        ("far-float32", "far-float64"),
        ("odd[[]1[]]*-float32".replace("[]]*", "][*]"),),
    }
    assert {entry.version for entry in known} == {"==2.13.0"}
    assert max(entry.up_to for entry in known) == math.inf
    assert [record.case for record in with_known(found, known) if not record.known] == [
        "well-float32",
        "dead-float32",
    ]


def test_what_is_known_is_not_written_again(tmp_path):
    """A second run that knows the first one's entries has nothing to add."""
    record = verdict()
    file = tmp_path / "known.toml"
    assert write_known(file, [record]) == 1
    before = file.read_text()
    assert write_known(file, with_known([record], read_known(file))) == 0
    assert file.read_text() == before


@pytest.mark.parametrize(
    "message", ['say "hello"\n\\', "\x1b[31m\x00\x7f", "\ud800 ✗", "]]\n[[known]]", "x" * 10**5]
)
def test_a_hostile_message_stays_a_text(tmp_path, message):
    """Whatever a framework says is one string of one entry."""
    file = tmp_path / "known.toml"
    write_known(file, [verdict(message=message)])
    (entry,) = read_known(file)
    assert entry.what == f"not understood yet: {message.replace(chr(0xD800), '?')}"


def test_a_diagnosis_is_what_is_written(tmp_path):
    """The hypotheses stand by their names, for somebody to say it better."""
    ones = Hypothesis(Kind.CONVENTIONS, "", changes=(("scale", "ones"),))
    swapped = Hypothesis(Kind.FAULT, "", subject="gamma_and_beta_swapped")
    write_known(tmp_path / "known.toml", [verdict(diagnosis=(ones, swapped))])
    (entry,) = read_known(tmp_path / "known.toml")
    assert entry.what == "scale=ones, gamma_and_beta_swapped"


@pytest.mark.parametrize(("error", "up_to"), [(4.0, 4.0), (4.01, 4.1), (123.4, 130.0), (0.0, 0.0)])
def test_the_figure_is_rounded_up(tmp_path, error, up_to):
    """Two digits, never less than what was found."""
    file = tmp_path / "known.toml"
    write_known(file, [verdict(error_over_bound=error)])
    (entry,) = read_known(file)
    assert entry.up_to == pytest.approx(up_to)
    assert entry.up_to >= error


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[[known]]\ncolour = "blue"\n', "entry 1: unknown key colour"),
        ('[[known]]\nimplementation = "torch"\n', "entry 1: 'cases'"),
        (
            '[[known]]\nimplementation = "t"\ncases = []\ntensors = []\nup_to = 1\nwhat = ""\n'
            'upstream = ""\nversion = "about 2"\n',
            "entry 1: Invalid specifier",
        ),
    ],
)
def test_an_entry_that_cannot_be_read_is_named(tmp_path, text, complaint):
    """An unknown key, a missing one, a version that is none."""
    file = tmp_path / "known.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        read_known(file)
