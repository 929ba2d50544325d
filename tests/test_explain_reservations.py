"""`explain` says what keeps an answer from being a clean fit, with an exit status of its own."""

import numpy as np
import pytest

from conformance.command_line import main
from conformance.commands.explain import LOOSELY, status_of
from explain.text import text_of
from tests.dumps.data import SMALL, offset, spread
from tests.dumps.kernels import kernel, one_pass
from tests.explain_runs import explained, run, save_in
from tests.independent_layer import call

STATE = ("running_mean", "running_var")


@pytest.fixture
def saved(tmp_path):
    """Write arrays to an npz file and return its path."""
    return save_in(tmp_path)


def test_a_looser_bound_is_told_with_its_width(saved):
    """The headline names the class and how much of a scale it grants; the command ends with 3."""
    path = saved(kernel(offset(SMALL), 1, moments=one_pass, weight=0.01, ddof=0))
    done = run(path)
    assert (done.returncode, done.stderr) == (LOOSELY, "")
    headline = done.stdout.split("\n\n")[1].splitlines()[0]
    assert headline.startswith(
        "not a clean fit: only under a looser bound, variance_algorithm=one_pass, which grants "
    )
    assert headline.endswith(" of its scale")
    assert "your numbers loosely follow Flax" in done.stdout


def test_of_two_answers_the_graver_is_the_status(saved):
    """A clean fit beside a loose one is loose, and nothing is graver than what nothing fits."""
    clean = call(spread(SMALL), 1)
    loose = kernel(offset(SMALL), 1, moments=one_pass, weight=0.01, ddof=0)
    wrong = clean | {"y": np.maximum(clean["y"], 0)}
    paths = [saved(one, f"{i}.npz") for i, one in enumerate((clean, loose, wrong))]
    assert main(["explain", *map(str, paths[:2])]) == LOOSELY
    assert main(["explain", *map(str, paths[1:])]) == 1


def test_a_number_that_nobody_writes_is_no_clean_fit(saved):
    """An epsilon that no one passes fits a wrong scale too; one that the file gives is given."""
    arrays = call(spread(SMALL), 1, epsilon=1.2345e-3)
    one = explained(saved(arrays))
    assert one.explained and status_of(one) == LOOSELY
    assert [line for line in one.reservations if line.startswith("only with epsilon = 0.00123")]
    assert status_of(explained(saved(arrays | {"epsilon": np.float64(1.2345e-3)}))) == 0


def updates(arrays, count):
    """Return the dump of so many calls on one batch, the state before the first kept."""
    state = arrays
    for _ in range(count):
        made = call(state, 1)
        state = state | {f"{name}_before": made[f"{name}_after"] for name in STATE}
    return made | {f"{name}_before": arrays[f"{name}_before"] for name in STATE}


def test_two_updates_of_one_batch_are_named(saved):
    """Checkpointing calls forward twice: 1 - (1 - 0.1)^2, and no momentum to pass."""
    one = explained(saved(updates(spread(SMALL), 2)))
    (line,) = one.reservations
    assert line.endswith("which two updates that weigh 0.1 each make, as checkpointing does")
    assert status_of(one) == LOOSELY
    assert "pass momentum" not in text_of(one)


def test_a_plain_average_is_named(saved):
    """The seventh batch of a cumulative average weighs 1/7."""
    one = explained(saved(call(spread(SMALL), 1, weight=1 / 7)))
    (line,) = one.reservations
    assert line.endswith("which a plain average of 7 batches gives the newest")


@pytest.mark.parametrize("weight", [0.1, 0.0], ids=["uncopied", "momentum 0"])
def test_statistics_that_stay_are_no_clean_fit(weight, saved):
    """Before and after are the same where the buffer was not copied and where nothing moves it."""
    made = call(spread(SMALL), 1, weight=weight)
    made |= {f"{name}_before": made[f"{name}_after"] for name in STATE}
    one = explained(saved(made))
    assert status_of(one) == LOOSELY
    assert "'before' was no copy" in one.reservations[0]


def test_statistics_of_other_batches_are_honestly_open(saved):
    """Three steps lie between before and after: nothing fits, and what it can be is said."""
    arrays = spread(SMALL)
    state = arrays
    for step in range(3):
        made = call(state | {"x": state["x"] * np.float32(1 + step)}, 1)
        state = state | {f"{name}_before": made[f"{name}_after"] for name in STATE}
    right = call(arrays, 1)
    one = explained(saved(right | {f"{name}_after": made[f"{name}_after"] for name in STATE}))
    assert not one.explained
    assert "more than one step lies between before and after" in one.diagnosis


@pytest.mark.parametrize(
    ("number", "words"),
    [(float(np.float32(0.1)), "float32(0.1)"), (1 - float(np.float32(0.9)), "1 - float32(0.9)")],
)
def test_a_float32_number_is_told_as_such(number, words, saved):
    """A float64 layer that holds its momentum as a C float has another than the round one."""
    one = explained(saved(call(spread(SMALL, dtype=np.float64), 1, weight=number)))
    finding = next(finding for finding in one.findings if finding.what == "momentum")
    assert f" = {words} (" in finding.text
    low, high = finding.text.partition(" (")[2].rstrip(")").split(" to ")
    assert low != high
    assert float(low) <= number <= float(high)
    assert not float(low) <= 0.1 <= float(high)
    (match, *_) = [str(one) for one in one.matches if one.named.name == "PyTorch"]
    assert "momentum=0.1" in match and not match.endswith("momentum=0.1")
    assert status_of(one) == 0
