"""A bound that says nothing is told: undecided verdicts, and what is never fine within a bound."""

from dataclasses import replace

import numpy as np
import pytest

from diagnosis.judgement import Answered, error_over_bound, judge
from diagnosis.sharpness import hazard, relative_errors
from reference.conventions import CANONICAL
from reference.expected import Expected, expect
from reference.layer import Layer, Step
from reference.scale import WIDEST
from test_cases.cases import all_cases

ONE_PASS = CANONICAL.but(variance_algorithm="one_pass")
RNG = np.random.default_rng(10)
NORMAL = RNG.standard_normal((100, 2)).astype(np.float32)
FAR = (NORMAL + np.float32([1e4, 0])).astype(np.float32)
"""The first channel is 10,000 deviations from 0, the second is not."""

DY = RNG.standard_normal((100, 2)).astype(np.float32)
LAYER = Layer(momentum=1.0)


def one_pass_answer(x=FAR, dy=DY, epsilon=1e-5, clamp=True):
    """Compute a training step in float32 with the variance as E[x²] − E[x]²."""
    count, one = np.float32(len(x)), np.float32(1)
    mean = x.sum(axis=0, dtype=np.float32) / count
    variance = np.square(x).sum(axis=0, dtype=np.float32) / count - mean * mean
    if clamp:
        variance = np.maximum(variance, 0)
    inverse = one / np.sqrt(np.maximum(variance, 0) + np.float32(epsilon))
    x_hat = (x - mean) * inverse
    dbeta, dgamma = dy.sum(axis=0), (dy * x_hat).sum(axis=0)
    return {
        "y": x_hat,
        "dx": inverse * (dy - dbeta / count - x_hat * (dgamma / count)),
        "dgamma": dgamma,
        "dbeta": dbeta,
        "running_mean": mean,
        "running_var": variance * (count / (count - one)),
    }


def judged(answer, declared=ONE_PASS, layer=LAYER, x=FAR):
    """Return what is said of each tensor, by name."""
    told = judge(layer, [Step(x, DY)], Answered([answer]), declared)
    return {one.tensor: one for one in told}


def test_digits_lost_as_documented_are_a_hazard():
    """Within the declared bound and outside the paper's: named with its worst element."""
    found = judged(one_pass_answer())
    for name in ("y", "dx", "dgamma", "running_var"):
        one = found[name]
        assert one.hazard == one.differs_by == (("variance_algorithm", "one_pass"),), name
        assert one.relative_error > 0.01
    one = found["y"]
    expected = expect(LAYER, [Step(FAR, DY)], ONE_PASS)[0].tensors["y"]
    errors = np.abs(one_pass_answer()["y"] - expected.value) / expected.scale
    assert one.relative_error == errors.max() == errors[one.lost.index]
    told = f"y[{one.lost.index[0]}, 0] = {one.lost.observed:.6g} for {one.lost.expected:.6g} "
    assert told in one.message("t c")
    assert not any(found[name].hazard for name in ("dbeta", "running_mean"))


@pytest.mark.parametrize(
    ("error", "dtype", "costly"),
    [
        (1.1e-3, "float32", True),
        (0.9e-3, "float32", False),
        (0.9e-3, "float64", False),
        (0.021, "float16", False),
        (0.023, "float16", True),
        (0.06, "bfloat16", False),
        (np.inf, "bfloat16", True),
        (None, "float32", False),
    ],
)
def test_a_hazard_costs_half_of_the_digits(error, dtype, costly):
    """Of what a tensor differs by, that which changes a bound; a choice of values costs nothing."""
    choices = (("running_variance", "biased"), *ONE_PASS.deviations().items())
    choices += (("default_epsilon", 1e-3),)
    assert hazard(error, dtype, choices) == (choices[1:2] if costly else ())


def test_within_a_bound_that_is_wider_than_the_value_nothing_is_decided():
    """y is off by its own size, and its bound allows that: neither `conforms` nor `differs`."""
    (usual,) = expect(LAYER, [Step(FAR, DY)], ONE_PASS)
    found = judged(one_pass_answer())
    for name in ("y", "dx", "dgamma", "running_var"):
        one = found[name]
        assert (one.verdict, one.open_channels) == ("undecided", (0,)), name
        assert one.error_over_bound <= 1 and not one.fails
        widths = usual.tensors[name].bound_over_scale
        assert one.bound_over_scale == widths[0] > WIDEST >= widths[1]
        told = one.message("t c")
        assert f"the bound is {one.bound_over_scale:.3g} × the size of the values" in told
        assert "says nothing in channel 0" in told
    assert {found[name].verdict for name in ("dbeta", "running_mean")} == {"conforms"}


def test_the_other_channels_are_judged():
    """Nothing is known of the first channel; an error in the second violates all the same."""
    (usual,) = expect(LAYER, [Step(FAR, DY)], ONE_PASS)
    answer = one_pass_answer()
    answer["y"][7, 1] += np.float32(2 * usual.tensors["y"].bound[7, 1])
    found = judged(answer)
    assert found["y"].verdict == "violates"
    assert found["y"].worst.index == (7, 1)
    assert found["running_var"].verdict == "undecided"


def test_outside_a_wide_bound_is_a_violation():
    """A bound that proves nothing of what is within it excludes what is not."""
    (usual,) = expect(LAYER, [Step(FAR, DY)], ONE_PASS)
    answer = one_pass_answer()
    answer["running_var"][0] += np.float32(3 * usual.tensors["running_var"].bound[0])
    assert judged(answer)["running_var"].verdict == "violates"


def test_under_the_tight_bound_the_same_answer_violates():
    """Undeclared, the digits that are lost are outside the bound, which is decided."""
    found = judged(one_pass_answer(), CANONICAL)
    assert found["y"].verdict == found["running_var"].verdict == "violates"
    assert found["y"].bound_over_scale < WIDEST


def test_a_variance_below_zero_violates_within_any_bound():
    """E[x²] − E[x]², not kept from going below 0: the bound would allow it, and nothing does."""
    answer = one_pass_answer(clamp=False)
    (usual,) = expect(LAYER, [Step(FAR, DY)], ONE_PASS)
    expected = usual.tensors["running_var"]
    answer["running_var"][0] = -expected.bound[0] / 2
    assert abs(answer["running_var"][0] - expected.value[0]) < expected.bound[0]
    one = judged(answer)["running_var"]
    assert (one.verdict, one.worst.index) == ("violates", (0,))
    answer["running_var"][0] = 0
    assert judged(answer)["running_var"].verdict == "undecided"


def test_a_variance_that_was_below_zero_may_stay_there():
    """The fault is told where it happens; and a weight above 1 is no weight of an average."""
    for layer in (
        replace(LAYER, momentum=0.1, running_mean=np.zeros(2), running_var=np.full(2, -40.0)),
        replace(LAYER, momentum=1.5, running_mean=np.zeros(2), running_var=np.full(2, 400.0)),
    ):
        (usual,) = expect(layer, [Step(NORMAL)])
        expected = usual.tensors["running_var"]
        assert (expected.value < 0).all()
        observed = expected.value.astype(np.float32)
        assert (error_over_bound(observed, expected) <= 1).all()


def test_no_number_in_place_of_one_violates_without_any_bound():
    """Sums that may overflow have no bound; that excuses an infinity or a wrong value, no NaN."""
    x = (NORMAL * np.float32(1e37)).astype(np.float32)
    step = Step(x, DY)
    (usual,) = expect(LAYER, [step])
    assert np.isinf(usual.tensors["running_mean"].bound).all()
    assert np.isinf(usual.tensors["y"].bound).any()
    with np.errstate(over="ignore"):
        answer = {name: one.value.astype(np.float32) for name, one in usual.tensors.items()}
    assert judged(answer, CANONICAL, x=x)["y"].verdict == "undecided"
    answer["y"] = answer["y"].copy()
    answer["y"][3, 0] = np.nan
    one = judged(answer, CANONICAL, x=x)["y"]
    assert (one.verdict, one.worst.index) == ("violates", (3, 0))


def test_without_epsilon_no_number_is_no_news():
    """A variance that rounds to 0 is 0 / 0 without epsilon, in correct arithmetic too."""
    x = np.full((7, 2), 1e4, np.float32)
    x[0] = np.nextafter(x[0], np.float32(0))
    lost = np.full((7, 2), np.nan, np.float32)
    for epsilon, excess in ((0.0, 0.0), (1e-30, np.inf)):
        (usual,) = expect(replace(LAYER, epsilon=epsilon), [Step(x, DY[:7])])
        for name in ("y", "dx"):
            assert np.isfinite(usual.tensors[name].value).all()
            assert (error_over_bound(lost, usual.tensors[name]) == excess).all()


@pytest.mark.parametrize(
    ("bounds", "open_ones"),
    [
        ([[0.4, 0.5, 0.1], [0.4, 0.1, 0.6]], (1,)),
        ([[0.0, 0.0, 0.0], [np.inf, np.inf, 0.1]], (1,)),
        ([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]], (0, 1)),
        ([[0.5, 0.5, 0.5], [0.25, 0.5, 0.0]], ()),
    ],
)
def test_a_channel_is_open_by_its_widest_bound(bounds, open_ones):
    """Above a half of the size, and what makes no claim is wide."""
    shape = np.zeros((3, 2))
    expected = Expected(shape, np.array(bounds).T, np.ones(2), channel_axis=1)
    assert expected.open_channels == open_ones
    assert Expected(shape.T, np.array(bounds), np.ones(2)).open_channels == open_ones


def test_what_is_exact_or_no_number_or_empty_is_not_wide():
    """0 of 0, a value that is NaN or infinite, a tensor without elements, an input."""
    zeros = Expected(np.zeros(2), np.zeros(2), np.full(2, 1e-31))
    assert zeros.open_channels == ()
    infinite = Expected(np.array([np.nan, np.inf]), np.full(2, np.nan), np.full(2, np.inf))
    assert infinite.open_channels == ()
    empty = Expected(np.zeros((0, 2)), np.zeros((0, 2)), np.ones(2), channel_axis=1)
    assert (empty.open_channels, empty.bound_over_scale) == ((), None)
    assert Expected(np.zeros(2), np.ones(2)).open_channels == ()


def test_an_error_is_told_in_the_size_of_its_channel():
    """The channel's own scale counts, and what is no number is infinitely far."""
    expected = Expected(np.float64([[0, 10]]), np.ones((1, 2)), np.float64([1, 100]), 1)
    assert relative_errors(np.float32([[0.5, 60]]), expected).tolist() == [[0.5, 0.5]]
    assert relative_errors(np.float32([[np.nan, 10]]), expected).tolist() == [[np.inf, 0]]
    assert relative_errors(np.float32([1]), Expected(np.zeros(1), np.ones(1))) is None
    lost = Expected(np.float64([np.nan, np.inf]), np.ones(2), np.ones(2))
    assert relative_errors(np.float32([np.nan, np.inf]), lost).tolist() == [0, 0]


def test_the_first_of_a_zero_debiased_average_replaces_what_was_there():
    """Nothing of the history enters it, so nothing of the history is in its bound."""
    layer = Layer(running_mean=np.float32([-8, 32]), running_var=np.float32([64, 16]))
    debiased = CANONICAL.but(running_update="zero_debiased")
    (usual,) = expect(layer, [Step(NORMAL * np.float32(1e-20))], debiased)
    replaced = expect(
        layer,
        [Step(NORMAL * np.float32(1e-20))],
        CANONICAL.but(running_update="first_batch_replaces"),
    )[0]
    for name in ("running_mean", "running_var"):
        assert np.array_equal(usual.tensors[name].value, replaced.tensors[name].value)
        assert usual.tensors[name].open_channels == ()


def test_the_catalogue_is_decided_under_the_paper_s_conventions():
    """Every tensor of every case, but for the one channel that a sum in blocks cannot settle."""
    long = "a-long-constant-channel-has-no-variance-float32"
    found = {
        (name, tensor, expected.open_channels)
        for name, case in all_cases().items()
        for step in expect(case.layer(), case.inputs(), CANONICAL, case.exact)
        for tensor, expected in step.tensors.items()
        if expected.open_channels
    }
    assert found == {(long, tensor, (2,)) for tensor in ("y", "dx", "dgamma", "running_var")}


def test_a_line_names_a_few_channels():
    """A layer with many of them is told in one line all the same."""
    one = replace(judged(one_pass_answer())["y"], open_channels=tuple(range(900)))
    assert "says nothing in channel 0, 1, 2, 3 and 896 more; differs" in one.message("t c")


def test_what_is_open_is_told_once():
    """A step is expected to go on from the target's own variance where nothing is known of it."""
    steps = [Step(FAR, DY), Step(FAR, None, False)]
    first = one_pass_answer()
    inverse = 1 / np.sqrt(first["running_var"] + np.float32(1e-5))
    second = {
        "y": (FAR - first["running_mean"]) * inverse,
        "running_mean": first["running_mean"],
        "running_var": first["running_var"],
    }
    told = judge(LAYER, steps, Answered([first, second]), ONE_PASS)
    later = {one.tensor: one for one in told if one.step == 1}
    assert {one.verdict for one in later.values()} == {"conforms"}
    second["y"] = second["y"] * np.float32(1.01)
    told = judge(LAYER, steps, Answered([first, second]), ONE_PASS)
    assert [(one.tensor, one.step) for one in told if one.fails] == [("y", 1)]


def test_squares_that_overflow_make_a_variance_too_large_and_not_too_small():
    """An infinite variance answers beta, and no gradient; ten times y is no overflow."""
    case = all_cases()["values-of-300-overflow-no-statistics-float16"]
    declared = CANONICAL.but(arithmetic="rounded_steps", statistics_dtype="input_dtype")
    (usual,) = expect(case.layer(), case.inputs(), declared)
    y, dx = usual.tensors["y"], usual.tensors["dx"]
    beta = case.layer().beta.reshape(1, -1, 1, 1)
    answered = np.broadcast_to(beta, y.value.shape).astype(np.float16)
    assert 0.9 < error_over_bound(answered, y).max() <= 1
    assert error_over_bound(np.zeros(dx.value.shape, np.float16), dx).max() <= 1
    far = (beta + 10 * (y.value - beta)).astype(np.float16)
    assert error_over_bound(far, y).max() > 1
    assert WIDEST < y.bound_over_scale.max() < 3
    assert usual.tensors["running_var"].open_channels == (0, 1, 2)
