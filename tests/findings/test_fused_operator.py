"""TensorFlow's fused operator declines the suite's long constant channel; as images it takes it."""

import pytest

from diagnosis.judgement import Answered, judge
from records.verdict import Verdict
from reference.conventions import Conventions
from test_cases.case import Case
from test_cases.cases import all_cases
from tests.findings.layers import asks, target_of

FUSED = target_of("tensorflow-fused")
LONG = all_cases()["a-long-constant-channel-has-no-variance-float32"]
LONG_IMAGES = Case(
    name="a-long-constant-channel-of-images",
    reason="as many equal values, in the form that image kernels take",
    shape=(100, 32, 32, 3),
    x=LONG.x,
    channel_axis=-1,
    momentum=1.0,
)
pytestmark = asks(FUSED, [LONG, LONG_IMAGES])


@pytest.fixture
def judged(layers):
    """Return a function that judges the long images under the declared conventions, or others."""
    observation = layers.observations(FUSED)[LONG_IMAGES.id]
    declared = Conventions(**{name: one for name, (one, _) in observation.conventions.items()})

    def judged(**others):
        answered = Answered(observation.steps, withheld=observation.withheld)
        told = judge(LONG_IMAGES.layer(), LONG_IMAGES.inputs(), answered, declared.but(**others))
        return {one.tensor for one in told if one.verdict is Verdict.VIOLATES}

    return judged


def test_what_it_declines_is_where_it_would_violate(layers, judged):
    """The long case has rank 2, which the operator does not take; with rank 4 its sums violate."""
    assert layers.observations(FUSED)[LONG.id].ended == "declined"
    assert {"y", "running_mean", "running_var"} <= judged()
    assert not judged(summation="sequential")
