"""No false alarm: correct layers that compute in other ways stay inside every bound."""

import numpy as np
import pytest

from diagnosis.judgement import Answered, judge
from reference.conventions import CANONICAL
from reference.layer import Layer, Step

CASES = 2000
F = np.float32


def pairwise(a):
    return a.sum(axis=0, dtype=F)


def by_blocks(a):
    """Sum blocks of 16 one after the other, then the blocks pairwise."""
    blocks = [np.add.accumulate(a[i : i + 16], axis=0)[-1] for i in range(0, len(a), 16)]
    return np.sum(blocks, axis=0, dtype=F)


def by_lanes(a):
    """Sum 8 lanes side by side, as a vector register does, then the lanes."""
    padded = np.concatenate([a, np.zeros((-len(a) % 8, a.shape[1]), F)])
    return np.add.accumulate(padded.reshape(-1, 8, a.shape[1]), axis=0)[-1].sum(axis=0, dtype=F)


def backwards(a):
    return pairwise(a[::-1])


def shuffled(a):
    return pairwise(a[np.random.default_rng(len(a)).permutation(len(a))])


def compensated(a):
    """Kahan's summation."""
    total, lost = np.zeros(a.shape[1], F), np.zeros(a.shape[1], F)
    for row in a:
        term = row - lost
        new = total + term
        lost = (new - total) - term
        total = new
    return total


def wide(a):
    return a.astype(np.float64).sum(axis=0).astype(F)


def two_pass(x, total):
    mean = total(x) / F(len(x))
    return mean, total((x - mean) ** 2) / F(len(x))


def welford(x, total):
    mean, square = np.zeros(x.shape[1], F), np.zeros(x.shape[1], F)
    for count, row in enumerate(x, 1):
        delta = row - mean
        mean = mean + delta / F(count)
        square = square + delta * (row - mean)
    return mean, square / F(len(x))


def corrected(x, total):
    """Two passes, the second correcting the mean's own error."""
    mean, variance = two_pass(x, total)
    rest = total(x - mean) / F(len(x))
    return mean + rest, variance - rest * rest


def plain(x, mean, inverse, gamma, beta):
    return gamma * ((x - mean) * inverse) + beta


def fused(x, mean, inverse, gamma, beta):
    """Scale and shift folded into one multiplication and one addition per element."""
    scale = gamma * inverse
    return x * scale + (beta - mean * scale)


def scaled_first(x, mean, inverse, gamma, beta):
    return (x - mean) * (gamma * inverse) + beta


def by_division(variance, epsilon):
    return F(1) / np.sqrt(variance + epsilon)


def by_power(variance, epsilon):
    return (variance + epsilon) ** F(-0.5)


LAYERS = {
    "pairwise sums": (two_pass, pairwise, plain, by_division),
    "sums by blocks": (two_pass, by_blocks, plain, by_division),
    "sums by lanes": (two_pass, by_lanes, scaled_first, by_division),
    "sums backwards": (two_pass, backwards, plain, by_power),
    "sums in random order": (two_pass, shuffled, plain, by_division),
    "compensated sums": (two_pass, compensated, plain, by_division),
    "float64 accumulators": (two_pass, wide, plain, by_division),
    "fused scale and shift": (two_pass, pairwise, fused, by_division),
    "fused, by lanes": (two_pass, by_lanes, fused, by_power),
    "Welford": (welford, pairwise, plain, by_division),
    "Welford, fused": (welford, wide, fused, by_division),
    "corrected two-pass variance": (corrected, pairwise, scaled_first, by_division),
}


def random_case(rng):
    """Return a layer and a step with offsets, scales and sizes drawn at random."""
    count = int(rng.integers(2, 40)) if rng.random() < 0.9 else int(rng.integers(100, 400))
    channels = int(rng.integers(1, 5))
    offset = rng.choice([0, 1, 10, 1000]) * rng.standard_normal(channels)
    x = (rng.standard_normal((count, channels)) + offset) * 10.0 ** rng.integers(-3, 4)
    vectors = rng.standard_normal((3, channels)).astype(F)
    layer = Layer(
        epsilon=float(rng.choice([1e-3, 1e-5])),
        gamma=vectors[0],
        beta=vectors[1],
        running_mean=vectors[2],
        running_var=rng.uniform(0.5, 2, channels).astype(F),
    )
    return layer, Step(x.astype(F), rng.standard_normal(x.shape).astype(F))


def answer(kind, layer, step):
    """Compute a training step in float32, in the way of the layer."""
    moments, total, normalise, inverse_std = LAYERS[kind]
    x, dy, count = step.x, step.dy, F(len(step.x))
    mean, variance = moments(x, total)
    inverse = inverse_std(variance, F(layer.epsilon))
    x_hat = (x - mean) * inverse
    dbeta, dgamma = total(dy), total(dy * x_hat)
    weight = F(layer.momentum)
    return {
        "y": normalise(x, mean, inverse, layer.gamma, layer.beta),
        "dx": (layer.gamma * inverse) * (dy - dbeta / count - x_hat * (dgamma / count)),
        "dgamma": dgamma,
        "dbeta": dbeta,
        "running_mean": (F(1) - weight) * layer.running_mean + weight * mean,
        "running_var": (F(1) - weight) * layer.running_var
        + weight * (variance * (count / (count - F(1)))),
    }


@pytest.mark.parametrize("kind", LAYERS)
def test_a_correct_layer_raises_no_alarm(kind):
    """Over 2,000 random cases every tensor stays inside its bound."""
    rng = np.random.default_rng(20)
    worst = 0.0
    for number in range(CASES):
        layer, step = random_case(rng)
        judged = judge(layer, [step], Answered([answer(kind, layer, step)]), CANONICAL)
        for one in judged:
            assert one.verdict == "conforms", (number, step.x.shape, one.message(kind))
            worst = max(worst, one.error_over_bound)
    assert worst > 0.02, "bounds that nothing comes near say nothing"
