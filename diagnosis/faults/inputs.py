"""Faults of reading, writing and applying the parameters."""

from dataclasses import replace

import numpy as np

from diagnosis.faults.fault import changed, fault, with_state
from reference.expected import Expected, expect
from reference.layer import axis_of


@fault("the tensors are all zero: nothing was written", "y dx dgamma dbeta")
def zeros(question):
    return [
        changed(
            one,
            **{
                name: Expected(np.zeros_like(one.tensors[name].value), one.tensors[name].bound)
                for name in ("y", "dx", "dgamma", "dbeta")
                if name in one.tensors
            },
        )
        for one in question.usual
    ]


@fault("gamma and beta are swapped", "y dx")
def gamma_and_beta_swapped(question):
    layer = with_state(question)
    swapped = replace(layer, gamma=layer.beta, beta=layer.gamma)
    return expect(swapped, question.steps, question.declared)


@fault(
    "channels beyond the last full power of two are left as they are: y = x there",
    "y",
    mixes_channels=True,
)
def channels_beyond_power_of_two_untouched(question):
    axis = axis_of(question.layer, question.declared)
    result = []
    for step, one in zip(question.steps, question.usual, strict=False):
        channels = step.x.shape[axis]
        full = 1 << (channels.bit_length() - 1) if channels else 0
        if "y" in one.tensors and full < channels:
            value = np.moveaxis(one.tensors["y"].value.copy(), axis, 0)
            value[full:] = np.moveaxis(step.x, axis, 0)[full:]
            y = Expected(np.moveaxis(value, 0, axis), one.tensors["y"].bound)
            one = changed(one, y=y)
        result.append(one)
    return result


@fault(
    "channels-last data is read as channels-first",
    "y dx dgamma dbeta running_mean running_var",
    mixes_channels=True,
)
def channels_last_read_as_first(question):
    layer, steps = question.layer, question.steps
    if layer.channel_axis != -1 or steps[0].x.ndim < 3:
        return question.usual

    def misread(array):
        if array is None:
            return None
        channels = array.shape[-1]
        return array.reshape(array.shape[0], channels, *array.shape[1:-1])

    def back(array, shape):
        return array.reshape(shape)

    read = [replace(step, x=misread(step.x), dy=misread(step.dy)) for step in steps]
    result = []
    others = expect(replace(layer, channel_axis=1), read, question.declared)
    for step, one in zip(steps, others, strict=False):
        for name in ("y", "dx", "x"):
            if name in one.tensors:
                tensor = one.tensors[name]
                shape = step.x.shape
                tensor = Expected(back(tensor.value, shape), back(tensor.bound, shape))
                one = changed(one, **{name: tensor})
        result.append(one)
    return result


@fault("beta is not added", "y")
def beta_ignored(question):
    layer = question.layer
    without = None if layer.beta is None else np.zeros_like(layer.beta)
    return expect(replace(layer, beta=without), question.steps, question.declared)


@fault("the output is written over the input", "x")
def output_aliases_input(question):
    return [changed(one, x=one.tensors["y"]) if one.tensors else one for one in question.usual]


@fault("the input is modified in place", "x", general=True)
def input_modified_in_place(question):
    return [
        changed(one, x=Expected(one.tensors["x"].value, np.full(step.x.shape, np.inf)))
        if one.tensors
        else one
        for step, one in zip(question.steps, question.usual, strict=False)
    ]
