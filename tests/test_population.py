"""What docs/population-statistics.md says of moving averages, held against the real layers."""

import re

import numpy as np
import pytest

from docs import population
from docs.population import COUNTS, PAGE, distances, mismatch

WEIGHTS = {"pytorch": 0.1, "keras": 0.01, "flax": 0.01, "gluon": 0.1}
ROUNDING = 128 * 2.0**-24 * 60
"""128 updates in float32 of values up to 60 deviations of their channel."""

pytestmark = pytest.mark.xdist_group("population")  # one run serves them all, also under -n


@pytest.fixture(scope="module")
def kept():
    """What the paper and the frameworks of the core kept, by name."""
    return {one.name: one for one in population.run()}


@pytest.mark.parametrize("name", ["paper", *WEIGHTS])
def test_the_closed_form_is_what_the_layers_keep(kept, name):
    """Running mean and variance follow from the batches, the weight and the divisor alone."""
    for count in COUNTS:
        assert mismatch(kept[name], count) < ROUNDING, count


def test_algorithm_2_keeps_the_population_statistics(kept):
    """The paper's own layer is where the others are compared with."""
    for count in COUNTS:
        off, least, greatest = distances(kept["paper"], count)
        assert off < ROUNDING
        assert 1 - ROUNDING < least <= greatest < 1 + ROUNDING


@pytest.mark.parametrize(("name", "weight"), WEIGHTS.items())
def test_so_much_of_the_initial_state_is_left(kept, name, weight):
    """(1 - w)^t of it, as the formula says and as the real running mean shows."""
    for count in COUNTS:
        left = (1 - weight) ** count
        assert kept[name].shares(count)[0] == pytest.approx(left)
        mean, var = population.population(count)
        off = np.abs(kept[name].mean[count - 1] - mean)
        # what else differs is the batches' own scatter, of which each mean has its part
        assert np.abs(off - left * np.abs(mean)).max() < 5 * np.sqrt(var.max() / population.VALUES)


def test_the_page_has_the_numbers_of_such_a_run(kept):
    """The tables that are committed are these, to the rounding of another machine."""
    fresh = population.page(list(kept.values()))
    committed = PAGE.read_text(encoding="utf-8")
    rows = [
        [
            line
            for line in text.splitlines()
            if re.match(r"\| (paper|pytorch|keras|flax|gluon) \|", line)
        ]
        for text in (fresh, committed)
    ]
    assert len(rows[0]) == len(rows[1]) == 3 * len(kept)
    for one, other in zip(*rows, strict=True):
        numbers = [
            np.array(re.findall(r"[0-9.]+(?:e-?[0-9]+)?", row), float) for row in (one, other)
        ]
        assert numbers[0] == pytest.approx(numbers[1], rel=0.02, abs=1e-5)
