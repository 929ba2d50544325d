"""Two dumps side by side: how their conventions differ, and what makes the second as the first."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from explain.explain import Explained
from explain.named_conventions import PAPER, Named
from reference.conventions import CANONICAL, CONVENTIONS

UNNAMED = Named("B", CANONICAL, "", numbers=False)
"""Stands for a layer that follows nobody."""


@dataclass(frozen=True)
class Comparison:
    """What separates B from A: other inputs, numbers to set, and what no setting changes."""

    summary: str
    inputs: tuple[str, ...]
    settings: tuple[str, ...]
    unchangeable: tuple[str, ...]


def compare(a: Explained, b: Explained) -> Comparison:
    """Say how two explained dumps differ, and what makes B answer as A does."""
    summary = f"A is {_kind(a)}; B is {_kind(b)}"
    inputs = tuple(_other_inputs(a, b))
    if not (a.explained and b.explained):
        return Comparison(summary, inputs, (), ())
    settings = [
        f"{', '.join(one)} in {named.name}" for named in _names(b) if (one := _set(named, a, b))
    ]
    fixed = []
    for name in a.fit.told:
        if name not in b.fit.told:
            continue
        wanted, own = getattr(a.fit.conventions, name), getattr(b.fit.conventions, name)
        shared = _options(a, name) & _options(b, name)
        if wanted == own or shared:
            continue
        arguments = [
            f"{named.settings[name][wanted]} in {named.name}"
            for named in _names(b)
            if wanted in named.settings.get(name, {})
        ]
        if arguments:
            settings += arguments
            continue
        words = f"{name} is {wanted} in A and {own} in B"
        way = CONVENTIONS[name].conversions.get((wanted, own))
        fixed.append(f"{words}: {way}" if way else words)
    return Comparison(summary, inputs, tuple(dict.fromkeys(settings)), tuple(fixed))


def _kind(one: Explained) -> str:
    if not one.explained:
        return "not explained"
    names = [match.named.name for match in one.nearest_matches if match.named is not PAPER]
    epsilon, weight = one.fit.epsilon, one.fit.weight
    line = (
        f"{' or '.join(_possessive(name) for name in names)} convention"
        if names
        else "of no named convention"
    )
    if not names and one.matches:
        line = "the paper's convention"
    if np.isfinite(epsilon.high):
        line += f" with ε = {epsilon.best:.6g}"
    if weight is not None and weight.high > 0:
        line += f", the batch weighing {weight.best:.6g}"
    return line


def _possessive(name: str) -> str:
    return f"{name}'" if name.endswith("s") else f"{name}'s"


def _names(b: Explained) -> list[Named]:
    return [match.named for match in b.nearest_matches if match.named is not PAPER] or [UNNAMED]


def _set(named: Named, a: Explained, b: Explained) -> list[str]:
    """Return the numbers to pass to B's layer so that they are A's."""
    epsilon = None if _overlap(a.fit.epsilon, b.fit.epsilon) else a.fit.epsilon.best
    weight = None
    if a.fit.weight and b.fit.weight and not _overlap(a.fit.weight, b.fit.weight):
        weight = a.fit.weight.best
    if named is UNNAMED:
        lines = [] if epsilon is None else [f"epsilon={epsilon:.6g}"]
        return lines + ([] if weight is None else [f"the weight of the batch to {weight:.6g}"])
    return [f"{name}={number:.6g}" for name, number in named.passing(epsilon, weight).items()]


def _overlap(one, other) -> bool:
    return one.low <= other.high and other.low <= one.high


def _options(one: Explained, name: str) -> set[str | None]:
    finding = next(finding for finding in one.findings if finding.what == name)
    return {finding.option, *(set(finding.alternatives) & set(CONVENTIONS[name].options))}


def _other_inputs(a: Explained, b: Explained) -> Iterator[str]:
    for name in ("x", "gamma", "beta", "dy", "running_mean", "running_var"):
        one, other = (getattr(each, name) for each in (_given(a, name), _given(b, name)))
        if one is None or other is None:
            continue
        if name in ("x", "dy") and one.shape != other.shape:
            one, other = (_channels_last(array, e.dump) for array, e in ((one, a), (other, b)))
        label = f"{name}_before" if name.startswith("running") else name
        if one.shape != other.shape:
            yield f"{label} has the shape {one.shape} in A and {other.shape} in B"
        elif not np.array_equal(one, other):
            yield f"{label} holds other numbers in B than in A"


def _given(one: Explained, name: str):
    return one.dump.step if name in ("x", "dy") else one.dump.layer


def _channels_last(array: np.ndarray, dump) -> np.ndarray:
    return np.moveaxis(array, dump.channel_axis, -1)
