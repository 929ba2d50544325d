"""Memory that is shared with the layer: what was answered stays, and what was overwritten is told.

All of these pass where nobody looks: their numbers are right when they are answered.
"""

import pytest

from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from reference.expected import FORMULAS
from suite.smoke import request_of
from suite.verdicts import judgements
from test_cases.case import Case
from tests.faults.driving import target_of
from tests.faults.miniature import FAULT, STRUCK_EPSILON

CASE = Case(
    "shared-memory",
    "two steps, and every vector given",
    (4, 3),
    epsilon=STRUCK_EPSILON,
    steps=("train", "train"),
)


@pytest.fixture
def judge(token, monkeypatch):
    """Run the case on an adapter with a fault; return its verdicts by (step, tensor)."""

    def run(fault):
        monkeypatch.setenv(FAULT, fault)
        target = target_of("sharing")
        with Host(Settings(), announce=pytest.fail) as host:
            host.start(target, {CASE.id: lambda: request_of(CASE)})
            answered = judgements(CASE, host.observe(target, CASE.id))
        return {(one.step, one.tensor): one for one in answered}

    return run


def violated(verdicts):
    """Return what violates, by step, where nothing else has a verdict but `conforms`."""
    wrong = {place for place, one in verdicts.items() if one.verdict == "violates"}
    rest = {one.verdict for place, one in verdicts.items() if place not in wrong}
    assert rest == {"conforms"}
    return sorted(wrong)


@pytest.mark.parametrize("fault", ["live_statistics", "statistics_in_place"])
def test_an_answer_is_what_it_was_when_it_was_given(judge, fault):
    """Statistics in a buffer that the next step moves are told as they stood after their own."""
    assert violated(judge(fault)) == []


def test_a_layer_that_writes_over_its_input(judge):
    """x is told though the adapter does not answer it, and is no longer what it was."""
    told = judge("output_over_input")
    assert violated(told) == [(0, "x"), (1, "x")]
    assert FORMULAS["x"] == "x stays what it was"


def test_a_layer_that_writes_over_the_upstream_gradient(judge):
    """The same for dy, which the caller may still need."""
    assert violated(judge("gradient_over_dy")) == [(0, "dy"), (1, "dy")]


def test_a_layer_that_writes_over_its_vectors(judge):
    """A parameter is told for as long as it is changed, and statistics that are no answer too."""
    told = judge("gamma_and_statistics")
    assert violated(told) == [(step, name) for step in (0, 1) for name in ("gamma", "previous_var")]
