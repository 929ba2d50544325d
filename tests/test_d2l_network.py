"""The d2l book's layer and `gluon.nn.BatchNorm` in the same network, trained side by side.

The network of `tests/d2l_network.py` has one of them after a convolution and one after a dense
layer. Every call of either is held against the reference under the conventions that its adapter
declares; what then differs between the networks is what the conventions say.
"""

import subprocess
from pathlib import Path

import numpy as np
import pytest

from adapters.harness.environments import interpreter
from adapters.harness.registry import implementations
from diagnosis.judgement import error_over_bound
from reference.conventions import CANONICAL
from reference.expected import expect
from reference.layer import Layer, Step

ROOT = Path(__file__).parent.parent
STEPS, PLACES, EPSILON = 40, 2, 1e-5
GLUON = CANONICAL.but(running_variance="biased", momentum_meaning="weight_of_history")
CONVENTIONS = {
    "book": GLUON.but(initial_running_var="zero"),
    "gluon": GLUON.but(running_update="on_backward"),
}

pytestmark = pytest.mark.xdist_group("d2l network")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What happened in both networks: a function from a name to an array."""
    python = interpreter(implementations()["d2l-scratch"])
    path = tmp_path_factory.mktemp("d2l") / "network.npz"
    command = [str(python), "-m", "tests.d2l_network", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def state(told, *path):
    names = ("gamma", "beta", "running_mean", "running_var")
    return {name: told["/".join(map(str, (*path, name)))] for name in names}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_every_call_in_the_network_is_what_the_conventions_say(told, name):
    """40 training steps and 40 inferences of both layers lie within their bounds."""
    worst = 0.0
    for step in range(STEPS):
        for place in range(PLACES):
            for call, before, after in (("train", "before", "backward"), ("infer", "trained", "")):
                x, y = (told[f"{name}/{step}/{place}/{call}/{key}"] for key in "xy")
                layer = Layer(momentum=0.1, **state(told, name, step, place, before))
                dy = np.zeros_like(x) if call == "train" else None  # a backward pass was made
                one = Step(x, dy, call == "train")
                tensors = expect(layer, [one], CONVENTIONS[name])[0].tensors
                answer = {"y": y}
                if after:
                    answer |= state(told, name, step, place, after)
                for tensor in answer.keys() & tensors.keys():
                    ratio = error_over_bound(answer[tensor], tensors[tensor])
                    worst = max(worst, float(ratio.max()))
    assert 0 < worst <= 1


def test_both_networks_learn_alike(told):
    """Training normalises by the batch in both, so the losses differ by rounding only."""
    losses = np.array(
        [
            [float(told[f"{name}/{step}/net/loss"][0]) for step in range(STEPS)]
            for name in CONVENTIONS
        ]
    )
    assert losses[0, -1] < 0.5 * losses[0, 0]
    assert np.abs(losses[0] - losses[1]).max() < 1e-4


def test_the_moving_variances_differ_by_what_is_left_of_the_initial_one(told):
    """After t batches 0.9^t of the initial variance is left: of one in Gluon, of zero in the book.

    The running means, which both start at zero, agree.
    """
    for step in range(STEPS):
        for place in range(PLACES):
            book, gluon = (state(told, name, step, place, "backward") for name in CONVENTIONS)
            left = gluon["running_var"] - book["running_var"]
            size = np.abs(gluon["running_var"]).max()
            assert np.abs(left - 0.9 ** (step + 1)).max() < 1e-4 * size
            means = gluon["running_mean"] - book["running_mean"]
            assert np.abs(means).max() < 1e-4 * max(1.0, np.abs(gluon["running_mean"]).max())


def test_the_books_statistics_move_in_forward_and_gluons_in_backward(told):
    """Between forward and backward the book's layer has gathered the batch, Gluon's has not."""
    for name, moves in (("book", True), ("gluon", False)):
        for place in range(PLACES):
            before, forward, backward = (
                state(told, name, 0, place, when)["running_mean"]
                for when in ("before", "forward", "backward")
            )
            assert np.array_equal(before, forward) != moves
            assert np.array_equal(forward, backward) == moves


def test_the_networks_infer_differently_until_the_initial_variance_is_forgotten(told):
    """The same weights give different predictions after one batch, and hardly after forty."""
    apart = [
        float(np.abs(told[f"book/{step}/net/logits"] - told[f"gluon/{step}/net/logits"]).max())
        for step in (0, STEPS - 1)
    ]
    assert apart[0] > 0.1
    assert apart[1] < 0.1 * apart[0]
