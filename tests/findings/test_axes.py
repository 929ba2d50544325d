"""tf-keras has two layers in one, and what it declares is what it does on every channel axis."""

import numpy as np
import pytest

from suite.verdicts import judgements
from test_cases.case import Case
from tests.findings.layers import asks, target_of

TF_KERAS = target_of("tf-keras")
SHAPES = {4: (4, 3, 5, 2), 5: (2, 3, 4, 3, 2)}
CASES = {
    (rank, axis): Case(
        name=f"rank-{rank}-with-the-channels-on-axis-{axis}",
        reason="the fused operator has channels first or last, and nothing in between",
        shape=shape,
        channel_axis=axis,
        momentum=1.0,
    )
    for rank, shape in SHAPES.items()
    for axis in range(1, rank)
}


@pytest.mark.parametrize(
    ("rank", "axis"),
    [pytest.param(*one, marks=asks(TF_KERAS, [case])) for one, case in CASES.items()],
)
def test_the_running_variance_is_the_declared_one(layers, rank, axis):
    """Unbiased where the fused operator computes it, biased elsewhere."""
    case = CASES[rank, axis]
    observation = layers.observations(TF_KERAS)[case.id]
    (step,), (call,) = observation.steps, case.inputs()
    axes = tuple(one for one in range(rank) if one != axis)
    variances = {ddof: call.x.astype(float).var(axis=axes, ddof=ddof) for ddof in (0, 1)}
    off = {ddof: np.abs(step["running_var"] - one).max() for ddof, one in variances.items()}
    assert min(off, key=off.get) == (axis in (1, rank - 1))
    told = {one.tensor: one.verdict for one in judgements(case, observation)}
    assert not any(verdict.failing for verdict in told.values()), told
