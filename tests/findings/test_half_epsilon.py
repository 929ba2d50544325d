"""MXNet's half-precision epsilon: to the diagnosis no number of its own, but a rounding."""

import pytest

from diagnosis.judgement import Answered
from diagnosis.question import Question
from diagnosis.search import diagnose
from reference.conventions import Conventions
from tests.findings.layers import asks, target_of
from tests.findings.mxnet import EPSILON

GLUON = target_of("gluon")


@pytest.mark.parametrize("case", [pytest.param(one, marks=asks(GLUON, [one])) for one in EPSILON])
def test_half_an_epsilon_is_told_as_rounded_steps(layers, case):
    """y, the gradients and the running variance, which takes epsilon off again in float32, fit
    together; no other epsilon does, though y alone is as with 1.0014e-5 for 1e-5."""
    observation = layers.observations(GLUON)[case.id]
    declared = Conventions(**{name: one for name, (one, _) in observation.conventions.items()})
    answered = Answered(observation.steps, withheld=observation.withheld)
    question = Question.of(case.layer(), case.inputs(), answered, declared)
    names = {one.name for one in diagnose(question)}
    assert "arithmetic=rounded_steps" in names
    assert not any(name.startswith("epsilon") for name in names)
