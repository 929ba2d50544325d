"""The search for the conventions behind a dump, in three stages: y, gradients, running statistics.

A hypothesis fits where every element of every tensor is inside its a-priori bound. It is held
against a few telling channels first, where most fail, and what is left against the whole dump.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from diagnosis.judgement import error_over_bound
from explain.checks import GRADIENTS, RUNNING
from explain.fitting import Number, fit_epsilon, fit_weight
from explain.reading import Dump
from reference.conventions import CANONICAL, CONVENTIONS, Conventions
from reference.expected import expect

Y_FIELDS = ("normalizer", "normalizing_variance", "epsilon_placement", "scale")
GRADIENT_FIELDS = ("statistics_gradient",)
RUNNING_FIELDS = ("running_variance", "running_statistic")
FIELDS = Y_FIELDS + GRADIENT_FIELDS + RUNNING_FIELDS
"""The conventions that one call with a backward pass can tell."""

FAR = 10.0
"""Misfits up to so many times the least are as near as that; the simplest of them is named."""

STAY = Number(0.0, 0.0, 0.0, (0.0,))


@dataclass(frozen=True)
class Fit:
    """A hypothesis with its numbers, and the largest error/bound of every tensor of its stages.

    `weight` is that of the batch, None where the dump does not tell it. `told` names the
    conventions that its stages depend on.
    """

    conventions: Conventions
    epsilon: Number
    weight: Number | None = None
    ratios: dict[str, float] = field(default_factory=dict)
    told: tuple[str, ...] = ()

    @property
    def worst(self) -> float:
        return max(self.ratios.values(), default=0.0)

    @property
    def fits(self) -> bool:
        return self.worst <= 1

    def tells(self, name: str) -> bool:
        return name in self.told


@dataclass(frozen=True)
class Branch:
    """A hypothesis about y, and under it those about the gradients and the running statistics."""

    y: Fit
    gradients: tuple[Fit, ...]
    running: tuple[Fit, ...]

    @property
    def fits(self) -> bool:
        stages = (self.gradients, self.running)
        return self.y.fits and all(any(fit.fits for fit in stage) for stage in stages)

    def whole(self) -> list[Fit]:
        """Return every combination of the stages, as one hypothesis about all tensors."""
        return [_joined(self.y, *pair) for pair in itertools.product(self.gradients, self.running)]


def search(dump: Dump, **looser: str) -> tuple[list[Branch], list[Branch]]:
    """Return what the whole dump leaves of the hypotheses, and all as a part of it judged them.

    The first list holds the branches that fit, or else the nearest one. `looser` are conventions
    that change the bounds only.
    """
    base = CANONICAL.but(statistics_dtype=dump.statistics_dtype, **looser)
    part, sample_part = dump.telling_part(), dump.few_samples()
    judged: list[Branch] = []
    known: dict = {}
    known_whole: dict = {}
    for conventions in _y_hypotheses(dump, base):
        small = sample_part if conventions.normalizer == "per_sample" else part
        y = _fit_y(small, conventions)
        if not y.fits:
            judged.append(Branch(y, (), ()))
        elif small is part:
            judged.append(_branch(part, y, known))
        else:
            judged.append(_branch(dump, y, known_whole))
    left = [branch for branch in judged if branch.fits]
    if left and part is not dump:
        left = [_again(dump, branch, known_whole) for branch in left]
        left = [branch for branch in left if branch.fits]
    return left or [_nearest(dump, judged)], judged


def _nearest(dump: Dump, judged: Sequence[Branch]) -> Branch:
    """Return the branch that explains most of the whole dump, though not all."""
    explaining = [branch for branch in judged if branch.y.fits]
    if not explaining:
        least = min(branch.y.worst for branch in judged)
        close = [branch for branch in judged if branch.y.worst <= FAR * least]
        near = min(close, key=lambda branch: len(branch.y.conventions.deviations()))
        return _branch(dump, _fit_y(dump, near.y.conventions, thorough=True), {})

    def misfits(branch):
        stages = (branch.gradients, branch.running)
        worst = [min((fit.worst for fit in stage), default=np.inf) for stage in stages]
        return sum(one > 1 for one in worst), not branch.y.epsilon.round, max(worst)

    near = min(explaining, key=misfits)
    return _branch(dump, _fit_y(dump, near.y.conventions, thorough=True), {})


def _again(dump: Dump, branch: Branch, known: dict) -> Branch:
    """Hold what fits a part against the whole."""
    y = _fit_y(dump, branch.y.conventions)
    if not y.fits:
        return Branch(y, (), ())
    gradients = [fit.conventions for fit in branch.gradients if fit.fits]
    running = [fit.conventions for fit in branch.running if fit.fits]
    return _branch(dump, y, known, gradients, running)


def _y_hypotheses(dump: Dump, base: Conventions) -> Iterable[Conventions]:
    options = {name: tuple(CONVENTIONS[name].options) for name in CONVENTIONS}
    kept = [("variance",), options["running_statistic"]]
    for normalizer in options["normalizer"]:
        by_running = normalizer == "running" or (normalizer == "batch" and not dump.training)
        lacks = not dump.training or dump.running_mean is None or dump.running_var is None
        if normalizer == "running" and lacks:
            continue
        for divisor, placement, scale, statistic in itertools.product(
            ("biased",) if by_running else options["normalizing_variance"],
            options["epsilon_placement"],
            options["scale"],
            kept[by_running],
        ):
            yield base.but(
                normalizer=normalizer,
                normalizing_variance=divisor,
                epsilon_placement=placement,
                scale=scale,
                running_statistic=statistic,
            )


def _fit_y(dump: Dump, conventions: Conventions, thorough: bool = False) -> Fit:
    """Return the best epsilon of a hypothesis; a thorough misfit has a usual one if it may."""
    number, nearest = fit_epsilon(dump, conventions)
    told: tuple[str, ...] = Y_FIELDS[:1] + Y_FIELDS[2:]
    if not _by_running(dump, conventions):
        told = Y_FIELDS
    elif dump.training or conventions.running_statistic != "variance":
        told = (*told, "running_statistic")
    if number is not None:
        for epsilon in number.candidates():
            ratios = _ratios(dump, conventions, epsilon, 0.0, ("y",))
            if ratios["y"] <= 1:
                return Fit(conventions, number.at(epsilon), None, ratios, told)
    usual: tuple[float, ...] = ()
    if thorough:
        usual = (*(() if dump.epsilon is None else (dump.epsilon,)), 1e-5, 1e-3)
    tried = {
        epsilon: _ratios(dump, conventions, epsilon, 0.0, ("y",)) for epsilon in (*usual, nearest)
    }
    least = min(ratios["y"] for ratios in tried.values())
    epsilon, ratios = next(item for item in tried.items() if not item[1]["y"] > 2 * least)
    return Fit(conventions, Number(epsilon, epsilon, epsilon), None, ratios, told)


def _by_running(dump: Dump, conventions: Conventions) -> bool:
    """Say whether running statistics normalise."""
    if conventions.normalizer == "per_sample":
        return False
    return conventions.normalizer == "running" or not dump.training


def _branch(dump: Dump, y: Fit, known: dict, gradients=None, running=None) -> Branch:
    of_gradients = _gradient_stage(dump, y, gradients)
    settled = replace(y, epsilon=of_gradients[0].epsilon) if of_gradients[0].fits else y
    return Branch(y, tuple(of_gradients), tuple(_running_stage(dump, settled, running, known)))


def _gradient_stage(dump: Dump, y: Fit, conventions=None) -> list[Fit]:
    """Return the hypotheses about the gradients under one about y, those that fit first."""
    names = tuple(name for name in GRADIENTS if name in dump.answer)
    if not names:
        return [Fit(y.conventions, y.epsilon)]
    told = () if _by_running(dump, y.conventions) or "dx" not in names else GRADIENT_FIELDS
    if conventions is None:
        options = CONVENTIONS["statistics_gradient"].options if told else ("flows",)
        conventions = [y.conventions.but(statistics_gradient=option) for option in options]
    return _tried(dump, y, conventions, names, told)


def _tried(dump, y, hypotheses, names, told) -> list[Fit]:
    fits = []
    for conventions in hypotheses:
        tried: list[Fit] = []
        for epsilon in y.epsilon.candidates() if y.fits else [y.epsilon.value]:
            ratios = _ratios(dump, conventions, epsilon, 0.0, names)
            tried.append(Fit(conventions, y.epsilon.at(epsilon), None, ratios, told))
            if tried[-1].fits:
                break
        fits.append(min(tried, key=lambda fit: fit.worst))
    return sorted(fits, key=lambda fit: not fit.fits)


def _running_stage(dump: Dump, y: Fit, hypotheses, known: dict) -> list[Fit]:
    """Return the hypotheses about the running statistics under one about y, fitting ones first."""
    names = tuple(name for name in RUNNING if name in dump.answer)
    if not names:
        return [Fit(y.conventions, y.epsilon)]
    own = y.conventions
    if not dump.training:
        own = own.but(running_update="never")
        return [Fit(own, y.epsilon, STAY, _ratios(dump, own, y.epsilon.value, 0.0, names))]
    told = () if "running_var" not in names else RUNNING_FIELDS
    if hypotheses is None:
        hypotheses = [own]
        if told:
            fixed = own.normalizer == "running"
            kept = (own.running_statistic,) if fixed else CONVENTIONS["running_statistic"].options
            hypotheses = [
                own.but(running_statistic=statistic, running_variance=divisor)
                for statistic in kept
                for divisor in CONVENTIONS["running_variance"].options
            ]
    fits = [_fit_running(dump, y, conventions, names, told, known) for conventions in hypotheses]
    stay = [replace(fit, told=()) for fit in fits if fit.weight == STAY]
    return stay[:1] or sorted(fits, key=lambda fit: not fit.fits)


def _fit_running(dump, y: Fit, conventions, names, told, known: dict) -> Fit:
    """Return the best weight; `known` spares what another hypothesis about y has found already."""
    epsilon = y.epsilon.value
    key: tuple = (conventions.running_variance, conventions.running_statistic, epsilon)
    if conventions.running_statistic != "variance":
        key = (*key, conventions.epsilon_placement)
    elif conventions.running_variance in ("biased", "unbiased"):
        key = key[:2]
    if key not in known:
        known[key] = _best_weight(dump, conventions, epsilon, names)
    number, ratios = known[key]
    return Fit(conventions, y.epsilon, number, ratios, told)


def _best_weight(dump: Dump, conventions, epsilon: float, names) -> tuple[Number, dict]:
    number, nearest = fit_weight(dump, conventions, epsilon)
    if number is not None:
        for weight in number.candidates():
            ratios = _ratios(dump, conventions, epsilon, weight, names)
            if max(ratios.values()) <= 1:
                stay = weight == 0 and number.high < 1e-3
                return (STAY if stay else number.at(weight)), ratios
    ratios = _ratios(dump, conventions, epsilon, nearest, names)
    return Number(nearest, nearest, nearest), ratios


def _ratios(dump: Dump, conventions, epsilon: float, weight: float, names) -> dict[str, float]:
    """Return the largest error/bound of each tensor; NaN counts as infinitely far."""
    backward = any(name in GRADIENTS for name in names)
    with np.errstate(all="ignore"):
        layer, steps = dump.layer(epsilon, weight), [dump.step(backward)]
        tensors = expect(layer, steps, conventions)[0].tensors
        return {
            name: float(error_over_bound(dump.answer[name], tensors[name]).max()) for name in names
        }


def _joined(y: Fit, gradients: Fit, running: Fit) -> Fit:
    conventions = y.conventions.but(
        statistics_gradient=gradients.conventions.statistics_gradient,
        running_variance=running.conventions.running_variance,
        running_statistic=running.conventions.running_statistic,
        running_update=running.conventions.running_update,
    )
    ratios = y.ratios | gradients.ratios | running.ratios
    told = tuple(dict.fromkeys(y.told + gradients.told + running.told))
    return Fit(conventions, running.epsilon, running.weight, ratios, told)
