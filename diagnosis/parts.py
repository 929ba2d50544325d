"""A part of a question: some of its channels, samples or steps. A hypothesis fails fast there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from diagnosis.judgement import RUNNING
from diagnosis.question import Question, asked, partial_answer
from reference.layer import axis_of

WORST = 8192
"""About how many elements the worst channels together may have; one is always taken."""
TELLING = 16384
"""About how many elements the telling channels, or samples, may have; two are always taken."""
LIKE_X = ("x", "y", "dx", "dy")
OF_LAYER = ("gamma", "beta", *RUNNING)


def of_channels(question: Question, channels: Sequence[int]) -> Question:
    """Return the question about some channels alone: the statistics of a channel are its own."""
    axis = axis_of(question.layer, question.declared)
    return _picked(
        question, lambda name, array: np.take(array, channels, axis if name in LIKE_X else 0)
    )


def opening(question: Question) -> Question:
    """Return the question about y of the first step alone: it needs no state and no gradient."""
    if not question.answered.steps or "y" not in question.answered.steps[0]:
        return question
    first = question.steps[0]
    return replace(
        question,
        steps=[replace(first, dy=None)],
        answered=partial_answer({"y": question.answered.steps[0]["y"]}),
        shared=None,
    )


def of_samples(question: Question, count: int) -> Question:
    """Return the question about y of so many samples of the first step."""
    return _picked(
        opening(question), lambda name, array: array[:count] if name in LIKE_X else array
    )


def of_first_samples(question: Question) -> Question:
    """Return the question about y of some samples of the first step."""
    x = question.steps[0].x
    return of_samples(question, max(2, TELLING * len(x) // max(x.size, 1)))


def up_to(question: Question, number: int) -> Question:
    """Return the question about the steps up to one, that one included."""
    if number + 1 >= len(question.steps):
        return question
    steps = question.answered.steps[: number + 1]
    answered = replace(question.answered, steps=steps, refusal=None)
    return replace(question, steps=question.steps[: number + 1], answered=answered, shared=None)


def of_worst_channels(question: Question, errors: Mapping[str, np.ndarray]) -> Question:
    """Return the question about the channels that are farthest outside, by the errors of a step."""
    axis = question.layer.channel_axis
    if axis is None:
        return question
    worst: dict[int, float] = {}
    for name, error in errors.items():
        by_channel = np.moveaxis(error, axis, 0) if name in LIKE_X else error
        by_channel = by_channel.reshape(len(by_channel), -1).max(axis=1, initial=0)
        if by_channel.max(initial=0) > 1:
            channel = int(by_channel.argmax())
            worst[channel] = max(worst.get(channel, 0), float(by_channel[channel]))
    x = question.steps[0].x
    share = max(1, WORST * x.shape[axis] // max(x.size, 1))
    if share >= x.shape[axis]:
        return question
    return of_channels(question, sorted(worst, key=lambda one: -worst[one])[:share] or [0])


def of_telling_channels(question: Question) -> Question:
    """Return the question about the channels of one call in which conventions differ most."""
    x, axis = question.steps[0].x, axis_of(question.layer, question.declared)
    channels = x.shape[axis]
    share = max(2, TELLING * channels // x.size)
    if share >= channels:
        return question
    each = (np.asarray(one, np.float64) for one in np.moveaxis(x, axis, 0))  # never all at once
    mean, std = np.array([(one.mean(), one.std()) for one in each]).T
    moved = np.zeros(channels)
    for name in RUNNING:
        after, before = question.answered.steps[0].get(name), getattr(question.layer, name)
        if after is not None and before is not None:
            moved = moved + np.abs(np.asarray(after, np.float64) - before)
    off_mean = np.abs(mean) / np.maximum(std, 1e-300)
    gamma = np.ones(channels) if question.layer.gamma is None else question.layer.gamma
    orders = [np.argsort(key, kind="stable") for key in (std, gamma, -off_mean, -moved)]
    ranked = np.stack([*orders, orders[0][::-1]], axis=1).ravel()
    return of_channels(question, list(dict.fromkeys(ranked.tolist()))[:share])


def _picked(question: Question, pick: Callable[[str, np.ndarray], np.ndarray]) -> Question:
    """Return the question with every array, taken by its name, replaced by a part of it."""

    def picked(name, array):
        return None if array is None else pick(name, np.asarray(array))

    own = {name: picked(name, getattr(question.layer, name)) for name in OF_LAYER}
    steps = [replace(s, x=picked("x", s.x), dy=picked("dy", s.dy)) for s in question.steps]
    answers = [
        {name: pick(name, array) for name, array in answer.items() if name in asked(step)}
        for answer, step in zip(question.answered.steps, question.steps, strict=False)
    ]
    return replace(
        question,
        layer=replace(question.layer, **own),
        steps=steps,
        answered=replace(question.answered, steps=answers),
        shared=None,
    )
