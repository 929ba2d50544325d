"""What keeps an explanation from being a clean fit: it fits, but by what it may not deserve.

A looser class, bounds as wide as the values, a number that nobody writes and statistics that did
not move can each make fit what something else made. What there is of it is told, and is another
exit status than a clean fit.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from diagnosis import blocks
from diagnosis.combinations import Fit
from diagnosis.fitting import Number
from diagnosis.hypotheses import numbered
from diagnosis.sharpness import widest
from explain.named_conventions import SEEN
from explain.reading import Dump
from reference.conventions import CONVENTIONS
from reference.scale import WIDEST


def reservations_of(dump: Dump, fit: Fit) -> tuple[str, ...]:
    """Return what an explanation rests on that a clean fit does not, a sentence each."""
    return tuple(_reservations(dump, fit))


def _reservations(dump: Dump, fit: Fit) -> Iterator[str]:
    widths = _widths(dump, fit)
    tensor = max(widths, key=lambda name: widths[name], default="")
    looser = looser_classes(fit)
    if looser:
        names = ", ".join(f"{name}={option}" for name, option in looser.items())
        yield f"only under a looser bound, {names}, which grants {_share(widths, tensor)}"
    elif tensor and widths[tensor] > WIDEST:
        yield f"the bounds say little: they grant {_share(widths, tensor)}"
    if not fit.epsilon.round and np.isfinite(fit.epsilon.high):
        yield f"only with epsilon = {fit.epsilon.told}, which nobody writes"
    weight = fit.weight
    if not dump.step.training or weight is None or not fit.ratios.keys() & {"running_mean"}:
        return
    if weight.high == 0:
        yield (
            "the running statistics stay, as where they never move or move in backward, but also "
            "where the momentum says so, or where 'before' was no copy and moved with the layer"
        )
    elif not weight.round:
        made = made_of(weight)
        yield f"only with a batch that weighs {weight.told}, which {made or 'nobody writes'}"


def looser_classes(fit: Fit) -> dict[str, str]:
    """Return the looser bounds that a fit needs, by the convention's name."""
    return {
        name: option
        for name, convention in CONVENTIONS.items()
        if convention.changes == "bound"
        and name not in SEEN
        and (option := getattr(fit.conventions, name)) != convention.canonical
    }


def made_of(weight: Number) -> str:
    """Say what calls give a weight that nobody passes: two updates, or a plain average."""
    for one in (0.1, 0.01, 0.001, 0.5, 0.3, 0.2, 0.05, 0.4):
        if weight.holds(1 - (1 - one) ** 2):
            return f"two updates that weigh {one:g} each make, as checkpointing does"
    batches = round(1 / weight.best) if weight.best > 0 else 0
    if batches > 2 and weight.holds(1 / batches):
        return f"a plain average of {batches} batches gives the newest"
    return ""


def _share(widths: dict[str, float], tensor: str) -> str:
    width = widths[tensor]
    percent = f"{100 * width:.2g} %" if width < 1 else f"{width:.3g} times"
    return f"{tensor} {percent} of its scale" if np.isfinite(width) else f"{tensor} anything"


def _widths(dump: Dump, fit: Fit) -> dict[str, float]:
    """Return the widest bound of each tensor that the dump holds, over its channel's scale."""
    weight = fit.weight.best if fit.weight else 0.0
    layer = numbered(dump.layer, epsilon=fit.epsilon.best, momentum=weight)
    widths: dict[str, float] = {}
    for block in blocks.of_question(replace(dump.question, layer=layer), fit.conventions):
        tensors = block.expect(fit.conventions)[0].tensors
        for name in dump.answer:
            width = widest(tensors[name])
            if width is not None:
                widths[name] = max(widths.get(name, 0.0), width)
    return widths
