"""A call looked at some channels at a time tells what it tells as a whole."""

import numpy as np
import pytest

from diagnosis import blocks
from diagnosis.fitting import fit_epsilon, fit_momentum
from diagnosis.stages import ratios
from explain.misses import missed
from explain.reading import read_dump
from reference.conventions import CANONICAL, CONVENTIONS
from tests.explain_runs import explained, save_in
from tests.independent_layer import call, inputs

SHAPES = [((4, 7, 5), 1), ((3, 5, 2, 7), 3)]


@pytest.fixture
def saved(tmp_path):
    """Write arrays to an npz file and return its path."""
    return save_in(tmp_path)


def both(monkeypatch, ask, *arguments):
    """Return an answer about a whole call, and about blocks of two channels of it."""
    whole = ask(*arguments)
    monkeypatch.setattr(blocks, "SIZE", 2 * 4 * 5)
    return whole, ask(*arguments)


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("changes", [{}, {"normalizer": "per_sample"}, {"scale": "absolute"}])
def test_numbers_and_errors_are_the_same(shape, axis, changes, saved, monkeypatch):
    """Epsilon, the weight of the batch and the worst errors, whatever is expected."""
    arrays = call(inputs(shape, axis, np.float32), axis)
    question = read_dump(saved(arrays)).question
    conventions = CANONICAL.but(**changes)
    one, names = question.call(0), tuple(question.answered.steps[0])

    def ask():
        return (
            fit_epsilon(one, conventions),
            fit_momentum(one, conventions),
            ratios(question, conventions, 1e-5, 0.1, names),
        )

    whole, parted = both(monkeypatch, ask)
    assert whole == parted


@pytest.mark.parametrize(("shape", "axis"), SHAPES)
def test_the_blocks_are_all_channels_once(shape, axis, saved, monkeypatch):
    """Put side by side they are the call, and what mixes channels is not cut."""
    question = read_dump(saved(call(inputs(shape, axis, np.float32), axis))).question
    monkeypatch.setattr(blocks, "SIZE", 2 * 4 * 5)
    each = list(blocks.of_question(question, CANONICAL))
    assert len(each) > 2
    x = np.concatenate([one.steps[0].x for one in each], axis)
    assert np.array_equal(x, question.steps[0].x)
    gamma = np.concatenate([one.layer.gamma for one in each])
    assert np.array_equal(gamma, question.layer.gamma)
    assert list(blocks.of_question(question, CANONICAL.but(normalizer="per_sample"))) == [question]
    assert CONVENTIONS["normalizer"].options.keys() >= {"per_sample"}


def test_a_miss_has_its_place_in_the_whole(saved, monkeypatch):
    """The element that is farthest outside is named as in the file."""
    arrays = call(inputs((4, 7, 5), 1, np.float32), 1)
    arrays["y"][2, 6, 3] += np.float32(0.5)
    arrays["dgamma"][5] += np.float32(9)
    monkeypatch.setattr(blocks, "SIZE", 2 * 4 * 5)
    one = explained(saved(arrays))
    assert not one.explained
    notes = {finding.what: finding.note for finding in one.findings}
    assert "1 of 140 elements are outside their bounds; the worst is [2, 6, 3] = " in notes["y"]
    assert "1 of 7 elements are outside their bounds; the worst is [5] = " in notes["dgamma"]


def test_a_fault_of_all_channels_is_found_in_blocks(saved, monkeypatch):
    """What explains the worst block is held against the others."""
    arrays = call(inputs((4, 7, 5), 1, np.float32), 1)
    swapped = call(arrays | {"gamma": arrays["beta"], "beta": arrays["gamma"]}, 1)
    path = saved(arrays | {"y": swapped["y"]})
    partly = arrays | {"y": np.concatenate([arrays["y"][:, :3], swapped["y"][:, 3:]], axis=1)}
    monkeypatch.setattr(blocks, "SIZE", 2 * 4 * 5)
    assert "gamma and beta are swapped" in explained(path).diagnosis
    assert "swapped" not in explained(saved(partly)).diagnosis
    assert set(missed(read_dump(path).question, ["y"])) == {"y"}
