"""What a looser sum explains: a channel that moved as a whole, as far as its arithmetic errs."""

from dataclasses import replace

import numpy as np
import pytest

from diagnosis.leftover import Moved, errors_in_bounds
from diagnosis.question import Question, partial_answer
from diagnosis.search import diagnose
from reference.conventions import CANONICAL
from reference.layer import Layer, Step
from tests.dumps.data import MIDDLE, SMALL, activations, drifting, offset, pixels, spread
from tests.dumps.kernels import by_lanes, by_threads, kernel, one_pass, pairwise, sequential

LOOSER = {
    "one_pass": {"variance_algorithm": "one_pass"},
    "sequential": {"summation": "sequential"},
    "both": {"variance_algorithm": "one_pass", "summation": "sequential"},
}


def question_of(made, **declared):
    """Return the question about a dump of a kernel with the usual numbers."""
    state = {name: made[f"{name}_before"] for name in ("running_mean", "running_var")}
    layer = Layer(gamma=made["gamma"], beta=made["beta"], **state)
    names = ("y", "dx", "dgamma", "dbeta")
    answer = {name: made[name] for name in names} | {
        name: made[f"{name}_after"] for name in ("running_mean", "running_var")
    }
    step = Step(made["x"], made["dy"], True)
    return Question(layer, [step], partial_answer(answer), CANONICAL.but(**declared))


def fits(question, looser):
    return question.fits(question.expect(CANONICAL.but(**LOOSER[looser])))


@pytest.mark.parametrize("total", [pairwise, by_threads, by_lanes, sequential])
@pytest.mark.parametrize(
    ("data", "shape"),
    [(spread, SMALL), (offset, SMALL), (pixels, MIDDLE), (activations, MIDDLE), (drifting, MIDDLE)],
)
def test_an_honest_kernel_is_within_its_class(data, shape, total):
    """Whatever the order of its float32 sums, one that sums so is explained by its own class."""
    assert fits(question_of(kernel(data(shape), 1, total=total)), "sequential")
    made = kernel(data(shape), 1, total=total, moments=one_pass)
    assert fits(question_of(made), "both" if total is sequential else "one_pass")


SPOILT = {"a plane": np.s_[1, 0], "a rank": np.s_[:4, 0], "an element": np.s_[2, 0, 3, 3]}


@pytest.mark.parametrize("place", SPOILT.values(), ids=SPOILT)
def test_what_is_no_move_of_a_channel_is_not_explained(place):
    """Within the bound of the class, and still nothing that a wrong variance does."""
    honest = question_of(kernel(offset(SMALL), 1, moments=one_pass))
    answer = dict(honest.answered.steps[0])
    bound = honest.expect(CANONICAL.but(**LOOSER["one_pass"]))[0].tensors["y"].bound
    answer["y"] = answer["y"].copy()
    answer["y"][place] += np.float32(0.5) * bound[place].astype(np.float32)
    spoilt = replace(honest, answered=partial_answer(answer))
    for looser, changes in LOOSER.items():
        declared = replace(spoilt, declared=CANONICAL.but(**changes))
        assert fits(declared, looser) or looser == "sequential", "the class's own bound is wider"
        assert not fits(spoilt, looser)
    assert fits(honest, "one_pass")
    assert not [one for one in diagnose(spoilt) if {*one.changes} & {*LOOSER["both"].items()}]


@pytest.mark.parametrize("shifts", [True, False])
def test_a_variance_turns_a_channel_and_a_mean_shifts_it(shifts):
    """One pass has as exact a mean as ever, so a channel that is shifted is none of it."""
    x = np.random.default_rng(1).normal(size=(9, 2, 3))
    y = Moved(2 * x, np.full(x.shape, 9.0), rest=1e-6, along=(x,), axis=1, shifts=shifts)
    centred = x - x.mean(axis=(0, 2), keepdims=True)
    turned, shifted = 2 * x + 0.3 * centred, 2 * x + np.array([0.5, -0.2])[:, None]
    assert errors_in_bounds(turned, y).max() <= 1
    assert (errors_in_bounds(shifted, y).max() <= 1) == shifts
    assert errors_in_bounds(turned + 1e-4 * np.sin(9 * x), y).max() > 1
    assert errors_in_bounds(9 * x + 8, y).max() > 1, "beyond the bound of the class"


def test_what_the_layer_declares_is_held_as_it_is_judged():
    """The declared bounds are those of the verdict: the rule holds what a diagnosis loosens."""
    question = question_of(kernel(spread(SMALL), 1), variance_algorithm="one_pass")
    assert not any(isinstance(one, Moved) for one in question.usual[0].tensors.values())
    tighter = question.expect(CANONICAL)[0].tensors
    assert not any(isinstance(one, Moved) for one in tighter.values())


def test_numbers_that_are_none_do_not_hide_the_others():
    """A NaN is told in its place, and the elements of other channels are held as ever."""
    question = question_of(kernel(spread(SMALL), 1))
    (y,) = (step.tensors["y"] for step in question.expect(CANONICAL.but(**LOOSER["sequential"])))
    observed = question.answered.steps[0]["y"].copy()
    observed[0, 0, 0, 0] = np.nan
    observed[0, 1] += np.float32(0.5)
    found = errors_in_bounds(observed, y)
    assert np.isinf(found[0, 0, 0, 0])
    assert found[0, 1].min() > 1 and found[:, 2].max() <= 1
