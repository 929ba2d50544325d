"""`explain`: the dumps of an independent layer are recognised, and wrong ones are not."""

import numpy as np
import pytest

from explain.named_conventions import named
from explain.text import text_of
from tests.explain_runs import explained, options_of, run, save_in
from tests.independent_layer import FRAMEWORKS, call, inputs

FUSED = "tf.keras 2"
CALLS = [
    ((6, 3), 1, np.float32),
    ((4, 3, 5), 1, np.float32),
    ((4, 5, 3), 2, np.float64),
    ((2, 3, 4, 5), 1, np.float64),
    ((2, 4, 5, 3), 3, np.float32),
]


@pytest.fixture
def saved(tmp_path):
    """Write arrays to an npz file and return its path."""
    return save_in(tmp_path)


def test_every_named_convention_has_its_dumps():
    """The frameworks of this file are those that are named, whatever the rank and dtype."""
    assert set(FRAMEWORKS) == {one.name for rank in (2, 4) for one in named(rank, "float32")}


@pytest.mark.parametrize(("shape", "axis", "dtype"), CALLS)
@pytest.mark.parametrize("framework", [name for name in FRAMEWORKS if name != FUSED])
def test_a_framework_is_recognised_by_its_numbers(framework, shape, axis, dtype, saved):
    """A dump made by a framework's conventions and defaults names it, and no setting."""
    path = saved(call(inputs(shape, axis, dtype), axis, **FRAMEWORKS[framework]))
    one = explained(path, channel_axis=axis)
    assert one.explained
    assert framework in [str(match) for match in one.matches]
    epsilon, weight = FRAMEWORKS[framework]["epsilon"], FRAMEWORKS[framework]["weight"]
    assert one.fit.epsilon.low <= epsilon <= one.fit.epsilon.high
    assert one.fit.weight.low <= dtype(weight) <= one.fit.weight.high
    assert all(ratio <= 1 for ratio in one.fit.ratios.values())


def test_a_layer_is_named_where_it_follows_its_conventions(saved):
    """tf.keras 2 takes its fused kernel, which keeps the unbiased variance, for float32 images."""
    images, rows = (4, 5, 5, 3), (6, 3)
    for shape, told in ((images, True), (rows, False)):
        arrays = inputs(shape, len(shape) - 1, np.float32)
        one = explained(saved(call(arrays, len(shape) - 1, **FRAMEWORKS[FUSED])))
        assert (FUSED in [str(match) for match in one.matches]) == told


def test_float16_is_explained(saved):
    """A float16 layer that computes in float32 follows its framework, epsilon being hidden."""
    arrays = inputs((8, 3, 4), 1, np.float16)
    wide = {name: array.astype(np.float32) for name, array in arrays.items()}
    made = call(wide, 1, **FRAMEWORKS["PyTorch"])
    halves = ("x", "y", "dx", "dy", "gamma", "beta")
    made |= {name: made[name].astype(np.float16) for name in halves}
    one = explained(saved(made))
    assert "PyTorch" in [str(match) for match in one.matches]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("placement", ["in_sqrt", "outside_sqrt", "both"])
@pytest.mark.parametrize("divisor", ["n", "n - 1"])
def test_placement_and_divisor_are_found(divisor, placement, dtype, saved):
    """Each of the six ways to divide is told from the other five."""
    arrays = inputs((4, 3, 5), 1, dtype)
    path = saved(call(arrays, 1, epsilon=2e-3, divisor=divisor, placement=placement))
    one = explained(path)
    found = options_of(one)
    assert found["epsilon_placement"] == placement
    assert found["normalizing_variance"] == {"n": "biased", "n - 1": "unbiased"}[divisor]
    assert one.fit.epsilon.best == 2e-3
    decided = {finding.what: finding.decided for finding in one.findings}
    assert decided["epsilon_placement"] and decided["normalizing_variance"]


@pytest.mark.parametrize(
    ("choice", "field", "option"),
    [
        ({"blocked": True}, "statistics_gradient", "blocked"),
        ({"scale": np.abs}, "scale", "absolute"),
        ({"scale": np.ones_like}, "scale", "ones"),
        ({"kept": "standard_deviation"}, "running_statistic", "standard_deviation"),
        ({"by_running": True}, "normalizer", "running"),
    ],
)
def test_rarer_choices_are_found(choice, field, option, saved):
    """Every other convention that one call shows is recovered from y and dx."""
    arrays = call(inputs((4, 3, 5), 1, np.float64), 1, epsilon=1e-3, **choice)
    for name in ("dgamma", "dbeta"):  # the layer above does not bother about their signs
        del arrays[name]
    one = explained(saved(arrays))
    assert one.explained
    assert options_of(one)[field] == option


def test_inference_normalises_by_the_running_statistics(saved):
    """With --inference y follows, and the running statistics stay."""
    path = saved(call(inputs((4, 3, 5), 1, np.float32), 1, training=False))
    one = explained(path, training=False)
    assert one.explained
    assert one.fit.epsilon.low <= 1e-5 <= one.fit.epsilon.high
    other = explained(path, training=True)
    assert not other.explained or options_of(other)["normalizer"] == "running"


def test_cancellation_is_the_one_pass_variance(saved):
    """E[x^2] - E[x]^2 at a large mean names the algorithm and, of the frameworks, Flax."""
    arrays = inputs((16, 3, 5), 1, np.float32, mean=100.0)
    one = explained(saved(call(arrays, 1, one_pass=True, running="n", weight=0.01)))
    assert options_of(one)["variance_algorithm"] == "one_pass"
    assert [match.named.name for match in one.matches] == ["Flax"]


def test_momentum_of_the_file_is_translated(saved):
    """A momentum in the file is said to weigh the batch or the history."""
    arrays = call(inputs((4, 3, 5), 1, np.float32), 1, weight=0.3)
    for momentum, words in (
        (0.3, "weighs the batch"),
        (0.7, "weighs the history"),
        (0.2, "neither"),
    ):
        one = explained(saved(arrays | {"momentum": momentum, "epsilon": 1e-5}))
        finding = next(finding for finding in one.findings if finding.what == "momentum")
        assert words in finding.note
        assert one.explained


def test_a_wrong_epsilon_in_the_file_is_contradicted(saved):
    """The numbers count, not what the file says of them."""
    arrays = call(inputs((4, 3, 5), 1, np.float32), 1, epsilon=1e-3)
    one = explained(saved(arrays | {"epsilon": np.float64(1e-5)}))
    assert one.fit.epsilon.best == 1e-3
    assert "the file says 1e-05, which does not fit" in one.findings[0].note


def test_a_large_n_cannot_decide(saved):
    """With 50 000 values in a channel, n and n - 1 are the same to float32."""
    one = explained(saved(call(inputs((500, 1, 100), 1, np.float32), 1)))
    finding = next(finding for finding in one.findings if finding.what == "running_variance")
    assert {finding.option, *finding.alternatives} >= {"biased", "unbiased"}
    assert finding.note == "n = 50000 is too large to tell n from n - 1 in float32"
    assert "the data cannot decide running_variance: " in text_of(one)


def test_a_small_variance_cannot_decide(saved):
    """Where the history is far greater than the batch's variance, n is not to blame."""
    one = explained(saved(call(inputs((64, 1), 1, np.float32), 1)))
    finding = next(finding for finding in one.findings if finding.what == "running_variance")
    assert "unbiased" in {finding.option, *finding.alternatives}
    assert finding.note == "the batch's variance is lost beside the running one in float32"


def test_a_constant_input_cannot_decide(saved):
    """Where y is beta throughout, epsilon and its place are open, and the reason is told."""
    arrays = inputs((4, 3, 4), 1, np.float32)
    arrays["x"][:] = 0.5
    one = explained(saved(call(arrays, 1)))
    assert one.explained
    assert np.isinf(one.fit.epsilon.high)
    finding = next(finding for finding in one.findings if finding.what == "normalizing_variance")
    assert set(finding.alternatives) == {"unbiased"}
    assert finding.note == "x is constant in every channel"


def test_beta_only_cannot_decide(saved):
    """A gamma of zeros leaves beta, which every convention gives."""
    arrays = inputs((4, 3, 5), 1, np.float32)
    arrays["gamma"][:] = 0
    made = call(arrays, 1)
    one = explained(saved({name: made[name] for name in ("x", "gamma", "beta", "y")}))
    assert one.explained
    finding = next(finding for finding in one.findings if finding.what == "epsilon_placement")
    assert finding.note == "every gamma is 0"
    assert not finding.decided


def test_a_positive_gamma_cannot_decide_the_scale(saved):
    """|gamma| is gamma where no gamma is negative."""
    one = explained(saved(call(inputs((4, 3, 5), 1, np.float32, positive=True), 1)))
    finding = next(finding for finding in one.findings if finding.what == "scale")
    assert (finding.option, finding.alternatives) == ("gamma", ("absolute",))
    assert finding.note == "no gamma is negative"


def test_without_running_statistics_nothing_is_said_of_them(saved):
    """x, gamma, beta and y suffice; the rest is 'not told'."""
    made = call(inputs((4, 3, 5), 1, np.float32), 1)
    one = explained(saved({name: made[name] for name in ("x", "gamma", "beta", "y")}))
    assert one.explained
    assert options_of(one)["running_variance"] is None
    assert options_of(one)["momentum"] is None


def test_statistics_that_stay_are_gluons(saved):
    """Statistics unmoved by a training forward: they move in backward, as Gluon's."""
    made = call(inputs((4, 3, 5), 1, np.float32), 1, weight=0.0)
    forward = {name: made[name] for name in made if name not in ("dy", "dx", "dgamma", "dbeta")}
    assert [str(match) for match in explained(saved(forward)).matches] == ["Gluon"]


def wrong_dumps():
    made = call(inputs((4, 3, 5), 1, np.float32), 1)
    yield "zeros", made | {"y": np.zeros_like(made["y"])}, "y"
    noise = np.random.default_rng(1).normal(size=made["y"].shape).astype(np.float32)
    yield "noise", made | {"y": made["y"] + noise}, "y"
    moved = made["y"].copy()
    moved[1, 2, 3] += np.float32(1e-3)
    yield "one element", made | {"y": moved}, "y"
    yield "no mean term in dx", made | {"dx": made["dx"] + np.float32(0.25)}, "dx"
    yield (
        "a running variance doubled",
        made | {"running_var_after": made["running_var_after"] * [1, 2, 1]},
        "running_var",
    )
    swapped = call(made | {"gamma": made["beta"], "beta": made["gamma"]}, 1)
    yield "gamma and beta swapped", made | {"y": swapped["y"]}, "y"


@pytest.mark.parametrize(
    ("arrays", "tensor"), [pytest.param(*rest, id=name) for name, *rest in wrong_dumps()]
)
def test_a_wrong_dump_is_not_explained(arrays, tensor, saved):
    """Nothing fits, the tensor that is off is named, and the nearest hypothesis with its error."""
    one = explained(saved(arrays))
    assert not one.explained
    assert one.fit.ratios[tensor] > 1
    assert one.diagnosis


def test_a_wrong_dump_ends_with_status_1(saved):
    """The command says so plainly, with the nearest hypothesis and the diagnosis."""
    name, arrays, _ = next(wrong_dumps())
    done = run(saved(arrays))
    assert (name, done.returncode, done.stderr) == ("zeros", 1, "")
    alone = "diagnosis: y alone explained by zeros: the tensors are all zero"
    for words in ("nothing fits: no combination", "nearest: ", alone):
        assert words in done.stdout


def test_the_other_mode_is_hinted_at(saved):
    """A training call explained as inference says which option is right."""
    made = call(inputs((4, 3, 5), 1, np.float32), 1)
    one = explained(saved(made), training=False)
    assert not one.explained
    assert one.hint == "with --training the same arrays are explained"
