"""The page on population statistics: its closed form, held against the numbers of real layers."""

import pytest

from docs import population

LARGEST = max(abs(mean) / std for mean, std in population.CHANNELS)


def rounding(batches):
    """Bound what so many updates in float32 lose: three roundings each, in deviations."""
    return 3 * batches * LARGEST * 2.0**-24


@pytest.fixture(scope="module")
def kept():
    """What the paper's layer and those of the core kept after every batch."""
    return population.run()


@pytest.mark.xdist_group("population")
def test_the_closed_form_is_what_the_layers_keep(kept):
    """Initial state, weights and divisor explain every mean and variance of the tables."""
    assert [one.name for one in kept] == ["paper", "pytorch", "keras", "flax", "gluon"]
    for one in kept:
        for batches in population.COUNTS:
            assert population.mismatch(one, batches) < rounding(batches), (one.name, batches)


@pytest.mark.xdist_group("population")
def test_the_paper_keeps_the_population_and_the_others_their_start(kept):
    """After one batch the paper's layer is there; a moving average still holds its start."""
    for one in kept:
        off, least, greatest = population.distances(one, 1)
        if one.name == "paper":
            assert max(off, abs(least - 1), abs(greatest - 1)) < rounding(1)
        else:
            assert off > 20
            assert greatest > 10


@pytest.mark.xdist_group("population")
def test_the_page_has_these_numbers(kept):
    """The running variance's ratios, to the digits that the page shows."""
    page = population.PAGE.read_text(encoding="utf-8")
    for one in kept:
        least, greatest = population.distances(one, max(population.COUNTS))[1:]
        row = f"{least:.3g} to {greatest:.3g} |\n"
        assert any(line + "\n" for line in page.splitlines() if (line + "\n").endswith(row)), row
