"""The bound of dgamma and dx by the parts of the error: no false alarm, and sharper for it.

A common error of the mean enters with the sum of dy, so layers are tried that err in it, and such
that take dgamma apart into a sum of dy x and one of dy.
"""

import numpy as np
import pytest

from diagnosis.judgement import error_over_bound
from reference.conventions import CANONICAL
from reference.expected import expect
from reference.layer import Layer, Step
from test_cases.cases import all_cases

CASES = 1000


def dgamma_of(x, dy, epsilon, own, apart):
    """Compute dgamma, rounding every result to `own`; sums are accumulated in float32."""

    def total(terms):
        return terms.astype(own).sum(axis=0, dtype=np.float32).astype(own)

    one = own(1)
    count = own(len(x))
    mean = (x.sum(axis=0, dtype=np.float32) / np.float32(count)).astype(own)
    variance = (np.square(x - mean).sum(axis=0, dtype=np.float32) / np.float32(count)).astype(own)
    inverse = one / np.sqrt(variance + own(epsilon))
    if apart:  # as the gradient of x * inverse + (beta - mean * inverse) is
        return ((dy * x).sum(axis=0, dtype=np.float32) - mean * total(dy)).astype(own) * inverse
    return total(dy * ((x - mean) * inverse))


def random_step(rng, own):
    """Return a step with offsets up to 1,000 deviations (10 in half precision), and its epsilon."""
    count, channels = int(np.exp(rng.uniform(0.7, 6))), int(rng.integers(1, 4))
    offset = rng.choice([0, 1, 10] if own is np.float16 else [0, 10, 1000])
    x = (rng.standard_normal((count, channels)) + offset).astype(own)
    dy = rng.standard_normal((count, channels)).astype(own)
    return Step(x, dy), float(rng.choice([1e-3, 1e-2]))


@pytest.mark.parametrize("apart", [False, True], ids=["x_hat", "x and 1"])
@pytest.mark.parametrize(
    ("dtype", "arithmetic"), [("float32", "widened"), ("float16", "rounded_steps")]
)
def test_dgamma_is_within_its_bound(dtype, arithmetic, apart):
    """Over 1,000 random cases, in float32 and with every step rounded to float16."""
    own = getattr(np, dtype)
    rng = np.random.default_rng(7)
    conventions = CANONICAL.but(arithmetic=arithmetic)
    worst = 0.0
    for number in range(CASES):
        step, epsilon = random_step(rng, own)
        (usual,) = expect(Layer(dtype=dtype, epsilon=epsilon), [step], conventions)
        answer = dgamma_of(step.x, step.dy, epsilon, own, apart)
        ratio = error_over_bound(answer, usual.tensors["dgamma"]).max()
        assert ratio <= 1, (number, step.x.shape, ratio)
        worst = max(worst, ratio)
    assert worst > 0.05, "a bound that nothing comes near says nothing"


def test_an_error_of_the_mean_counts_once_for_all():
    """It moves dgamma by the sum of dy: what dy adds up to is what it can cost."""
    rng = np.random.default_rng(8)
    x, half = rng.standard_normal((64, 1)) + 10, rng.standard_normal((32, 1))
    layer = Layer(dtype="float16", epsilon=1e-2)
    conventions = CANONICAL.but(arithmetic="rounded_steps")
    balanced, one_sided = (
        expect(layer, [Step(x.astype(np.float16), dy.astype(np.float16))], conventions)[0]
        for dy in (np.concatenate([half, -half]), np.abs(np.concatenate([half, -half])))
    )
    assert balanced.tensors["dgamma"].bound[0] < 0.7 * one_sided.tensors["dgamma"].bound[0]


def test_half_precision_throughout_is_decided_at_ten_deviations():
    """dgamma in float16 and bfloat16, each step rounded: its bound was 0.6 to 0.7 of its size."""
    conventions = CANONICAL.but(arithmetic="rounded_steps", statistics_dtype="input_dtype")
    for name in (
        "a-mean-of-10-standard-deviations-float16",
        "16-channels-of-images-bfloat16",
        "rank-4-channels-first-is-normalised-per-channel-bfloat16",
    ):
        case = all_cases()[name]
        for step in expect(case.layer(), case.inputs(), conventions):
            for expected in step.tensors.values():
                assert expected.open_channels == ()
