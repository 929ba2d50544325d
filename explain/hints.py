"""What may have happened to arrays that nothing fits: each hint is measured, and explains nothing.

A hint says under which other reading the same arrays would be explained, or what holds of them to
within their bounds. The answer stays that nothing fits.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from diagnosis import blocks, parts
from diagnosis.combinations import Combinations, Fit
from diagnosis.fitting import LIKELIEST, ROUND
from diagnosis.hypotheses import numbered
from diagnosis.judgement import RUNNING
from diagnosis.question import GRADIENTS, Question, partial_answer
from diagnosis.stages import best_epsilon
from explain.checks import LIKE_X
from explain.narrow import NARROW, holds
from explain.reading import Dump
from reference.conventions import Conventions
from reference.expected import expect

EXPLAINED = "the same arrays are explained"
ENOUGH = 8
"""So many different numbers that happen to be half-precision ones are no accident."""


def hints_of(dump: Dump, near: Fit) -> Iterator[str]:
    """Yield what is true of a dump that nothing fits, `near` being the nearest combination."""
    if dump.counted not in (None, 1):
        yield f"the layer counted {dump.counted} batches between before and after the call, not one"
    read = [words for other, words in _readings(dump) if _fits(other)]
    yield from read
    if not read:
        yield from _narrow(dump, near.missed)
        if "y" in near.missed and dump.step.training:
            yield from _groups(dump.question)
            yield from _clipped(dump.question)
        yield from _factor(dump, near)


def _fits(dump: Dump) -> bool:
    """Say whether a dump is explained, by what tells most of its y first."""
    opening = parts.of_telling_channels(parts.opening(dump.question))
    return all(
        Combinations(question, question.declared).fits for question in (opening, dump.question)
    )


def _readings(dump: Dump) -> Iterator[tuple[Dump, str]]:
    """Yield the same arrays read otherwise, with what that says."""
    training = bool(dump.step.training)
    if not training or all(getattr(dump.layer, name) is not None for name in RUNNING):
        option = "--inference" if training else "--training"
        yield dump.read_as(training=not training), f"with {option} {EXPLAINED}"
    for axis in range(1, dump.step.x.ndim):
        if axis != dump.channel_axis and dump.step.x.shape[axis] == len(dump.gamma):
            yield dump.read_as(channel_axis=axis), f"with --channel-axis {axis} {EXPLAINED}"
    yield from _as_laid_out(dump)
    for dtype in NARROW:
        if dtype != dump.layer.dtype and all(_is_narrow(one, dtype) for one in _like_x(dump)):
            option = f"every number of x and y is a {dtype} number: with --dtype {dtype}"
            yield dump.read_as(dtype=dtype), f"{option} {EXPLAINED}"
    with_one = replace(dump.layer, gamma=dump.gamma + dump.gamma.dtype.type(1))
    other = replace(dump, question=replace(dump.question, layer=with_one))
    yield other, f"with gamma + 1 for gamma {EXPLAINED}: the layer holds its scale less 1"


def _like_x(dump: Dump) -> list[np.ndarray]:
    arrays = [dump.step.x, dump.step.dy, *(dump.answer.get(name) for name in LIKE_X)]
    return [array for array in arrays if array is not None]


def _as_laid_out(dump: Dump) -> Iterator[tuple[Dump, str]]:
    """Yield the dump as a kernel sees it that takes its memory for that of the other layout."""
    x, channels = dump.step.x, len(dump.gamma)
    positions = x.size // (len(x) * channels)
    if positions > 1 and dump.channel_axis == 1:
        seen = _reshaped(dump, (len(x), positions, channels), 2)
        yield seen, f"with channels-first memory taken for channels-last {EXPLAINED}"
    if positions > 1 and dump.channel_axis == x.ndim - 1:
        seen = _reshaped(dump, (len(x), channels, positions), 1)
        yield seen, f"with channels-last memory taken for channels-first {EXPLAINED}"


def _reshaped(dump: Dump, shape: tuple[int, ...], axis: int) -> Dump:
    def turned(array):
        return None if array is None else array.reshape(shape)

    step = replace(dump.step, x=turned(dump.step.x), dy=turned(dump.step.dy))
    answer = {n: turned(a) if n in LIKE_X else a for n, a in dump.answer.items()}
    layer = replace(dump.layer, channel_axis=axis)
    question = replace(
        dump.question, layer=layer, steps=[step], answered=partial_answer(answer), shared=None
    )
    return replace(dump, question=question)


def _is_narrow(array: np.ndarray, dtype: str) -> bool:
    return len(np.unique(array.reshape(-1)[: 64 * ENOUGH])) >= ENOUGH and holds(array, dtype)


def _narrow(dump: Dump, missed: Sequence[str]) -> Iterator[str]:
    """Say which arrays that nothing fits hold half-precision numbers only."""
    if dump.layer.dtype in NARROW:
        return
    for dtype in NARROW:
        names = [name for name in missed if _is_narrow(dump.answer[name], dtype)]
        if names:
            yield f"every number of {_and(names)} is a {dtype} number"
            return


def _groups(question: Question) -> Iterator[str]:
    """Say whether groups of samples, in a row or interleaved, were normalised each by itself."""
    part = parts.of_telling_channels(parts.opening(question))
    samples = len(part.steps[0].x)
    for count in range(2, samples + 1):
        if samples % count:
            continue
        size = samples // count
        for interleaved in (False, True) if size > 1 else (False,):
            cuts = [
                slice(k, None, count) if interleaved else slice(k * size, (k + 1) * size)
                for k in range(count)
            ]
            if not all(_normalised_alone(_samples(part, cut)) for cut in cuts):
                continue
            if all(
                _normalised_alone(_samples(block, cut))
                for block in blocks.of_question(parts.opening(question), question.declared)
                for cut in cuts
            ):
                yield f"y fits where {_group(size, count, interleaved)} statistics of their own"
                return


def _group(size: int, count: int, interleaved: bool) -> str:
    if size == 1:
        return "all samples have"
    if not interleaved:
        return f"every {size} samples in a row have"
    return f"the samples {', '.join(map(str, range(0, 2 * count, count)))}, … and so on have"


def _samples(question: Question, cut: slice) -> Question:
    """Return the question about y of some samples."""
    step, y = question.steps[0], question.answered.steps[0]["y"]
    return replace(
        question,
        steps=[replace(step, x=step.x[cut])],
        answered=partial_answer({"y": y[cut]}),
        shared=None,
    )


def _normalised_alone(question: Question) -> bool:
    """Say whether y fits by the batch's own statistics, of more than one value a channel."""
    x = question.steps[0].x
    if x.size == x.shape[question.call(0).layer.channel_axis or 1]:
        return False
    divisors = ("biased", "unbiased")
    return any(
        best_epsilon(question, question.declared.but(normalizing_variance=one))[1]["y"] <= 1
        for one in divisors
    )


def _clipped(question: Question) -> Iterator[str]:
    """Say whether y is what it should be, with 0 for what is negative."""
    opening = parts.opening(question)
    y = opening.answered.steps[0]["y"]
    if y.min() < 0 or y.max() == 0 or np.all(y > 0):
        return
    part = parts.of_telling_channels(opening)
    given = () if opening.layer.epsilon is None else (opening.layer.epsilon,)
    numbers = dict.fromkeys((*given, *LIKELIEST["epsilon"], *ROUND))
    for divisor, epsilon in itertools.product(("biased", "unbiased"), numbers):
        conventions = opening.declared.but(normalizing_variance=divisor)
        if _is_clipped(part, conventions, epsilon) and all(
            _is_clipped(block, conventions, epsilon)
            for block in blocks.of_question(opening, conventions)
        ):
            fits = f"fits elsewhere with epsilon={epsilon:.6g}"
            yield f"y is 0 wherever it should be negative, and {fits}: a ReLU follows the layer"
            return


@np.errstate(all="ignore")
def _is_clipped(question: Question, conventions: Conventions, epsilon: float) -> bool:
    layer = numbered(question.layer, epsilon=epsilon, momentum=0.1)
    expected = expect(layer, question.steps, conventions)[0].tensors["y"]
    y = question.answered.steps[0]["y"]
    near = np.abs(y - expected.value) <= expected.bound
    return bool(np.all(near | ((y == 0) & (expected.value <= expected.bound))))


def _factor(dump: Dump, near: Fit) -> Iterator[str]:
    """Say whether the gradients that nothing fits are all off by one factor."""
    missed = [name for name in near.missed if name in GRADIENTS]
    if not missed or set(near.missed) - set(missed):
        return
    layer = numbered(dump.layer, epsilon=near.epsilon.best, momentum=0.1)
    for flow in dict.fromkeys(("flows", near.conventions.statistics_gradient)):
        conventions = near.conventions.but(statistics_gradient=flow)
        ends = [
            _factors(block, conventions, missed)
            for block in blocks.of_question(replace(dump.question, layer=layer), conventions)
        ]
        low, high = max(end[0] for end in ends), min(end[1] for end in ends)
        if np.isfinite([low, high]).all() and low <= high and not low <= 1 <= high:
            are = "is" if len(missed) == 1 else "are"
            number = _told_factor(low, high, dump)
            yield f"{_and(missed)} {are} {number} times what they should be, by one factor"
            return


@np.errstate(all="ignore")
def _factors(
    question: Question, conventions: Conventions, names: Sequence[str]
) -> tuple[float, float]:
    """Return the least and the greatest factor that every element of some tensors allows."""
    answer = question.answered.steps[0]
    tensors = expect(question.layer, question.steps, conventions)[0].tensors
    low, high = -np.inf, np.inf
    for name in names:
        sign = np.sign(tensors[name].value)
        value, bound = np.abs(tensors[name].value), tensors[name].bound
        clear = value > bound
        own = (answer[name] * sign)[clear].astype(np.float64)
        ends = np.stack([own / (value + bound)[clear], own / (value - bound)[clear]])
        low = max(low, float(ends.min(axis=0).max(initial=-np.inf)))
        high = min(high, float(ends.max(axis=0).min(initial=np.inf)))
    return low, high


def _told_factor(low: float, high: float, dump: Dump) -> str:
    """Return a whole number or one over it, where one is among the factors, and what it counts."""
    middle = (low + high) / 2
    counted = {len(dump.step.x): "the samples", dump.count: "the values per channel"}
    counted |= {dump.step.x.size: "the elements of x"}
    for whole in (round(middle), round(1 / middle) if middle else 0):
        what = f", {counted[abs(whole)]}," if abs(whole) in counted else ""
        if low <= whole <= high:
            return f"{whole}{what}"
        if whole and low <= 1 / whole <= high:
            return f"1/{whole}{what}"
    return f"{middle:.6g}"


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
