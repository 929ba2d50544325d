"""The findings about a dump: each convention and number, its evidence and what fits as well."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diagnosis.combinations import Branch, Fit
from diagnosis.fitting import Number, span
from diagnosis.judgement import RUNNING
from diagnosis.structure import tellable
from explain.named_conventions import SEEN
from explain.reading import Dump
from explain.reservations import made_of
from explain.undecided import reason, untold
from reference.conventions import CONVENTIONS, QUESTIONS

NAMED_NUMBERS = 3
"""So many round numbers are named where more fit."""


@dataclass(frozen=True)
class Finding:
    """One line of the answer: what was asked, what was found and what speaks against the rest.

    `option` is None where nothing fits or the file does not tell; `alternatives` fit as well, and
    `excluded` do not: each with the least error/bound that it can be brought to. `less_likely`
    names what fits only with odder numbers.
    """

    what: str
    option: str | None
    text: str
    error_over_bound: float | None = None
    alternatives: tuple[str, ...] = ()
    excluded: tuple[tuple[str, float], ...] = ()
    less_likely: tuple[str, ...] = ()
    note: str = ""

    @property
    def decided(self) -> bool:
        return self.option is not None and not self.alternatives


def findings_of(
    dump: Dump, best: Fit, equal: Sequence[Fit], odd: Sequence[Fit], judged: Sequence[Branch]
) -> list[Finding]:
    """Return every finding about a dump that `best` explains.

    The fits of `equal` explain it with the same numbers, those of `odd` with less likely ones;
    `judged` holds all hypotheses, for what speaks against the others.
    """
    names = tellable(dump.layer.dtype)
    told = [_field(dump, best, equal, odd, judged, name) for name in names]
    return [_epsilon(dump, best), *told, _momentum(dump, best), _bounds(best, odd)]


def _epsilon(dump: Dump, best: Fit) -> Finding:
    number = best.epsilon
    note = []
    if np.isinf(number.high):
        note.append(f"y tells nothing of it: {reason('epsilon', dump)}")
    elif dump.layer.epsilon is not None and number.best != dump.layer.epsilon:
        note.append(f"the file says {dump.layer.epsilon:.6g}, which does not fit")
    elif not number.round:
        note.append("no round number fits")
    return _number("epsilon", number, best.ratios["y"], "; ".join(note))


def _number(what: str, number: Number, ratio: float, note: str) -> Finding:
    others: tuple[str, ...] = ()
    if not number.decided:
        others = tuple(f"{one:.6g}" for one in number.usual if one != number.best)
    if len(others) > NAMED_NUMBERS:
        more = f"{len(others) - NAMED_NUMBERS} more round numbers"
        others = (*others[:NAMED_NUMBERS], more)
    text = number.told + (f" = {number.held_as}" if number.held_as else "")
    if number.low != number.high:
        text += " ({} to {})".format(*span(number, digits=8 if number.decided else 4))
    return Finding(what, f"{number.best:.17g}", text, ratio, others, note=note)


def _field(dump, best: Fit, equal, odd, judged: Sequence[Branch], name: str) -> Finding:
    if name not in best.told:
        return Finding(name, None, f"not told: {untold(dump, best, name)}")
    option = getattr(best.conventions, name)
    telling = [fit for fit in equal if name in fit.told]
    fitting = {getattr(fit.conventions, name) for fit in telling}
    alternatives = [one for one in CONVENTIONS[name].options if one in fitting - {option}]
    needing: dict[str, str] = {}
    for fit in odd:
        other = getattr(fit.conventions, name)
        if name in fit.told and other not in fitting and _only_differs(fit, best, name):
            needing.setdefault(other, f"{other} with {_other_numbers(fit, best)}")
    excluded: dict[str, float] = {}
    for branch in judged:
        for other, worst in _judged(branch, name):
            if other not in fitting and other not in needing:
                excluded[other] = min(worst, excluded.get(other, np.inf))
    note = reason(name, dump, option, alternatives) if alternatives else ""
    touched = CONVENTIONS[name].touches & best.ratios.keys()
    ratio = max(best.ratios[tensor] for tensor in touched)
    return Finding(
        what=name,
        option=option,
        text=option if dump.step.training or name != "normalizer" else _inference(option),
        error_over_bound=ratio,
        alternatives=tuple(alternatives),
        excluded=tuple(excluded.items()),
        less_likely=tuple(needing.values()),
        note=note,
    )


def _inference(normalizer: str) -> str:
    return normalizer if normalizer == "per_sample" else "running statistics: inference"


def _only_differs(fit: Fit, best: Fit, name: str) -> bool:
    return all(
        getattr(fit.conventions, other) == getattr(best.conventions, other)
        for other in CONVENTIONS
        if other != name and CONVENTIONS[other].changes == "values"
    )


def _other_numbers(fit: Fit, best: Fit) -> str:
    parts = []
    if fit.epsilon.best != best.epsilon.best:
        parts.append(f"epsilon={fit.epsilon.best:.6g}")
    if fit.weight and best.weight and fit.weight.best != best.weight.best:
        parts.append(f"the batch weighing {fit.weight.best:.6g}")
    return ", ".join(parts)


def _judged(branch: Branch, name: str):
    """Yield every option of a convention that a branch held against the data, and how far off."""
    if name in branch.y.told:
        nearest = [min((fit.worst for fit in stage), default=0.0) for stage in branch.stages]
        yield getattr(branch.y.conventions, name), max(branch.y.worst, *nearest)
    elif branch.y.fits:
        for fit in itertools.chain(*branch.stages):
            if name in fit.told:
                yield getattr(fit.conventions, name), fit.worst


def _momentum(dump: Dump, best: Fit) -> Finding:
    number = best.weight
    tensors = [name for name in RUNNING if name in best.ratios]
    if number is None or not tensors:
        lack = "the file lacks running statistics"
        lack = lack if dump.step.training else "only training tells it"
        return Finding("momentum", None, f"not told: {lack}")
    ratio = max(best.ratios[name] for name in tensors)
    if number.high == 0:
        why = (
            "in training: they may move in backward, or never"
            if dump.step.training
            else "in inference"
        )
        return Finding("momentum", "0", f"the running statistics stay {why}", ratio)
    note = []
    meanings = []
    if not number.round:
        made = made_of(number)
        note.append(f"which {made}" if made else "no round number fits")
    if number.low <= 0 and number.high >= 1:
        note.append("the batch has the statistics that ran already")
    momentum = dump.layer.raw_momentum
    if momentum is not None:
        for meaning, weight in (("batch", momentum), ("history", 1.0 - momentum)):
            if number.holds(weight):
                meanings.append(meaning)
        given = f"the file's momentum {momentum:.6g}"
        note.append(
            f"{given} weighs the {' or the '.join(meanings)}"
            if meanings
            else f"{given} fits neither as the weight of the batch nor of the history"
        )
    finding = _number("momentum", number, ratio, "; ".join(note))
    return replace(finding, text=f"the batch weighs {finding.text}")


def _bounds(best: Fit, odd: Sequence[Fit]) -> Finding:
    """Say how exact the numbers are: the tightest bounds within which they all are."""
    names = [
        name
        for name, convention in CONVENTIONS.items()
        if convention.changes == "bound" and name not in SEEN
    ]
    chosen = {name: getattr(best.conventions, name) for name in names}
    looser = {name: one for name, one in chosen.items() if one != CONVENTIONS[name].canonical}
    what, option = next(iter(chosen.items()))
    if not looser:
        return Finding(what, option, f"{option}, or as exact", best.worst)
    others = [f"{name}={one}" for name, one in looser.items() if name != what]
    tighter = [
        f"{CONVENTIONS[what].canonical} with {_other_numbers(fit, best)}"
        for fit in odd
        if getattr(fit.conventions, what) != option
    ]
    meanings = [
        f"{QUESTIONS[name]} {CONVENTIONS[name].options[one]}" for name, one in looser.items()
    ]
    return Finding(
        what=what,
        option=option,
        text=", ".join([option, *others]),
        error_over_bound=best.worst,
        less_likely=tuple(tighter),
        note=f"outside tighter bounds: {'; '.join(meanings)}",
    )
