"""Answers in the wrong form: the adapter's fault. Wrong numbers: the layer's."""

import pytest

from suite.smoke import SMOKE
from suite.verdicts import judgements
from test_cases.case import Case
from tests.faults.driving import STARTING, request
from tests.faults.miniature import STRUCK_DTYPE, STRUCK_EPSILON
from tests.faults.trial import lost

IN_FORM = [
    ("wrong_shape", "dx has the shape (12,), should have (4, 3)"),
    ("wrong_dtype", "y has the dtype float64, should have float32"),
    ("integers", "dtype 'int64' is none of: float16, bfloat16, float32, float64"),
    ("a_plain_number", "running_mean of step 0 is a float, not a NumPy array"),
    ("a_foreign_object", "the answer cannot be sent: Object of type object is not JSON"),
    ("missing_tensor", "the answer has no running_var"),
    ("missing_step", "0 answers to 1 step"),
    ("unknown_convention", "colour_of_the_layer"),
    ("convention_without_source", "the conventions are not {field: (option, source)}"),
]


class AsStruck(Case):
    """The case whose request the struck one is."""

    def layer(self):
        from reference.layer import Layer

        return Layer(epsilon=STRUCK_EPSILON)

    def inputs(self):
        from reference.layer import Step

        return [Step(**step) for step in request("struck")["steps"]]


def verdicts_of(observation):
    case = AsStruck("struck", "the struck case as the suite judges it", (4, 3))
    return judgements(case, observation)


@pytest.mark.parametrize(("fault", "message"), IN_FORM)
@lost("the case")
def test_an_answer_in_the_wrong_form(strike, fault, message):
    """A shape, a dtype, a tensor or a step that is not what was asked for is told as such."""
    outcome = strike("malforming", fault)
    (verdict,) = verdicts_of(outcome.struck)
    assert verdict.verdict == "broken adapter"
    assert message in verdict.detail
    assert outcome.seconds < STARTING


def test_not_a_number_where_a_number_is_due(strike):
    """NaN is an answer in form, and a violation of that tensor alone."""
    outcome = strike("malforming", "not_a_number")
    verdicts = {verdict.tensor: verdict.verdict for verdict in verdicts_of(outcome.struck)}
    assert verdicts.pop("y") == "violates"
    assert set(verdicts.values()) == {"conforms"}


@pytest.mark.parametrize(
    ("adapter", "fault", "message"),
    [
        *(("malforming", fault, message) for fault, message in IN_FORM[::2]),
        ("malforming", "raises", "the smoke case raised: ValueError: this adapter has a mistake"),
        ("dying", "segmentation_fault", "the smoke case crashed: the process was killed by"),
        ("garbling", "garbage", "the smoke case broken adapter: the process not a frame"),
        ("hanging", "sleep_for_ever", "the smoke case timed out: no answer within 1 s"),
    ],
)
@lost("every case of that adapter")
def test_the_smoke_case_finds_a_broken_adapter(strike, monkeypatch, adapter, fault, message):
    """One tiny case before all others; after it fails, no case is laid at the framework's door."""
    monkeypatch.setenv(STRUCK_DTYPE, "float32")
    outcome = strike(adapter, fault, others="broken adapter", smoke=SMOKE, deadline=1.0)
    assert outcome.hello == outcome.struck
    assert message in outcome.hello.message
    assert outcome.seconds < STARTING


def test_wrong_numbers_pass_the_smoke_case(strike, monkeypatch):
    """What is wrong in value only is the layer's, and goes on to be judged."""
    monkeypatch.setenv(STRUCK_DTYPE, "float32")
    outcome = strike("malforming", "not_a_number", others=None, smoke=SMOKE)
    assert {each.ended for each in outcome.observations.values()} == {"answered"}
