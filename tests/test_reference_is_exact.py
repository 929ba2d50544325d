"""The reference against the exact oracle, its bounds against float32 arithmetic, and known numbers.

A float32 tensor in a layer of dtype float64 makes `expect` work in float64 and bound float64
arithmetic, so its own roundings are held to its own bounds: no tolerance is chosen here.
"""

from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest

from reference.backward import batch_norm_backward
from reference.batch_norm import batch_norm
from reference.conventions import CANONICAL, CONVENTIONS, Conventions
from reference.error_bound import backward_bound, forward_bound
from reference.expected import OPTIONAL, expect
from reference.float_formats import FloatFormat
from reference.layer import Layer, Step, epsilon_of, weight_of_batch
from reference.precision import Precision
from tests.exact_oracle import BITS, ExactLayer, as_fraction, certified_root

STATE = ("gamma", "beta", "running_mean", "running_var")

DEVIATIONS = [
    (name, option)
    for name, convention in CONVENTIONS.items()
    if convention.changes == "values"
    for option in convention.options
    if option != convention.canonical
]

ALL_PAIRS = [
    dict(deviations)
    for count in (0, 1, 2)
    for deviations in combinations(DEVIATIONS, count)
    if len(dict(deviations)) == count
]

SHAPES = [
    *((n, channels) for n in range(1, 9) for channels in (1, 2, 3)),
    *((2, 3, 1), (1, 2, 4), (2, 2, 3), (4, 1, 2)),
    *((1, 3, 2, 3), (2, 1, 2, 2), (2, 2, 1, 3), (1, 2, 2, 2, 2), (2, 3, 1, 1, 2), (1, 1, 3, 1, 2)),
]
"""Samples first, channels second: ranks 2 to 5, 1 to 8 values in each of 1 to 3 channels."""


def name_of(changes: dict[str, str]) -> str:
    """Return a test id for a choice of deviations."""
    return "-".join(changes.values()) or "canonical"


def draw_state(rng, channels: int, dtype=np.float32) -> dict[str, np.ndarray]:
    """Return gamma (a negative one first, a zero last), beta and the running statistics."""
    gamma = np.linspace(-1.25, 0, channels) if channels > 1 else rng.normal(size=1)
    vectors = (
        gamma,
        rng.normal(size=channels),
        rng.normal(size=channels),
        rng.uniform(0.25, 4, size=channels),
    )
    return {name: vector.astype(dtype) for name, vector in zip(STATE, vectors, strict=True)}


def draw_tensor(rng, shape, channel_axis: int, offset=0.0, dtype=np.float32) -> np.ndarray:
    """Return normal values around `offset`, the channels moved from axis 1 to `channel_axis`."""
    tensor = rng.normal(offset, 1, size=shape).astype(dtype)
    return np.moveaxis(tensor, 1, channel_axis)


def draw_steps(rng, shape) -> list[Step]:
    """Return calls of every kind, the channels along axis 1."""
    steps = []
    for kind in ("backward", "backward", "forward only", "inference", "backward"):
        x, dy = (draw_tensor(rng, shape, 1, offset) for offset in (0.5, 0.25))
        steps.append(Step(x, None if kind == "forward only" else dy, kind != "inference"))
    return steps


def worst_excess(value, bound, exact) -> str | None:
    """Return a message on the first element outside its bound, or None."""
    exact = np.asarray(exact, dtype=object)
    if np.shape(value) != exact.shape or np.shape(bound) != exact.shape:
        return f"shapes: value {np.shape(value)}, bound {np.shape(bound)}, exact {exact.shape}"
    for index in np.ndindex(exact.shape):
        if not (np.isfinite(value[index]) and np.isfinite(bound[index])):
            return f"{list(index)} = {value[index]}, bound {bound[index]}"
        error, allowed = abs(as_fraction(value[index]) - exact[index]), Fraction(bound[index])
        if error > allowed:
            ratio = float(error / allowed) if allowed else float("inf")
            should = float(exact[index])
            return f"{list(index)} = {value[index]}, should be {should} (error {ratio:.3g} × bound)"
    return None


def exact_layer(state, channels, **options):
    """Return the oracle's layer: one with a state, or a new one where there is none."""
    return ExactLayer(state.values(), **options) if state else ExactLayer.new(channels, **options)


def check_steps(state, steps, conventions, *, epsilon, momentum, channel_axis=1):
    """Raise AssertionError where `expect` leaves its float64 bounds around the exact tensors."""
    layer = Layer(
        dtype="float64",
        channel_axis=channel_axis,
        epsilon=epsilon,
        raw_momentum=momentum,
        **state,
    )
    oracle = exact_layer(
        state,
        steps[0].x.shape[channel_axis],
        epsilon=epsilon,
        momentum=momentum,
        conventions=conventions,
        channel_axis=channel_axis,
    )
    expectations = expect(layer, steps, conventions)
    for number, (step, expectation) in enumerate(zip(steps, expectations, strict=True)):
        exact = oracle.step(step.x, step.dy, step.training)
        assert expectation.tensors.keys() - {*OPTIONAL} == exact.keys()
        for name in exact:
            expected = expectation.tensors[name]
            excess = worst_excess(expected.value, expected.bound, exact[name])
            assert excess is None, f"step {number}: {name}{excess}"


@pytest.mark.parametrize("changes", ALL_PAIRS, ids=name_of)
def test_every_convention_and_pair_of_conventions_is_exact(changes):
    """Two batches forward and backward, one forward only, inference and a batch more are exact."""
    rng = np.random.default_rng(ALL_PAIRS.index(changes))
    conventions = Conventions(**changes)
    for shape, epsilon, momentum in (((2, 2, 3), 1e-3, 0.25), ((4, 3), 0.125, 0.9)):
        state = draw_state(rng, shape[1])
        steps = draw_steps(rng, shape)
        check_steps(state, steps, conventions, epsilon=epsilon, momentum=momentum)


@pytest.mark.parametrize("changes", ALL_PAIRS[: len(DEVIATIONS) + 1], ids=name_of)
def test_a_new_layer_is_exact(changes):
    """What a layer that nothing was given starts from is exact under every convention."""
    steps = draw_steps(np.random.default_rng(5), (4, 3))
    check_steps({}, steps[::-1], Conventions(**changes), epsilon=1e-3, momentum=0.25)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("channel_axis", [1, -1])
def test_every_shape_and_channel_axis_is_exact(shape, channel_axis):
    """Small tensors of every rank are exact, wherever they are centred and for each epsilon."""
    rng = np.random.default_rng(shape)
    for epsilon, offset in product((1e-3, 1e-5), (0.0, -30.0, 1e4)):
        state = draw_state(rng, shape[1])
        x, dy = (draw_tensor(rng, shape, channel_axis, mean) for mean in (offset, 0.0))
        steps = [Step(x, dy, True), Step(x, dy, False)]
        check_steps(
            state, steps, CANONICAL, epsilon=epsilon, momentum=0.1, channel_axis=channel_axis
        )


@pytest.mark.parametrize("placement", CONVENTIONS["epsilon_placement"].options)
@pytest.mark.parametrize("shape", [(1, 2), (4, 2), (2, 2, 3)], ids=str)
def test_constant_channels_are_exact(placement, shape):
    """A channel whose values are all equal is exact: its variance is 0 and only epsilon is left."""
    rng = np.random.default_rng(7)
    x = np.full(shape, 0.375, np.float32)
    x[:, 1] = -3
    step = Step(x, draw_tensor(rng, shape, 1), True)
    conventions = CANONICAL.but(epsilon_placement=placement)
    check_steps(draw_state(rng, 2), [step], conventions, epsilon=1e-3, momentum=0.5)


@pytest.mark.parametrize("changes", ALL_PAIRS[: len(DEVIATIONS) + 1], ids=name_of)
def test_reference_for_float64_is_exact_in_long_double(changes):
    """For a float64 layer the reference is exact to the roundings of its own long doubles."""
    rng = np.random.default_rng(64)
    conventions = Conventions(**changes)
    bits = np.finfo(np.longdouble).nmant + 1
    long_double = FloatFormat("longdouble", bits, -1022, 1023)
    precision = Precision(*[long_double] * 7, 0.0, conventions.summation)
    state = draw_state(rng, 2, np.float64)
    options = {"conventions": conventions, "channel_axis": -1}
    oracle = ExactLayer(state.values(), epsilon=1e-3, momentum=0.7, **options)
    handed = Layer("float64", epsilon=1e-3, raw_momentum=0.7)
    options["epsilon"] = epsilon_of(handed, conventions)
    weight = weight_of_batch(handed, conventions)
    d_running = np.zeros(2), np.zeros(2)
    for batches_seen in range(3):
        x, dy = (draw_tensor(rng, (3, 2, 2), -1, dtype=np.float64) for _ in range(2))
        forward = batch_norm(
            x,
            *state.values(),
            momentum=weight,
            training=True,
            batches_seen=batches_seen,
            **options,
        )
        bound = forward_bound(forward, precision, d_running)
        gradients = batch_norm_backward(dy, forward)
        d_gradients = backward_bound(dy, forward, bound, gradients, precision)
        exact = oracle.step(x, dy, training=True)
        assert forward.y.dtype == np.longdouble
        for values, bounds, names in (
            (forward, bound, ("y", "running_mean", "running_var")),
            (gradients, d_gradients, ("dx", "dgamma", "dbeta")),
        ):
            for name in names:
                excess = worst_excess(getattr(values, name), getattr(bounds, name), exact[name])
                assert excess is None, f"batch {batches_seen}: {name}{excess}"
        state |= {"running_mean": forward.running_mean, "running_var": forward.running_var}
        d_running = bound.running_mean, bound.running_var


def two_pass_float32(x, dy, layer: Layer) -> dict[str, np.ndarray]:
    """Compute one canonical training step in float32 throughout, as a good framework would.

    Each channel becomes one contiguous row, because NumPy sums only those in blocks.
    """
    rows_first = np.moveaxis(x, 1, 0).shape
    x, dy = (np.ascontiguousarray(np.moveaxis(t, 1, 0)).reshape(len(t[0]), -1) for t in (x, dy))
    gamma, beta, running_mean, running_var = (getattr(layer, name) for name in STATE)
    count, m = np.float32(x.shape[1]), np.float32(layer.momentum)
    mean = x.mean(axis=1)
    centred = x - mean[:, None]
    variance = np.square(centred).mean(axis=1)
    inverse = np.float32(1) / np.sqrt(variance + np.float32(layer.epsilon))
    x_hat = centred * inverse[:, None]
    dbeta, dgamma = dy.sum(axis=1), (dy * x_hat).sum(axis=1)
    bracket = dy - (dbeta / count)[:, None] - x_hat * (dgamma / count)[:, None]
    y = gamma[:, None] * x_hat + beta[:, None]
    dx = (gamma * inverse)[:, None] * bracket
    return {
        "y": np.moveaxis(y.reshape(rows_first), 0, 1),
        "running_mean": (1 - m) * running_mean + m * mean,
        "running_var": (1 - m) * running_var + m * variance * (count / (count - 1)),
        "dx": np.moveaxis(dx.reshape(rows_first), 0, 1),
        "dgamma": dgamma,
        "dbeta": dbeta,
    }


def float32_cases():
    """Yield 300 random (layer, step): ranks 2 to 5, 2 to 2,000 values, |mean|/std up to 10^4."""
    rng = np.random.default_rng(2015)
    for number in range(300):
        rank = 2 + number % 4
        shape = np.ones(rank, int)
        shape[0] = np.exp(rng.uniform(np.log(2), np.log(2000 / 3 ** (rank - 2))))
        shape[1], shape[2:] = rng.integers(1, 6), 3
        offset = rng.choice([0.0, 1.0, 10.0 ** rng.uniform(0, 4)])
        state = draw_state(rng, shape[1])
        state["gamma"] = rng.normal(size=shape[1]).astype(np.float32)
        layer = Layer(epsilon=rng.choice([1e-3, 1e-5]), momentum=rng.choice([0.1, 0.01]), **state)
        yield layer, Step(draw_tensor(rng, shape, 1, offset), draw_tensor(rng, shape, 1, 1))


def test_bounds_hold_for_two_pass_float32_and_are_not_vacuous():
    """Float32 arithmetic stays inside each bound and its median error is above 0.5 % of it."""
    ratios = {}
    for layer, step in float32_cases():
        (expectation,) = expect(layer, [step])
        for name, computed in two_pass_float32(step.x, step.dy, layer).items():
            assert computed.dtype == np.float32
            expected = expectation.tensors[name]
            ratio = np.abs(computed - expected.value) / expected.bound
            ratios.setdefault(name, []).append(ratio.max())
            assert ratio.max() <= 1, f"{name}: error {ratio.max():.3g} × bound, x {step.x.shape}"
    medians = {name: float(np.median(values)) for name, values in ratios.items()}
    assert all(len(values) == 300 for values in ratios.values())
    assert min(medians.values()) > 0.005, medians


def test_bound_of_y_catches_a_shift_of_eight_ulp():
    """Moving y by 8 ULP of a channel's largest value leaves the bound in most small channels."""
    rng = np.random.default_rng(8)
    caught = []
    for shape in [(8, 2), (2, 2, 4), (1, 3, 2, 4), (1, 2, 2, 2, 2)] * 25:
        state = draw_state(rng, shape[1]) | {"gamma": np.ones(shape[1], np.float32)}
        (expectation,) = expect(Layer(**state), [Step(draw_tensor(rng, shape, 1))])
        expected = expectation.tensors["y"]
        for channel in range(shape[1]):
            value, bound = (array[:, channel] for array in (expected.value, expected.bound))
            rounded = value.astype(np.float32)
            shifted = rounded + 8 * np.spacing(np.abs(rounded).max())
            caught.append((np.abs(shifted - value) > bound).any())
    assert sum(caught) > len(caught) / 2, f"{sum(caught)} of {len(caught)} channels"


def test_every_column_of_consecutive_rows_is_normalised_alike():
    """The rows 1..5, 2..6, ..., 5..9 become -1.4142, -0.7071, 0, 0.7071, 1.4142 in each column."""
    x = np.add.outer(np.arange(1.0, 6), np.arange(5)).astype(np.float32)
    options = {"epsilon": 0.0, "momentum": 0.1, "training": True}
    y = batch_norm(x, np.ones(5), np.zeros(5), np.zeros(5), np.ones(5), **options).y
    column = [-1.4142, -0.7071, 0.0, 0.7071, 1.4142]
    assert np.round(y, 4).T.tolist() == [column] * 5


def test_channel_means_of_counted_tensor():
    """The channels of arange(30) in shape (2, 3, 1, 5) have the means 9.5, 14.5 and 19.5."""
    x = np.arange(30, dtype=np.float32).reshape(2, 3, 1, 5)
    zeros, ones = np.zeros(3), np.ones(3)
    forward = batch_norm(x, ones, zeros, zeros, ones, epsilon=1e-5, momentum=1.0, training=True)
    assert forward.mean.ravel().tolist() == [9.5, 14.5, 19.5]
    assert forward.running_mean.tolist() == [9.5, 14.5, 19.5]


def test_oracle_root_is_certified():
    """The oracle's square root is exact for squares and within 2**-200 for large and small ones."""
    assert certified_root(Fraction(9, 16)) == Fraction(3, 4)
    for value in (Fraction(2), Fraction(1, 3), Fraction(7, 10**40), Fraction(10**40, 7)):
        root = certified_root(value)
        assert root**2 <= value < (root * (1 + Fraction(1, 2**BITS))) ** 2
