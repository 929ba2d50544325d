"""Known divergences: what an entry explains, when it is unfit, and how one is written."""

import math

import pytest

from suite.known import Known, mark_known, read_known, unfit, write_known

ENTRY = Known(
    implementation="torch",
    cases=("far-*",),
    tensors=("y",),
    up_to=10.0,
    what="it sums in sequence",
    upstream="not reported upstream",
    version="<3",
    device="cpu",
)


def verdict(**changes):
    record = {
        "kind": "verdict",
        "case": "far-float32",
        "implementation": "torch",
        "version": "2.13.0+cpu",
        "device": "cpu",
        "mode": "eager",
        "tensor": "y",
        "step": 0,
        "verdict": "violates",
        "error_over_bound": 4.0,
        "convention": "",
        "message": "torch-cpu-eager far-float32: y[0] = 0x1p+0, should be 0x1p+1",
    }
    return record | changes


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"verdict": "raised", "error_over_bound": None},
        {"implementation": "torch==2.12", "version": "2.12"},
        {"error_over_bound": 10.0},
        {"version": "2.14.0.dev1"},
    ],
)
def test_what_an_entry_explains(changes):
    """A violation of its cases, tensors, versions and devices, up to its figure, is known."""
    record = verdict(**changes)
    mark_known([record], [ENTRY])
    assert record["known"] == {"what": ENTRY.what, "upstream": ENTRY.upstream}


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
        {"error_over_bound": "inf"},
        {"error_over_bound": "nan"},
        {"verdict": "crashed", "tensor": ""},
        {"verdict": "broken adapter", "tensor": ""},
        {"verdict": "not run", "tensor": ""},
    ],
)
def test_what_an_entry_does_not_explain(changes):
    """Anything else still fails; a crash, a broken adapter and an unrun case always do."""
    record = verdict(**changes)
    mark_known([record], [ENTRY])
    assert "known" not in record


@pytest.mark.parametrize(
    ("records", "cases", "implementations", "line"),
    [
        ([verdict()], ["far-float32"], ["torch"], None),
        ([verdict(verdict="conforms")], ["far-float32"], ["torch"], "nothing violates any more"),
        ([verdict(error_over_bound=11.0)], ["far-float32"], ["torch"], "nothing violates any more"),
        ([verdict(verdict="conforms")], ["far-float32", "far-float64"], ["torch"], None),
        ([], ["far-float32"], ["torch"], None),
        ([], ["near-float32"], ["torch"], "matches no case"),
        ([], ["far-float32"], ["pytorch"], "matches no implementation"),
        ([verdict(verdict="conforms", version="3.1")], ["far-float32"], ["torch"], None),
    ],
)
def test_when_an_entry_is_unfit(records, cases, implementations, line):
    """It matches nothing, or all of its cases ran where it holds and it explained none."""
    lines = unfit([ENTRY], records, cases, implementations)
    assert (line is None) == (lines == [])
    assert all(line in told for told in lines)


@pytest.mark.parametrize("ended", ["declined", "unavailable"])
def test_a_target_that_tells_nothing_leaves_an_entry_fit(ended):
    """Where no case was answered, nothing was mended."""
    record = verdict(verdict=ended, tensor="", error_over_bound=None)
    assert unfit([ENTRY], [record], ["far-float32"], ["torch"]) == []
    answered = verdict(verdict="conforms")
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
        verdict(tensor="dx", error_over_bound="inf"),
        verdict(case="far-float64", tensor="y", error_over_bound=123.4),
        verdict(case="far-float64", tensor="dx", error_over_bound=7.0),
        verdict(case="odd[1]*-float32", verdict="raised", tensor="", error_over_bound=None),
        verdict(case="well-float32", verdict="conforms"),
        verdict(case="dead-float32", verdict="crashed", tensor=""),
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
    mark_known(found, known)
    assert [record["case"] for record in found if "known" not in record] == [
        "well-float32",
        "dead-float32",
    ]


def test_what_is_known_is_not_written_again(tmp_path):
    """A second run that knows the first one's entries has nothing to add."""
    record = verdict()
    file = tmp_path / "known.toml"
    assert write_known(file, [record]) == 1
    mark_known([record], read_known(file))
    before = file.read_text()
    assert write_known(file, [record]) == 0
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
