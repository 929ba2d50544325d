"""Faults that kernels really have: wrong layers that no convention describes, each with a name.

A fault turns the expectation of a correct layer into that of the faulty one, so that a violation
can be recognised as it. The values are the faulty layer's; the bounds are the correct layer's,
taken at the faulty value, which is near enough to recognise a fault by.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from reference.batch_norm import channel_major, from_channel_major
from reference.conventions import Conventions
from reference.error_bound import OPERATIONS
from reference.expected import Expected, Layer, Step, StepExpectation, expect
from reference.float_formats import FORMATS, wider_dtype

Expectations = list[StepExpectation]


@dataclass(frozen=True)
class Fault:
    """A named fault: one sentence, and what a layer with it answers.

    `touches` names the tensors that it changes within one step. A `general` fault covers others
    too, and is named only where none of those fits; one that mixes channels cannot be recognised
    by looking at some of them.
    """

    name: str
    sentence: str
    touches: frozenset[str]
    expectations: Callable[[Layer, Sequence[Step], Conventions], Expectations]
    general: bool = False
    mixes_channels: bool = False


FAULTS: dict[str, Fault] = {}


def _fault(sentence: str, touches: str, **kind: bool):
    def register(function):
        name = function.__name__
        FAULTS[name] = Fault(name, sentence, frozenset(touches.split()), function, **kind)
        return function

    return register


def _with(expectation: StepExpectation, **tensors) -> StepExpectation:
    return replace(expectation, tensors={**expectation.tensors, **tensors})


def _moved(layer: Layer, expected: Expected, value: np.ndarray) -> Expected:
    """Return a faulty value with twice the correct one's bound, and its own roundings."""
    unit = FORMATS[layer.dtype].unit_roundoff
    return Expected(value, 2 * expected.bound + 2 * OPERATIONS * unit * np.abs(value))


def _axis(layer: Layer, conventions: Conventions) -> int:
    return conventions.default_channel_axis if layer.channel_axis is None else layer.channel_axis


def _trains(step: Step, conventions: Conventions) -> bool:
    bare = step.training is None and conventions.bare_call == "trains"
    return bool(step.training) or bare


def _with_state(layer: Layer, steps: Sequence[Step], conventions: Conventions) -> Layer:
    """Return the layer with its initial state written out."""
    channels = steps[0].x.shape[_axis(layer, conventions)]
    initial = {"gamma": 1.0, "beta": 0.0, "running_mean": 0.0, "running_var": 1.0}
    missing = {
        name: np.full(channels, value)
        for name, value in initial.items()
        if getattr(layer, name) is None
    }
    return replace(layer, **missing)


@_fault("the tensors are all zero: nothing was written", "y dx dgamma dbeta")
def zeros(layer, steps, conventions):
    return [
        _with(
            one,
            **{
                name: Expected(np.zeros_like(one.tensors[name].value), one.tensors[name].bound)
                for name in ("y", "dx", "dgamma", "dbeta")
                if name in one.tensors
            },
        )
        for one in expect(layer, steps, conventions)
    ]


@_fault("gamma and beta are swapped", "y dx")
def gamma_and_beta_swapped(layer, steps, conventions):
    layer = _with_state(layer, steps, conventions)
    swapped = replace(layer, gamma=layer.beta, beta=layer.gamma)
    return expect(swapped, steps, conventions)


@_fault("running mean and running variance are swapped", "y dx dgamma running_mean running_var")
def running_statistics_swapped(layer, steps, conventions):
    layer = _with_state(layer, steps, conventions)
    swapped = replace(layer, running_mean=layer.running_var, running_var=layer.running_mean)
    return [
        _with(
            one,
            running_mean=one.tensors["running_var"],
            running_var=one.tensors["running_mean"],
        )
        for one in expect(swapped, steps, conventions)
    ]


def _has_gradients(step: Step, one: StepExpectation, conventions: Conventions) -> bool:
    return _trains(step, conventions) and "dx" in one.tensors and step.x.size > 0


def _epsilon(layer: Layer, conventions: Conventions) -> float:
    return conventions.default_epsilon if layer.epsilon is None else layer.epsilon


def _gradient_parts(layer, step, expectation, conventions):
    """Return axis, dy and x_hat, channel-major, and gamma / std of a training step with dy."""
    axis = _axis(layer, conventions)
    wide = wider_dtype(layer.dtype)
    x = channel_major(step.x, axis, wide)
    dy = channel_major(step.dy, axis, wide)
    centred = x - x.mean(axis=(1, 2), keepdims=True)
    inverse = 1 / np.sqrt(
        np.square(centred).mean(axis=(1, 2), keepdims=True) + _epsilon(layer, conventions)
    )
    gamma = np.ones(x.shape[0]) if layer.gamma is None else np.asarray(layer.gamma, wide)
    return axis, dy, centred * inverse, gamma[:, None, None] * inverse


def _gradient_fault(change):
    """Make the expectations of a fault that shows in the gradients of training steps only."""

    def expectations(layer, steps, conventions):
        result = []
        for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
            if (
                step.dy is not None
                and _trains(step, conventions)
                and "dx" in one.tensors
                and step.x.size
            ):
                axis, dy, x_hat, factor = _gradient_parts(layer, step, one, conventions)
                name, value = change(dy, x_hat, factor)
                if name == "dx":
                    value = from_channel_major(value, axis, step.x.shape)
                one = _with(one, **{name: _moved(layer, one.tensors[name], value)})
            result.append(one)
        return result

    return expectations


def _mean(array):
    return array.mean(axis=(1, 2), keepdims=True)


@_fault("dx lacks the term of the mean: mean(dy) is not subtracted", "dx")
def dx_without_mean_term(layer, steps, conventions):
    change = _gradient_fault(
        lambda dy, x_hat, factor: ("dx", factor * (dy - x_hat * _mean(dy * x_hat)))
    )
    return change(layer, steps, conventions)


@_fault("dx lacks the term of the variance: x_hat mean(dy x_hat) is not subtracted", "dx")
def dx_without_variance_term(layer, steps, conventions):
    change = _gradient_fault(lambda dy, x_hat, factor: ("dx", factor * (dy - _mean(dy))))
    return change(layer, steps, conventions)


@_fault("dx lacks gamma", "dx")
def dx_without_gamma(layer, steps, conventions):
    result = []
    for one in expect(layer, steps, conventions):
        if "dx" in one.tensors and layer.gamma is not None:
            without = replace(layer, gamma=np.ones_like(layer.gamma))
            others = expect(without, steps, conventions)
            one = _with(one, dx=others[len(result)].tensors["dx"])
        result.append(one)
    return result


@_fault(
    "dgamma is multiplied by x instead of x_hat's centred value: the mean's term is missing",
    "dgamma",
)
def dgamma_without_mean_term(layer, steps, conventions):
    result = []
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        if (
            step.dy is not None
            and _trains(step, conventions)
            and step.x.size
            and "dx" in one.tensors
        ):
            axis, dy, _, _ = _gradient_parts(layer, step, one, conventions)
            x = channel_major(step.x, axis, wider_dtype(layer.dtype))
            variance = np.square(x - _mean(x)).mean(axis=(1, 2))
            value = (dy * x).sum(axis=(1, 2)) / np.sqrt(variance + _epsilon(layer, conventions))
            one = _with(one, dgamma=_moved(layer, one.tensors["dgamma"], value))
        result.append(one)
    return result


@_fault("gradients of gamma and beta are added up over the steps", "dgamma dbeta")
def gradients_accumulated(layer, steps, conventions):
    totals = {}
    result = []
    for one in expect(layer, steps, conventions):
        if "dgamma" in one.tensors:
            for name in ("dgamma", "dbeta"):
                before = totals.get(name)
                now = one.tensors[name]
                if before is not None:
                    now = Expected(before.value + now.value, 2 * (before.bound + now.bound))
                totals[name] = now
            one = _with(one, **totals)
        result.append(one)
    return result


@_fault(
    "each training batch is normalised with the statistics of the batch before it", "y dx dgamma"
)
def statistics_of_previous_batch(layer, steps, conventions):
    seen = iter([None, *(one.x for one in steps if _trains(one, conventions) and one.x.size)])

    def statistics(x, axis):
        before = next(seen)
        return _moments(x if before is None else channel_major(before, axis, x.dtype))

    return _with_other_statistics(layer, steps, conventions, statistics, keeps_running=True)


@_fault("only the first training step moves the running statistics", "running_mean running_var")
def first_call_only(layer, steps, conventions):
    result = expect(layer, steps, conventions)
    first = next((i for i, step in enumerate(steps) if _trains(step, conventions)), len(steps))
    if first + 1 >= len(result) or not result[first].tensors:
        return result
    names = ("running_mean", "running_var")
    kept = {name: result[first].tensors[name].value for name in names}
    frozen = conventions.but(running_update="never")
    later = expect(replace(layer, **kept), steps[first + 1 :], frozen)
    for number, one in enumerate(later, first + 1):
        usual = result[number]
        # what was kept is known to the bound of the first step, and y to that of a usual step
        near = {name: result[first].tensors[name] for name in names}
        for name in ("y", "dx", "dgamma"):
            if name in one.tensors:
                bound = one.tensors[name].bound + usual.tensors[name].bound
                near[name] = Expected(one.tensors[name].value, bound)
        result[number] = _with(one, **near) if one.tensors else one
    return result


@_fault(
    "the running variance divides by n where n is even, by n - 1 where it is odd", "running_var"
)
def biased_for_even_counts(layer, steps, conventions):
    axis = _axis(layer, conventions)
    count = steps[0].x.size // max(steps[0].x.shape[axis], 1)
    return expect(
        layer, steps, conventions.but(running_variance="unbiased" if count % 2 else "biased")
    )


@_fault(
    "channels beyond the last full power of two are left as they are: y = x there",
    "y",
    mixes_channels=True,
)
def channels_beyond_power_of_two_untouched(layer, steps, conventions):
    axis = _axis(layer, conventions)
    result = []
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        channels = step.x.shape[axis]
        full = 1 << (channels.bit_length() - 1) if channels else 0
        if "y" in one.tensors and full < channels:
            value = np.moveaxis(one.tensors["y"].value.copy(), axis, 0)
            value[full:] = np.moveaxis(step.x, axis, 0)[full:]
            y = Expected(np.moveaxis(value, 0, axis), one.tensors["y"].bound)
            one = _with(one, y=y)
        result.append(one)
    return result


@_fault(
    "the statistics are taken over all axes: one mean and one variance for all channels",
    "y dx dgamma running_mean running_var",
    mixes_channels=True,
)
def statistics_over_all_axes(layer, steps, conventions):
    def statistics(x, axis):
        return np.full(x.shape[0], x.mean()), np.full(x.shape[0], x.var())

    return _with_other_statistics(layer, steps, conventions, statistics)


@_fault(
    "the statistics are taken over the samples of the first position only",
    "y dx dgamma running_mean running_var",
)
def statistics_of_first_position(layer, steps, conventions):
    return _with_other_statistics(layer, steps, conventions, lambda x, axis: _moments(x[:, :, :1]))


def _moments(x):
    return x.mean(axis=(1, 2)), x.var(axis=(1, 2))


def _with_other_statistics(layer, steps, conventions, statistics, keeps_running=False):
    """Expect y of training steps under other statistics; what follows from them is not claimed."""
    axis = _axis(layer, conventions)
    unclaimed = ["dx", "dgamma"]
    if not keeps_running:
        unclaimed += ["running_mean", "running_var"]
    result = []
    trained = False
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        if _trains(step, conventions) and "y" in one.tensors and step.x.size:
            x = channel_major(step.x, axis, wider_dtype(layer.dtype))
            mean, variance = statistics(x, axis)
            if np.array_equal([mean, variance], _moments(x)):
                result.append(one)
                continue
            other = replace(layer, running_mean=mean, running_var=variance)
            y = expect(other, [replace(step, dy=None, training=False)], conventions)[0]
            one = _unclaimed(_with(one, y=y.tensors["y"]), unclaimed)
            trained = True
        elif trained and not keeps_running:
            one = _unclaimed(one, ["y", *unclaimed])
        result.append(one)
    return result


def _unclaimed(one: StepExpectation, names: Sequence[str]) -> StepExpectation:
    """Return an expectation that says nothing of some tensors."""
    return _with(
        one,
        **{
            name: Expected(one.tensors[name].value, np.full_like(one.tensors[name].bound, np.inf))
            for name in names
            if name in one.tensors
        },
    )


@_fault(
    "channels-last data is read as channels-first",
    "y dx dgamma dbeta running_mean running_var",
    mixes_channels=True,
)
def channels_last_read_as_first(layer, steps, conventions):
    if layer.channel_axis != -1 or steps[0].x.ndim < 3:
        return expect(layer, steps, conventions)

    def misread(array):
        if array is None:
            return None
        channels = array.shape[-1]
        return array.reshape(array.shape[0], channels, *array.shape[1:-1])

    def back(array, shape):
        return array.reshape(shape)

    read = [replace(step, x=misread(step.x), dy=misread(step.dy)) for step in steps]
    result = []
    for step, one in zip(
        steps, expect(replace(layer, channel_axis=1), read, conventions), strict=False
    ):
        for name in ("y", "dx", "x"):
            if name in one.tensors:
                tensor = one.tensors[name]
                shape = step.x.shape
                tensor = Expected(back(tensor.value, shape), back(tensor.bound, shape))
                one = _with(one, **{name: tensor})
        result.append(one)
    return result


@_fault("beta is not added", "y")
def beta_ignored(layer, steps, conventions):
    without = None if layer.beta is None else np.zeros_like(layer.beta)
    return expect(replace(layer, beta=without), steps, conventions)


@_fault("the gradients of gamma and beta are means where they should be sums", "dgamma dbeta")
def parameter_gradients_averaged(layer, steps, conventions):
    axis = _axis(layer, conventions)
    count = max(steps[0].x.size // max(steps[0].x.shape[axis], 1), 1)
    return [
        _with(
            one,
            **{
                name: Expected(one.tensors[name].value / count, one.tensors[name].bound / count)
                for name in ("dgamma", "dbeta")
                if name in one.tensors
            },
        )
        for one in expect(layer, steps, conventions)
    ]


@_fault("the gradients of gamma and beta are swapped", "dgamma dbeta")
def dgamma_and_dbeta_swapped(layer, steps, conventions):
    return [
        _with(one, dgamma=one.tensors["dbeta"], dbeta=one.tensors["dgamma"])
        if "dgamma" in one.tensors
        else one
        for one in expect(layer, steps, conventions)
    ]


@_fault("inference normalises with the batch's own statistics", "y dx dgamma")
def inference_uses_batch_statistics(layer, steps, conventions):
    result = []
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        if not _trains(step, conventions) and one.tensors and step.x.size:
            trained = expect(layer, [replace(step, training=True)], conventions)[0].tensors
            own = {name: trained[name] for name in ("y", "dx", "dgamma") if name in trained}
            one = _with(one, **own)
        result.append(one)
    return result


@_fault("the running statistics move twice in every training step", "running_mean running_var")
def running_statistics_updated_twice(layer, steps, conventions):
    doubled = [one for step in steps for one in [step] * (1 + _trains(step, conventions))]
    moved = iter(expect(layer, doubled, conventions))
    result = []
    for step, one in zip(steps, expect(layer, steps, conventions), strict=False):
        last = next(moved, one)
        if _trains(step, conventions):
            last = next(moved, one)
        result.append(replace(one, tensors=last.tensors))
    return result


@_fault("the output is written over the input", "x")
def output_aliases_input(layer, steps, conventions):
    return [
        _with(one, x=one.tensors["y"]) if one.tensors else one
        for one in expect(layer, steps, conventions)
    ]


@_fault("the input is modified in place", "x", general=True)
def input_modified_in_place(layer, steps, conventions):
    return [
        _with(one, x=Expected(one.tensors["x"].value, np.full(step.x.shape, np.inf)))
        if one.tensors
        else one
        for step, one in zip(steps, expect(layer, steps, conventions), strict=False)
    ]
