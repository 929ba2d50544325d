"""Faults of the batch statistics and of the running ones."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from diagnosis.faults.fault import changed, fault, with_state
from reference.expected import Expected, StepExpectation, expect
from reference.float_formats import wider_dtype
from reference.layer import axis_of, trains
from reference.layout import channel_major


@fault("running mean and running variance are swapped", "y dx dgamma running_mean running_var")
def running_statistics_swapped(question):
    layer = with_state(question)
    swapped = replace(layer, running_mean=layer.running_var, running_var=layer.running_mean)
    return [
        changed(
            one,
            running_mean=one.tensors["running_var"],
            running_var=one.tensors["running_mean"],
        )
        for one in expect(swapped, question.steps, question.declared)
    ]


@fault(
    "each training batch is normalised with the statistics of the batch before it", "y dx dgamma"
)
def statistics_of_previous_batch(question):
    trained = [step.x for step in question.steps if trains(step, question.declared)]
    seen = iter([None, *(x for x in trained if x.size)])

    def statistics(x, axis):
        before = next(seen)
        return _moments(x if before is None else channel_major(before, axis, x.dtype))

    return _with_other_statistics(question, statistics, keeps_running=True)


@fault("only the first training step moves the running statistics", "running_mean running_var")
def first_call_only(question):
    layer, steps, conventions = question.layer, question.steps, question.declared
    result = list(question.usual)
    first = next((i for i, step in enumerate(steps) if trains(step, conventions)), len(steps))
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
        result[number] = changed(one, **near) if one.tensors else one
    return result


@fault("the running variance divides by n where n is even, by n - 1 where it is odd", "running_var")
def biased_for_even_counts(question):
    x = question.steps[0].x
    count = x.size // max(x.shape[axis_of(question.layer, question.declared)], 1)
    divisor = "unbiased" if count % 2 else "biased"
    return question.expect(question.declared.but(running_variance=divisor))


@fault(
    "the statistics are taken over all axes: one mean and one variance for all channels",
    "y dx dgamma running_mean running_var",
    mixes_channels=True,
)
def statistics_over_all_axes(question):
    def statistics(x, axis):
        return np.full(x.shape[0], x.mean()), np.full(x.shape[0], x.var())

    return _with_other_statistics(question, statistics)


@fault(
    "the statistics are taken over the samples of the first position only",
    "y dx dgamma running_mean running_var",
)
def statistics_of_first_position(question):
    return _with_other_statistics(question, lambda x, axis: _moments(x[:, :, :1]))


def _moments(x):
    return x.mean(axis=(1, 2)), x.var(axis=(1, 2))


def _with_other_statistics(question, statistics, keeps_running=False):
    """Expect y of training steps under other statistics; what follows from them is not claimed."""
    layer, conventions = question.layer, question.declared
    axis = axis_of(layer, conventions)
    unclaimed = ["dx", "dgamma"]
    if not keeps_running:
        unclaimed += ["running_mean", "running_var"]
    result = []
    trained = False
    for step, one in zip(question.steps, question.usual, strict=False):
        if trains(step, conventions) and "y" in one.tensors and step.x.size:
            x = channel_major(step.x, axis, wider_dtype(layer.dtype))
            mean, variance = statistics(x, axis)
            if np.array_equal([mean, variance], _moments(x)):
                result.append(one)
                continue
            other = replace(layer, running_mean=mean, running_var=variance)
            y = expect(other, [replace(step, dy=None, training=False)], conventions)[0]
            one = _unclaimed(changed(one, y=y.tensors["y"]), unclaimed)
            trained = True
        elif trained and not keeps_running:
            one = _unclaimed(one, ["y", *unclaimed])
        result.append(one)
    return result


def _unclaimed(one: StepExpectation, names: Sequence[str]) -> StepExpectation:
    """Return an expectation that says nothing of some tensors."""
    return changed(
        one,
        **{
            name: Expected(one.tensors[name].value, np.full_like(one.tensors[name].bound, np.inf))
            for name in names
            if name in one.tensors
        },
    )


@fault("inference normalises with the batch's own statistics", "y dx dgamma")
def inference_uses_batch_statistics(question):
    layer, conventions = question.layer, question.declared
    result = []
    for step, one in zip(question.steps, question.usual, strict=False):
        if not trains(step, conventions) and one.tensors and step.x.size:
            trained = expect(layer, [replace(step, training=True)], conventions)[0].tensors
            own = {name: trained[name] for name in ("y", "dx", "dgamma") if name in trained}
            one = changed(one, **own)
        result.append(one)
    return result


@fault("the running statistics move twice in every training step", "running_mean running_var")
def running_statistics_updated_twice(question):
    layer, steps, conventions = question.layer, question.steps, question.declared
    doubled = [one for step in steps for one in [step] * (1 + trains(step, conventions))]
    moved = iter(expect(layer, doubled, conventions))
    result = []
    for step, one in zip(question.steps, question.usual, strict=False):
        last = next(moved, one)
        if trains(step, conventions):
            last = next(moved, one)
        result.append(replace(one, tensors=last.tensors))
    return result
