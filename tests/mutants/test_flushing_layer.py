"""No false alarm near the smallest numbers: a layer that flushes them to 0 is a correct layer.

TensorFlow and XLA set that mode on the CPU: what is below the normal numbers counts as 0, whether
it is an operand or a result.
"""

from dataclasses import replace

import numpy as np
import pytest

from diagnosis.judgement import Answered, judge
from reference.conventions import CANONICAL
from reference.layer import Layer, Step

CASES = 600
F = np.float32
SMALLEST = np.finfo(F).tiny


def flushed(values):
    return np.where(np.abs(values) < SMALLEST, F(0), values).astype(F)


def total(rows):
    """Add up row after row; n numbers that are just normal, or just not, lose n units."""
    added = flushed(rows[0])
    for row in rows[1:]:
        added = flushed(added + flushed(row))
    return added


def answer(layer, step):
    """Compute a step in float32; every operand is normal or 0, and so is every result."""
    x, dy = flushed(step.x), flushed(step.dy)
    gamma, beta = flushed(layer.gamma), flushed(layer.beta)
    mean, variance = flushed(layer.running_mean), flushed(layer.running_var)
    count, weight = F(len(x)), F(layer.momentum)
    if step.training:
        mean = flushed(total(x) / count)
        variance = flushed(total(flushed(flushed(x - mean) ** 2)) / count)
    centred = flushed(x - mean)
    inverse = flushed(F(1) / np.sqrt(flushed(variance + F(layer.epsilon))))
    x_hat = flushed(centred * inverse)
    dbeta, dgamma = total(dy), total(flushed(dy * x_hat))
    bracket, kept = dy, (layer.running_mean, layer.running_var)
    if step.training:
        projection = flushed(x_hat * flushed(dgamma / count))
        bracket = flushed(flushed(dy - flushed(dbeta / count)) - projection)
        unbiased = flushed(variance * (count / (count - F(1))))
        kept = (
            flushed(flushed((F(1) - weight) * flushed(old)) + flushed(weight * new))
            for old, new in zip(kept, (mean, unbiased), strict=True)
        )
    y = flushed(flushed(gamma * x_hat) + beta)
    dx = flushed(flushed(bracket * inverse) * gamma)
    named = dict(zip(("running_mean", "running_var"), kept, strict=True))
    return {"y": y, "dx": dx, "dgamma": dgamma, "dbeta": dbeta, **named}


def random_case(rng):
    """Return a layer and a step of which some parts are at the end of what float32 holds."""
    count, channels = int(rng.integers(2, 60)), 3

    def scale():
        return 10.0 ** rng.uniform(-44, 3, channels) if rng.random() < 0.7 else np.ones(channels)

    x = rng.standard_normal((count, channels)) * scale() + rng.integers(0, 2) * scale()
    dy = rng.standard_normal((count, channels)) * scale()
    if rng.random() < 0.5:
        dy = np.abs(dy) * np.sign(x - x.mean(axis=0))  # no product cancels another
    vectors = [(rng.standard_normal(channels) * scale()).astype(F) for _ in range(4)]
    layer = Layer(
        epsilon=float(rng.choice([1e-3, 1e-5])),
        momentum=float(rng.choice([0.1, 0.5])),
        gamma=vectors[0],
        beta=vectors[1] * F(rng.integers(0, 2)),
        running_mean=vectors[2],
        running_var=np.abs(vectors[3]),
    )
    return layer, Step(x.astype(F), dy.astype(F), bool(rng.random() < 0.6))


@pytest.fixture(scope="module")
def worst():
    """The largest error in bounds of each tensor, over the random cases."""
    rng, found = np.random.default_rng(20), {}
    for _ in range(CASES):
        layer, step = random_case(rng)
        for one in judge(layer, [step], Answered([answer(layer, step)]), CANONICAL):
            found[one.tensor] = max(found.get(one.tensor, 0.0), one.error_over_bound)
    return found


def test_a_layer_that_flushes_raises_no_alarm(worst):
    """Every tensor stays inside its bound, and some come near: the underflow is what is bounded."""
    assert max(worst.values()) <= 1, worst
    assert min(worst.values()) > 0.02, worst


def test_each_product_of_dgamma_may_underflow():
    """A thousand products that are just too small: dgamma is 0 in the place of a normal number."""
    count = 1000
    x = np.tile([[0.5], [-0.5]], (count // 2, 1)).astype(F)
    layer = Layer(
        gamma=np.ones(1, F),
        beta=np.zeros(1, F),
        running_mean=np.zeros(1, F),
        running_var=np.ones(1, F),
    )
    step = Step(x, (F(2e-38) * np.sign(x)).astype(F), training=False)
    told = {one.tensor: one for one in judge_flushed(layer, step)}["dgamma"]
    assert told.worst.observed == 0
    assert told.worst.expected > 100 * SMALLEST
    assert told.verdict == "conforms"
    larger = replace(step, dy=F(1e3) * step.dy)
    ignored = {**answer(layer, larger), "dgamma": np.zeros(1, F)}
    (told,) = [one for one in judge_flushed(layer, larger, ignored) if one.tensor == "dgamma"]
    assert told.verdict == "violates"


def judge_flushed(layer, step, told=None):
    return judge(layer, [step], Answered([told or answer(layer, step)]), CANONICAL)
