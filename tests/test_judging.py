"""Judging one target: each case once, explained with the last, and no mistake costs a record."""

import pytest

from adapters.harness.observation import Observation
from adapters.harness.protocol import Layer, Step
from records.schema import ExplanationRecord, VerdictRecord
from records.verdict import Verdict
from suite import judging
from suite.expectations import Expectations
from suite.judging import Judging
from test_cases.cases import all_cases
from tests.faults.driving import target_of
from tests.faults.miniature import hello
from tests.mutants import layer as mutant

NAMES = [f"rank-3-channels-{end}-is-normalised-per-channel-float32" for end in ("first", "last")]
FIRST, LAST = (all_cases()[name] for name in NAMES)


class Answering:
    """Stands in for a host: answers at once, with a mistake in the cases that are named."""

    def __init__(self, *wrong):
        self.wrong = wrong
        self.asked = []

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        pass

    def start(self, target, plan):
        pass

    def greeting(self, target):
        return {**hello(), "python": "3", "interpreter": "python", "conventions": {}, "machine": {}}

    def observe(self, target, name):
        self.asked.append(name)
        case = all_cases()[name]
        mode = "dx_without_gamma" if name in self.wrong else "correct"
        layer = Layer(**vars(case.layer()), mode=mode)
        steps = [Step(**vars(step)) for step in case.inputs()]
        answers = mutant.run(layer, steps)
        return Observation("answered", steps=tuple(answers))


def begun(host, cases, witnesses=()):
    target = target_of("sound")
    one = Judging(target, cases, False, witnesses, (), Expectations(), lambda: host)
    one.begin(host)
    return one


def of_kind(records, kind):
    return [record for record in records if isinstance(record, kind)]


def test_a_case_is_judged_once():
    """Asked for again, it has the same records, and the target is not asked again."""
    host = Answering()
    one = begun(host, [FIRST, LAST])
    assert one.records(FIRST) is one.records(FIRST)
    assert host.asked == [FIRST.id]


def test_the_last_case_explains_the_target():
    """No case before it does, and the order does not matter."""
    one = begun(Answering(FIRST.id, LAST.id), [FIRST, LAST])
    assert not of_kind(one.records(LAST), ExplanationRecord)
    (told,) = of_kind(one.records(FIRST), ExplanationRecord)
    assert told.hypothesis.name == "dx_without_gamma"
    assert set(told.cases) == {FIRST.id, LAST.id}


@pytest.mark.parametrize("wrong", [(), (LAST.id,)])
def test_witnesses_are_asked_where_something_is_to_be_explained(wrong):
    """A case of before the run was stopped refutes what explains the last one alone."""
    host = Answering(*wrong)
    told = of_kind(begun(host, [LAST], [FIRST]).records(LAST), ExplanationRecord)
    assert host.asked == ([LAST.id, FIRST.id] if wrong else [LAST.id])
    assert [one.sentence.endswith("others refute it") for one in told] == [True] * len(wrong)


def test_a_mistake_of_the_suite_costs_no_record(monkeypatch):
    """A case that cannot be judged was not run, and says why; the others are judged."""
    judged = judging.judgements

    def mistaken(case, observation, *more):
        if case is FIRST and observation.ended == "answered":
            raise KeyError("a mistake")
        return judged(case, observation, *more)

    monkeypatch.setattr(judging, "judgements", mistaken)
    one = begun(Answering(), [FIRST, LAST])
    (told,) = of_kind(one.records(FIRST), VerdictRecord)
    assert told.verdict is Verdict.NOT_RUN
    assert "a mistake of the suite: KeyError: 'a mistake'" in told.message
    assert "in mistaken" in told.log
    assert {each.verdict for each in of_kind(one.records(LAST), VerdictRecord)} == {"conforms"}
