"""One call, some of its channels at a time: a large one is never held in the wide dtype whole.

The statistics of a channel are its own, so what is asked of a call can be asked of each block, and
the answers put together: the worst error, and the numbers that all of them allow.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from diagnosis import parts
from diagnosis.question import Call, Question
from diagnosis.specimen import mixes
from reference.conventions import CONVENTIONS, Conventions
from reference.layer import axis_of

SIZE = 2**16
"""About how many elements of x a block has; a channel is never cut."""


def mixes_channels(conventions: Conventions) -> bool:
    """Say whether what is expected of a channel depends on others."""
    return any(
        "channels" in mixes(name, str(option))
        for name, option in conventions.deviations().items()
        if name in CONVENTIONS
    )


def channels_of(x: np.ndarray, axis: int) -> list[range]:
    """Return the channels of each block."""
    count = x.shape[axis]
    share = max(1, SIZE * count // max(x.size, 1))
    return [range(first, min(first + share, count)) for first in range(0, count, share)]


def of_question(question: Question, conventions: Conventions) -> Iterator[Question]:
    """Yield the blocks of a question about one call; all in one where channels are mixed."""
    axis = axis_of(question.layer, question.declared)
    ranges = channels_of(question.steps[0].x, axis)
    if len(ranges) == 1 or mixes_channels(conventions):
        yield question
        return
    for channels in ranges:
        yield parts.of_channels(question, channels)


def of_call(call: Call, conventions: Conventions) -> Iterator[Call]:
    """Yield the blocks of a call; all in one where channels are mixed."""
    axis = axis_of(call.layer, conventions)
    ranges = channels_of(call.step.x, axis)
    if len(ranges) == 1 or mixes_channels(conventions):
        yield call
        return
    for channels in ranges:
        yield _some(call, channels, axis)


def values(x: np.ndarray, axis: int) -> Iterator[np.ndarray]:
    """Yield x as float64, (channels, values), some channels at a time."""
    moved = np.moveaxis(x, axis, 0)
    for channels in channels_of(x, axis):
        block = np.asarray(moved[channels.start : channels.stop], np.float64)
        yield block.reshape(len(block), -1)


def _some(call: Call, channels: Sequence[int], axis: int) -> Call:
    def picked(name, array):
        if array is None:
            return None
        return np.take(array, channels, axis if name in parts.LIKE_X else 0)

    layer = replace(
        call.layer,
        gamma=picked("gamma", call.layer.gamma),
        beta=picked("beta", call.layer.beta),
        running_mean=picked("running_mean", call.layer.running_mean),
        running_var=picked("running_var", call.layer.running_var),
    )
    step = replace(call.step, x=picked("x", call.step.x), dy=picked("dy", call.step.dy))
    return Call(layer, step, {name: picked(name, one) for name, one in call.answer.items()})
