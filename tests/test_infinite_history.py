"""A running statistic that is infinite, or no number, beside a batch that weighs 1 and replaces it.

The average of all batches so far has no place for the state that a layer starts with.
"""

import numpy as np
import pytest

from diagnosis.judgement import Answered, judge
from reference.conventions import CANONICAL
from reference.expected import expect
from reference.layer import Layer, Step

F = np.float32
BATCH = np.array([[1, -3], [3, 5]], F)
MEAN, VARIANCE = BATCH.mean(axis=0), BATCH.var(axis=0, ddof=1)
REPLACE = ("cumulative", "first_batch_replaces", "zero_debiased")


def layer(start, momentum=0.1):
    """Return a layer whose statistics start at a value that is no finite number."""
    state = {name: np.full(2, start, F) for name in ("running_mean", "running_var")}
    return Layer(momentum=momentum, gamma=np.ones(2, F), beta=np.zeros(2, F), **state)


def verdicts(layer, rule, mean, variance):
    """Return the verdicts on running statistics that are answered to one batch."""
    step, conventions = Step(BATCH), CANONICAL.but(running_update=rule)
    (usual,) = expect(layer, [step], conventions)
    y = usual.tensors["y"].value.astype(F)
    answer = {"y": y, "running_mean": mean.astype(F), "running_var": variance.astype(F)}
    judged = judge(layer, [step], Answered([answer]), conventions)
    return {one.tensor: one.verdict.value for one in judged if one.tensor.startswith("running")}


@pytest.mark.parametrize("start", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("rule", REPLACE)
def test_the_first_batch_is_all_there_is(rule, start):
    """Its own statistics are within the bound; 0 times infinity, which is no number, is not."""
    told = verdicts(layer(start), rule, MEAN, VARIANCE)
    assert "violates" not in told.values()
    off = verdicts(layer(start), rule, np.nan * MEAN, np.nan * VARIANCE)
    assert set(off.values()) == {"violates"}


@pytest.mark.parametrize("factor", [1, np.nan])
def test_a_momentum_of_1_may_multiply_by_0(factor):
    """(1 - 1) times infinity is what the rule says, if it is computed: nothing is claimed."""
    told = verdicts(layer(np.inf, momentum=1.0), "on_forward", factor * MEAN, factor * VARIANCE)
    assert "violates" not in told.values()


def test_any_other_weight_keeps_infinity():
    """Whatever the batch adds, the average of something infinite is infinite."""
    told = verdicts(layer(np.inf), "on_forward", np.full(2, np.inf), np.full(2, np.inf))
    assert "violates" not in told.values()


def test_a_finite_history_that_is_replaced_has_no_part_in_the_bound():
    """A history of 10^30 is forgotten as one of 1 is, in the value and in the bound."""
    small, large = (
        expect(layer(start), [Step(BATCH)], CANONICAL.but(running_update="cumulative"))[0].tensors
        for start in (1.0, 1e30)
    )
    for name in ("running_mean", "running_var"):
        assert np.array_equal(small[name].value, large[name].value)
        assert np.array_equal(small[name].bound, large[name].bound)
