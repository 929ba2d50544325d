"""`explain` sees from the arrays whether a layer trained, where nobody said it."""

import numpy as np
import pytest

from explain.mode import EVALUATED
from explain.reading import read_dump
from explain.text import text_of
from tests.explain_runs import explained, run, save_in
from tests.independent_layer import FRAMEWORKS, call, inputs

STATE = ("running_mean_before", "running_var_before", "running_mean_after", "running_var_after")


@pytest.fixture
def saved(tmp_path):
    """Write arrays to an npz file and return its path."""
    return save_in(tmp_path)


def made(**choices):
    return call(inputs((4, 3, 5), 1, np.float32), 1, **choices)


def without(arrays, *names):
    return {name: array for name, array in arrays.items() if name not in names}


FORWARD = ("dy", "dx", "dgamma", "dbeta")
EVALUATIONS = {
    "all arrays": made(training=False),
    "forward": without(made(training=False), *FORWARD),
    "before": without(made(training=False), *STATE[2:]),
    "state_dict": {
        name.removesuffix("_after"): array
        for name, array in without(made(training=False), *STATE[:2], *FORWARD).items()
    },
    "epsilon 1e-3": made(training=False, epsilon=1e-3),
}


@pytest.mark.parametrize("arrays", EVALUATIONS.values(), ids=EVALUATIONS.keys())
def test_an_evaluated_or_frozen_layer_is_recognised(arrays, saved):
    """A forgotten --inference is made up for, and told; the answer is that with it."""
    path = saved(arrays)
    one = explained(path)
    assert one.explained
    assert one.dump.step.training is False
    assert EVALUATED in one.dump.notes
    same = explained(path, training=False)
    assert same.fit == one.fit
    assert EVALUATED not in same.dump.notes
    assert f"note: {EVALUATED}" in text_of(one)


def test_what_was_said_counts(saved):
    """--training reads an evaluated layer's arrays as training, which they are not."""
    assert read_dump(saved(made(training=False)), training=True).step.training


TRAININGS = {
    "PyTorch": made(),
    "momentum 0": made(weight=0.0),
    "Keras 0.2": made(**FRAMEWORKS["Keras 0.2"]),
    "no state": without(made(), *STATE),
    "a new layer's state": without(made(), *STATE[2:]),
}


@pytest.mark.parametrize("arrays", TRAININGS.values(), ids=TRAININGS.keys())
def test_a_layer_that_trains_is_read_as_that(arrays, saved):
    """A batch's own statistics are in y, or the running statistics moved."""
    dump = read_dump(saved(arrays))
    assert dump.step.training
    assert dump.notes == ()


def test_a_state_of_no_time_tells_nothing_of_training(saved):
    """running_mean alone may be of before the call or of after it; the other side settles it."""
    arrays = without(made(), *STATE[:2])
    plain = {name.removesuffix("_after"): array for name, array in arrays.items()}
    dump = read_dump(saved(plain))
    assert dump.step.training
    assert dump.notes == (
        "running_mean and running_var of before the call, or of after? That tells nothing: name "
        "them running_mean_before, running_mean_after, running_var_before, running_var_after",
    )
    both = {name.removesuffix("_after"): array for name, array in made().items()}
    assert read_dump(saved(both)).answer.keys() >= {"running_mean", "running_var"}


def test_the_command_says_so(saved):
    """The note stands below the first line, which says inference; the status is 0."""
    done = run(saved(EVALUATIONS["forward"]))
    assert done.returncode == 0
    first, second = done.stdout.splitlines()[:2]
    assert first.endswith("values per channel, inference")
    assert second == f"note: {EVALUATED}"
