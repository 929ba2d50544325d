"""What a stopped run has reached: which tests are run again, and which are settled."""

from dataclasses import replace

import pytest

from records.file import Run
from records.verdict import Verdict
from suite.reached import MEASUREMENT, Reached, to_explain
from tests.gold import first, gold

PLAIN = first(gold().verdicts, verdict=Verdict.CONFORMS)
PLANNED = {("one", "t"), ("two", "t"), (MEASUREMENT, "t"), ("one", "other"), ("two", "other")}
EXPLAINED = replace(gold().explanations[0], target="t")
MEASURED = replace(gold().measured[0], target="t")


def settled(ends, explanations=(), measured=()):
    """Return what is settled of target t, whose cases ended in these verdicts."""
    verdicts = tuple(
        replace(PLAIN, case=case, target="t", verdict=verdict, tensor=tensor)
        for case, (verdict, tensor) in ends.items()
    )
    stopped = Run(gold().header, verdicts=verdicts, explanations=explanations, measured=measured)
    return {name for name, _ in Reached.of(stopped).settled(PLANNED)}


SOUND, WRONG, DEAD = (Verdict.CONFORMS, "y"), (Verdict.VIOLATES, "y"), (Verdict.CRASHED, "")
DECLINED = Verdict.DECLINED, ""


@pytest.mark.parametrize("end", [SOUND, DECLINED, (Verdict.DIFFERS, "dx")])
def test_a_sound_target_goes_on(end):
    """What it has is settled, what is left is run."""
    assert settled({"one": end}) == {"one"}


@pytest.mark.parametrize("end", [WRONG, DEAD, (Verdict.RAISED, ""), (Verdict.TIMED_OUT, "")])
def test_a_target_with_trouble_is_asked_from_the_start(end):
    """Nothing is settled as long as anything is left, be it a measurement."""
    assert settled({"one": end}, (EXPLAINED,)) == set()
    assert settled({"one": end, "two": SOUND}, (EXPLAINED,)) == set()
    assert settled({"one": end, "two": SOUND}, (EXPLAINED,), (MEASURED,)) == {
        "one",
        "two",
        MEASUREMENT,
    }


def test_a_violation_that_is_not_explained_settles_nothing():
    """All cases were judged, but the run ended before it said what explains them."""
    assert settled({"one": WRONG, "two": SOUND}, (), (MEASURED,)) == set()
    assert settled({"one": DEAD, "two": SOUND}, (), (MEASURED,)) == {"one", "two", MEASUREMENT}


def test_what_is_to_be_explained():
    """A case that violates; none that in a later step could not be judged."""
    wrong = replace(PLAIN, case="one", target="t", verdict=Verdict.VIOLATES)
    broken = replace(wrong, verdict=Verdict.BROKEN_ADAPTER, tensor="", step=1)
    assert to_explain([wrong]) == {"t"}
    assert to_explain([wrong, broken]) == set()
    assert to_explain([wrong, replace(broken, case="two")]) == {"t"}
