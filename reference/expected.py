"""What a layer should answer: expected tensors and their bounds, step after step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from .backward import batch_norm_backward
from .batch_norm import Forward, batch_norm
from .conventions import CANONICAL, Conventions
from .error_bound import backward_bound, forward_bound, kept_error
from .layer import Layer, Step, axis_of, epsilon_of, state_of, trains, weight_of_batch
from .precision import Precision
from .scale import WIDEST, backward_scale, forward_scale

TENSORS = ("y", "dx", "dgamma", "dbeta", "running_mean", "running_var", "x")
OPTIONAL = ("x", "dy", "gamma", "beta", "previous_mean", "previous_var")
"""Inputs, as they are after the call: an answer has those that a layer could or did write into.

`previous_mean` and `previous_var` are the running statistics as they were handed to the layer.
"""

FORMULAS = {
    "y": "y = γ (x − μ) / √(σ² + ε) + β",
    "dx": "dx = γ/√(σ² + ε) · (dy − mean(dy) − x̂ · mean(dy · x̂))",
    "dgamma": "dγ = Σ dy · x̂",
    "dbeta": "dβ = Σ dy",
    "running_mean": "running_mean ← (1 − m) · running_mean + m · μ",
    "running_var": "running_var ← (1 − m) · running_var + m · σ² · n/(n − 1)",
    **{name: f"{name} stays what it was" for name in OPTIONAL},
}
"""The canonical formula of each tensor; m is the weight of the new batch."""


@dataclass(frozen=True)
class Expected:
    """The value a tensor should have and how far from it correct arithmetic can land.

    `scale` is the size of each channel, (channels,), along the tensor's `channel_axis`; None for
    what is an input. No arithmetic answers less than `least`, whatever the bound is, and none
    answers NaN for a number, but where epsilon is 0 or the history infinite.
    """

    value: np.ndarray
    bound: np.ndarray
    scale: np.ndarray | None = None
    channel_axis: int = 0
    least: float = -np.inf
    may_be_nan: bool = False

    @cached_property
    def open_channels(self) -> tuple[int, ...]:
        """The channels in which the bound is wider than the value, so that it proves nothing.

        A channel is open where the bound of an element is above half of its scale. Both are those
        of the element that is largest: a bound grows with the element.
        """
        if self.bound_over_scale is None:
            return ()
        return tuple(map(int, np.flatnonzero(~(self.bound_over_scale <= WIDEST))))

    @cached_property
    def bound_over_scale(self) -> np.ndarray | None:
        """The largest bound of each channel, in units of the channel's scale: (channels,), float64.

        A value that is no number has no width. None where there is no scale, or no element.
        """
        if self.scale is None or self.value.size == 0:
            return None
        bounds, values = (
            np.moveaxis(array, self.channel_axis, 0).reshape(len(self.scale), -1)
            for array in (np.asarray(self.bound, np.float64), self.value)
        )
        with np.errstate(all="ignore"):
            widths = bounds / self.scale[:, None]
        return np.where(np.isfinite(values), widths, 0.0).max(axis=1)


@dataclass(frozen=True)
class StepExpectation:
    """The expected tensors of one step, or the convention by which the step is refused."""

    tensors: dict[str, Expected]
    refused_by: str | None = None


@np.errstate(all="ignore")  # a layer's state can be anything, and so can what follows from it
def expect(
    layer: Layer,
    steps: Sequence[Step],
    conventions: Conventions = CANONICAL,
    exact: Sequence[str] = (),
    answers: Sequence[Mapping[str, np.ndarray]] = (),
) -> list[StepExpectation]:
    """Return what each step should answer under the conventions; a refusal ends the list.

    Tensors named in `exact` get the bound 0: their inputs make every rounding vanish, where the
    conventions add none. Where `answers`, a target's own tensors step by step, hold running
    statistics outside their bounds, the next step is expected to go on from those: one fault is
    told once, where it happens. So it is where a bound says nothing: what is open is told once.
    """
    epsilon = epsilon_of(layer, conventions)
    momentum = weight_of_batch(layer, conventions)
    axis = axis_of(layer, conventions)
    channels = steps[0].x.shape[axis]
    gamma, beta, running_mean, running_var = state_of(layer, channels, conventions)
    precision = Precision.of(layer.dtype, conventions)
    d_running = (
        kept_error(running_mean, precision.statistics),
        kept_error(running_var, precision.statistics),
    )
    batches_seen = 0
    expectations: list[StepExpectation] = []
    for number, step in enumerate(steps):
        refusal = refused_by(layer, step, epsilon, axis, conventions)
        if refusal:
            expectations.append(StepExpectation({}, refusal))
            break
        training = trains(step, conventions)
        forward = batch_norm(
            step.x,
            gamma,
            beta,
            running_mean,
            running_var,
            epsilon=epsilon,
            momentum=momentum,
            training=training,
            conventions=conventions,
            channel_axis=axis,
            batches_seen=batches_seen,
        )
        bound = forward_bound(forward, precision, d_running)
        scale = forward_scale(forward, precision)
        nan = epsilon == 0
        tensors = {"y": Expected(forward.y, bound.y, scale["y"], axis, may_be_nan=nan)}
        if step.dy is not None:
            gradients = batch_norm_backward(step.dy, forward)
            d = backward_bound(step.dy, forward, bound, gradients, precision)
            scale |= backward_scale(step.dy, forward, precision)
            for name in ("dx", "dgamma", "dbeta"):
                tensors[name] = Expected(
                    getattr(gradients, name),
                    getattr(d, name),
                    scale[name],
                    axis if name == "dx" else 0,
                    may_be_nan=nan,
                )
        if conventions.running_update != "on_backward" or step.dy is not None:
            running_mean, running_var = forward.running_mean, forward.running_var
            d_running = (bound.running_mean, bound.running_var)
            batches_seen += training
        wide = forward.y.dtype  # a given state is still in the layer's own
        endless = not np.all(np.isfinite(forward.previous_mean + forward.previous_var))
        tensors["running_mean"] = Expected(
            np.asarray(running_mean, wide),
            d_running[0],
            scale["running_mean"],
            may_be_nan=endless,
        )
        tensors["running_var"] = Expected(
            np.asarray(running_var, wide),
            d_running[1],
            scale["running_var"],
            least=_least_variance(forward),
            may_be_nan=endless,
        )
        tensors |= _inputs(layer, step)
        for name in exact:
            if name in tensors and not _rounds(name, conventions):
                zero = np.zeros(np.shape(tensors[name].value))
                tensors[name] = replace(tensors[name], bound=zero)
        expectations.append(StepExpectation(tensors))
        if number < len(answers):
            running_mean, running_var, d_running = _go_on_from(answers[number], tensors, d_running)
    return expectations


def strays(
    expectations: Sequence[StepExpectation], answers: Sequence[Mapping[str, np.ndarray]]
) -> bool:
    """Say whether a target's running statistics leave their bounds before the last step, or have
    none that says anything, so that the steps after it are to be expected from the target's own."""
    for answer, expectation in zip(answers[:-1], expectations, strict=False):
        for name in ("running_mean", "running_var"):
            expected = expectation.tensors.get(name)
            own = answer.get(name)
            if expected is None or own is None or own.shape != expected.value.shape:
                continue
            if expected.open_channels:
                return True
            with np.errstate(invalid="ignore"):
                near = np.abs(own - expected.value) <= expected.bound
            if not np.all(near):
                return True
    return False


def relevant(conventions: Conventions, layer: Layer, steps: Sequence[Step]) -> Conventions:
    """Return the conventions without those that play no part in a case, set to the canonical ones:
    what they expect is the same, and equal conventions can share it."""
    idle = set()
    idle |= {"default_epsilon"} if layer.epsilon is not None else set()
    idle |= {"default_momentum"} if layer.momentum is not None else set()
    idle |= {"default_channel_axis"} if layer.channel_axis is not None else set()
    idle |= {"layer_rank"} if layer.layer_rank is None else set()
    idle |= {"zero_epsilon"} if layer.epsilon else set()
    idle |= {"bare_call"} if all(step.training is not None for step in steps) else set()
    idle |= {"empty_batch"} if all(step.x.size for step in steps) else set()
    idle |= {"initial_running_var"} if layer.running_var is not None else set()
    idle |= {"statistics_gradient"} if all(step.dy is None for step in steps) else set()
    plain = layer.dtype != "float64" or conventions.numbers == CANONICAL.numbers
    idle |= {"momentum_meaning"} if layer.raw_momentum is None and plain else set()
    idle |= {"numbers"} if layer.dtype != "float64" else set()
    # what is rounded to half precision is so in half precision, and float32 is no loss elsewhere
    of_double = conventions.arithmetic == "float32"
    if layer.dtype == "float32" or of_double != (layer.dtype == "float64"):
        idle.add("arithmetic")
    # a float32 layer keeps its statistics in float32 whatever it promises of other dtypes
    own_dtype = layer.dtype == "float64" and conventions.statistics_dtype != "always_float32"
    widened = layer.dtype != "float64" and conventions.statistics_dtype == "always_float32"
    idle |= {"statistics_dtype"} if layer.dtype == "float32" or own_dtype or widened else set()
    axis = axis_of(layer, conventions)
    if all(step.x.size > step.x.shape[axis] for step in steps):
        idle.add("single_value")
    return conventions.but(**{name: getattr(CANONICAL, name) for name in idle})


def _inputs(layer: Layer, step: Step) -> dict[str, Expected]:
    """Return what goes in, which a layer must leave as it is."""
    arrays = (step.x, step.dy, layer.gamma, layer.beta, layer.running_mean, layer.running_var)
    return {
        name: Expected(array, np.broadcast_to(0.0, array.shape))
        for name, array in zip(OPTIONAL, arrays, strict=True)
        if array is not None
    }


def _least_variance(forward: Forward) -> float:
    """Return 0, below which no average of variances is: not where one was given, nor where the
    weights are no weights of an average."""
    average = 0 <= forward.weight <= 1 and not np.any(forward.previous_var < 0)
    return 0.0 if average else -np.inf


def _rounds(tensor: str, conventions: Conventions) -> bool:
    """Say whether a tensor is rounded for any input: a root, or epsilon, is in what is kept."""
    if tensor != "running_var":
        return False
    exact = conventions.running_variance in ("unbiased", "biased")
    return not exact or conventions.running_statistic != "variance"


def _go_on_from(answer: Mapping[str, np.ndarray], tensors: dict[str, Expected], d_running):
    """Return the running statistics for the next step: the target's own where they are off, or
    where nothing is known of them."""
    state, bounds = [], []
    for name, bound in zip(("running_mean", "running_var"), d_running, strict=True):
        expected = tensors[name].value
        own = answer.get(name)
        if own is not None and np.shape(own) == np.shape(expected):
            own = np.asarray(own, expected.dtype)
            with np.errstate(invalid="ignore"):
                off = ~(np.abs(own - expected) <= tensors[name].bound)
            off[list(tensors[name].open_channels)] = True
            expected, bound = np.where(off, own, expected), np.where(off, 0.0, bound)
        state.append(expected)
        bounds.append(bound)
    return *state, tuple(bounds)


def refused_by(
    layer: Layer, step: Step, epsilon: float, axis: int, conventions: Conventions
) -> str | None:
    """Name the convention under which the layer refuses this step, if there is one."""
    if layer.layer_rank not in (None, step.x.ndim) and conventions.layer_rank == "raises":
        return "layer_rank"
    if step.training is None and conventions.bare_call == "raises":
        return "bare_call"
    if step.x.size == 0 and conventions.empty_batch == "raises":
        return "empty_batch"
    if not trains(step, conventions):
        return None
    values_per_channel = step.x.size // step.x.shape[axis] if step.x.shape[axis] else 0
    if values_per_channel == 1 and conventions.single_value == "raises":
        return "single_value"
    if epsilon == 0 and conventions.zero_epsilon == "raises":
        return "zero_epsilon"
    return None
