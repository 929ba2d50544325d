"""Why a dump cannot decide: what it would have to hold to tell two conventions apart."""

import functools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from diagnosis import blocks
from diagnosis.combinations import Fit
from diagnosis.judgement import RUNNING
from diagnosis.question import GRADIENTS, Question, asked
from diagnosis.structure import structure_of
from explain.reading import Dump
from reference.expected import OPTIONAL
from reference.float_formats import FORMATS


def untold(dump: Dump, fit: Fit, name: str) -> str:
    """Say why a dump does not tell a convention at all."""
    held, question = tuple(dump.answer), dump.question
    for tensor in _tensors_of(question):
        if tensor in held or tensor in OPTIONAL:
            continue
        if name in structure_of(_with(question, tensor)).told(fit.conventions, (*held, tensor)):
            names = [f"{tensor}_before", f"{tensor}_after"] if tensor in RUNNING else [tensor]
            names = ["dy", *names] if tensor in GRADIENTS and dump.step.dy is None else names
            return f"the file lacks {' and '.join(names)}"
    if name in structure_of(question).told(fit.conventions, held):
        return "the running statistics stay"
    trained = replace(question, steps=[replace(dump.step, training=True)])
    whole = _with(trained, *GRADIENTS, *RUNNING)
    if name in structure_of(whole).told(fit.conventions, (*GRADIENTS, *RUNNING)):
        return "only training tells it"
    for other, option in fit.conventions.deviations().items():
        usual = fit.conventions.but(**{other: getattr(question.declared, other)})
        if name in structure_of(whole).told(usual, _tensors_of(whole)):
            return f"{other}={option} leaves it no part"
    return "one call does not tell it"


def _tensors_of(question: Question) -> tuple[str, ...]:
    return asked(replace(question.steps[0], dy=question.steps[0].x))


def _with(question: Question, *tensors: str) -> Question:
    """Return the question of a file that holds what some more tensors need."""
    step, layer = question.steps[0], question.layer
    if set(tensors) & set(GRADIENTS):
        step = replace(step, dy=step.x)
    if "running_mean" in tensors:
        layer = replace(layer, running_mean=layer.beta)
    if "running_var" in tensors:
        layer = replace(layer, running_var=np.ones_like(layer.gamma))
    return replace(question, layer=layer, steps=[step])


def reason(name: str, dump: Dump, option: str = "", alternatives: Sequence[str] = ()) -> str:
    """Say in a few words why the options of a convention cannot be told apart."""
    if name == "scale":
        if np.all(dump.gamma == 1):
            return "every gamma is 1"
        if np.all(dump.gamma >= 0):
            return "no gamma is negative"
    if not np.any(dump.gamma) and name not in ("running_variance", "running_statistic"):
        return "every gamma is 0"
    if dump.count == 1:
        return "there is one value per channel"
    values = functools.partial(blocks.values, dump.step.x, dump.channel_axis)
    if not any(np.ptp(block, axis=1).any() for block in values()):
        return "x is constant in every channel"
    match name:
        case "normalizing_variance" | "running_variance" if {option, *alternatives} >= {
            "biased",
            "unbiased",
        }:
            rounding = 2 * FORMATS[dump.layer.dtype].unit_roundoff * np.sqrt(dump.count)
            if name == "running_variance" and rounding < 0.01 / (dump.count - 1):
                return f"the batch's variance is lost beside the running one in {dump.layer.dtype}"
            return f"n = {dump.count} is too large to tell n from n - 1 in {dump.layer.dtype}"
        case "running_variance":
            return f"epsilon is lost beside n = {dump.count} in {dump.layer.dtype}"
        case "epsilon_placement" | "epsilon":
            variance = np.concatenate([block.var(axis=1) for block in values()])
            return (
                f"the variances, {variance.min():.3g} to {variance.max():.3g}, "
                f"hide epsilon in {dump.layer.dtype}"
            )
        case "statistics_gradient":
            return "dy gives the same dx either way"
        case _:
            return "both give these numbers to within the bounds"
