"""`--write-known`: one entry a cause, with what is known of it and no more."""

import math
from dataclasses import replace

import pytest

from records.hypothesis import Hypothesis, Interval, Kind
from records.verdict import Verdict
from suite.known import read_known, with_known
from suite.new_known import write_known
from tests.test_known import BIASED, REFUSED, VIOLATION, question, verdict

BIASED_VARIANCE = Hypothesis(
    Kind.CONVENTIONS, "the variance divides by n", changes=(("running_variance", "biased"),)
)
EVEN = Hypothesis(Kind.FAULT, "it divides by n if n is even", subject="biased_for_even_counts")
EPSILON = Hypothesis(
    Kind.NUMBER, "an epsilon of 0.001", subject="epsilon", interval=Interval(9e-4, 2e-3, 1e-3)
)


@pytest.fixture
def written(tmp_path):
    """Return what writes some verdicts to a file that is there, and reads back what is new."""
    file = tmp_path / "known.toml"
    file.write_text("# entries of before stay\n")

    def write(*verdicts):
        before, text = read_known(file), file.read_text()
        count = write_known(file, verdicts)
        known = read_known(file)
        assert len(known) == len(before) + count
        assert file.read_text().startswith(text)
        return known[len(before) :]

    write.file = file
    return write


def test_one_entry_is_written_for_each_cause(written):
    """Cases with one cause share an entry, whatever their figures; others have their own."""
    known = written(
        verdict(diagnosis=(EVEN, BIASED_VARIANCE)),
        verdict(case="odd[1]*-float32", diagnosis=(BIASED_VARIANCE,), error_over_bound=math.inf),
        verdict(case="far-float64", tensor="y", diagnosis=(EPSILON,)),
        verdict(case="well-float32", verdict=Verdict.CONFORMS),
        verdict(case="dead-float32", verdict=Verdict.CRASHED, tensor=""),
    )
    assert [entry.cases for entry in known] == [
        ("far-float32", "odd[[]1][*]-float32"),
        ("far-float64",),
    ]
    assert [entry.explained_by[0].name for entry in known] == [
        "running_variance=biased",
        "epsilon=0.001",
    ]
    assert all(entry.up_to is None for entry in known)


def test_what_is_written_holds_from_this_version_on(written):
    """No upper end: whoever commits the entry knows when it was mended."""
    (entry,) = written(verdict(diagnosis=(BIASED_VARIANCE,)))
    assert entry.version == ">=2.13.0"
    (other,) = written(verdict(version="unknown", diagnosis=(BIASED_VARIANCE,)))
    assert other.version == ""


def test_what_is_written_explains_what_was_found(written):
    """And no other violation of the same case."""
    found = verdict(diagnosis=(BIASED_VARIANCE,))
    known = written(found)
    assert with_known([found], known, lambda _: question(BIASED))[0].known
    others = question(BIASED.but(scale="ones"))
    assert not with_known([found], known, lambda _: others)[0].known


def test_what_is_known_is_not_written_again(written):
    """A second run that knows the first one's entries has nothing to add."""
    record = verdict(diagnosis=(BIASED_VARIANCE,))
    known = written(record)
    before = written.file.read_text()
    assert written(*with_known([record], known, lambda _: question())) == ()
    assert written.file.read_text() == before


def test_a_cause_is_said_to_come_from_the_diagnosis(written):
    """It is not yet somebody's knowledge of the source."""
    (entry,) = written(verdict(diagnosis=(BIASED_VARIANCE,)))
    assert (
        entry.what == "the variance divides by n; found by the diagnosis, and not yet in the source"
    )
    assert entry.upstream == "not reported upstream"


def test_what_nothing_explains_has_an_entry_for_each_case(written):
    """With the figure of that case alone, and words that say that nobody understands it."""
    known = written(verdict(), verdict(tensor="y"), verdict(case="other", error_over_bound=123.4))
    assert [(entry.cases, entry.up_to) for entry in known] == [
        (("far-float32",), 4.0),
        (("other",), 130.0),
    ]
    assert known[0].tensors == ("running_var", "y")
    assert all(entry.what.startswith("not understood yet: ") for entry in known)


@pytest.mark.parametrize("error", [math.inf, math.nan, None])
def test_an_error_without_end_has_no_entry(written, error):
    """One that nothing explains would explain anything: there is a comment in its place."""
    assert written(verdict(error_over_bound=error)) == ()
    assert "nothing explains it, and without a figure no entry can" in written.file.read_text()


def test_a_refusal_is_written_with_its_words(written):
    """Cases refused with one message share an entry."""
    late = replace(REFUSED, case="late", message="torch late: step 3 was refused: too late")
    known = written(REFUSED, replace(REFUSED, case="other"), late)
    assert [(set(entry.cases), entry.refusal) for entry in known] == [
        ({"far-float32", "other"}, "epsilon must be positive"),
        ({"late"}, "too late"),
    ]
    assert with_known([late], known, lambda _: question())[0].known


@pytest.mark.parametrize(
    "message", ['say "hello"\n\\', "\x1b[31m\x00\x7f", "\ud800 ✗", "]]\n[[known]]", "x" * 10**5]
)
def test_a_hostile_message_stays_a_text(written, message):
    """Whatever a framework says is one string of one entry, or one line of a comment."""
    (entry,) = written(verdict(message=message))
    assert entry.what == f"not understood yet: {message.replace(chr(0xD800), '?')}"
    assert written(verdict(message=message, error_over_bound=math.inf)) == ()
    assert len(written(replace(REFUSED, message=message))) == 1


@pytest.mark.parametrize(("error", "up_to"), [(4.0, 4.0), (4.01, 4.1), (123.4, 130.0), (0.0, 0.0)])
def test_the_figure_is_rounded_up(written, error, up_to):
    """Two digits, never less than what was found."""
    (entry,) = written(replace(VIOLATION, error_over_bound=error))
    assert entry.up_to == pytest.approx(up_to)
    assert entry.up_to >= error
