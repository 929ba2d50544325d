"""The findings about a dump: each convention and number, its evidence and what fits as well."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from explain.checks import GRADIENTS, RUNNING
from explain.fitting import Number
from explain.reading import Dump
from explain.search import FIELDS, RUNNING_FIELDS, Branch, Fit
from explain.undecided import reason
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
    told = [_field(dump, best, equal, odd, judged, name) for name in FIELDS]
    return [_epsilon(dump, best), *told, _momentum(dump, best), _bounds(best, odd)]


def _epsilon(dump: Dump, best: Fit) -> Finding:
    number = best.epsilon
    note = []
    if np.isinf(number.high):
        note.append(f"y tells nothing of it: {reason('epsilon', dump)}")
    elif dump.epsilon is not None and number.value != dump.epsilon:
        note.append(f"the file says {dump.epsilon:.6g}, which does not fit")
    elif not number.round:
        note.append("no round number fits")
    return _number("epsilon", number, best.ratios["y"], "; ".join(note))


def _number(what: str, number: Number, ratio: float, note: str) -> Finding:
    others: tuple[str, ...] = ()
    if not number.decided:
        others = tuple(f"{one:.6g}" for one in number.usual if one != number.value)
    if len(others) > NAMED_NUMBERS:
        more = f"{len(others) - NAMED_NUMBERS} more round numbers"
        others = (*others[:NAMED_NUMBERS], more)
    digits = 8 if number.decided else 4
    ends = [f"{end:.{digits}g}" for end in (number.low, number.high)]
    text = f"{number.value:.8g}"
    if ends[0] != ends[1]:
        text += f" ({ends[0]} to {ends[1]})"
    return Finding(what, f"{number.value:.17g}", text, ratio, others, note=note)


def _field(dump, best: Fit, equal, odd, judged: Sequence[Branch], name: str) -> Finding:
    if not best.tells(name):
        return Finding(name, None, _untold(dump, name))
    option = getattr(best.conventions, name)
    telling = [fit for fit in equal if fit.tells(name)]
    fitting = {getattr(fit.conventions, name) for fit in telling}
    alternatives = [one for one in CONVENTIONS[name].options if one in fitting - {option}]
    needing: dict[str, str] = {}
    for fit in odd:
        other = getattr(fit.conventions, name)
        if fit.tells(name) and other not in fitting and _only_differs(fit, best, name):
            needing.setdefault(other, f"{other} with {_other_numbers(fit, best)}")
    excluded: dict[str, float] = {}
    for branch in judged:
        for other, worst in _judged(branch, name):
            if other not in fitting and other not in needing:
                excluded[other] = min(worst, excluded.get(other, np.inf))
    note = reason(name, dump, option, alternatives) if alternatives else ""
    ratio = max(best.ratios[tensor] for tensor in best.ratios if tensor in _tensors(name))
    return Finding(
        what=name,
        option=option,
        text=option if dump.training or name != "normalizer" else _inference(option),
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
        for other in FIELDS
        if other != name
    )


def _other_numbers(fit: Fit, best: Fit) -> str:
    parts = []
    if fit.epsilon.value != best.epsilon.value:
        parts.append(f"epsilon={fit.epsilon.value:.6g}")
    if fit.weight and best.weight and fit.weight.value != best.weight.value:
        parts.append(f"the batch weighing {fit.weight.value:.6g}")
    return ", ".join(parts)


def _judged(branch: Branch, name: str):
    """Yield every option of a convention that a branch held against the data, and how far off."""
    stages = {"statistics_gradient": branch.gradients} | dict.fromkeys(
        RUNNING_FIELDS, branch.running
    )
    if branch.y.tells(name):
        nearest = [min((fit.worst for fit in stage), default=0.0) for stage in stages.values()]
        yield getattr(branch.y.conventions, name), max(branch.y.worst, *nearest)
    elif branch.y.fits:
        for fit in stages.get(name, ()):
            if fit.tells(name):
                yield getattr(fit.conventions, name), fit.worst


def _tensors(name: str) -> tuple[str, ...]:
    if name == "statistics_gradient":
        return ("dx",)
    return ("running_var",) if name in RUNNING_FIELDS else ("y", *GRADIENTS)


def _untold(dump: Dump, name: str) -> str:
    if not dump.training:
        return "not told: only training tells it"
    needed = {
        "statistics_gradient": "dy and dx",
        "running_variance": "running_var_before and running_var_after",
        "running_statistic": "running_var_before and running_var_after",
    }
    if name == "statistics_gradient" and "dx" in dump.answer:
        return "not told: running statistics normalise"
    if name in needed and not (name in RUNNING_FIELDS and "running_var" in dump.answer):
        return f"not told: the file lacks {needed[name]}"
    if name in RUNNING_FIELDS:
        return "not told: the running statistics stay"
    return "not told: the batch's statistics are not used"


def _momentum(dump: Dump, best: Fit) -> Finding:
    number = best.weight
    tensors = [name for name in RUNNING if name in best.ratios]
    if number is None or not tensors:
        lack = "the file lacks running statistics" if dump.training else "only training tells it"
        return Finding("momentum", None, f"not told: {lack}")
    ratio = max(best.ratios[name] for name in tensors)
    if number.high == 0:
        why = (
            "in training: they may move in backward, or never" if dump.training else "in inference"
        )
        return Finding("momentum", "0", f"the running statistics stay {why}", ratio)
    note = []
    meanings = []
    if not number.round:
        note.append("no round number fits")
    if number.low <= 0 and number.high >= 1:
        note.append("the batch has the statistics that ran already")
    if dump.momentum is not None:
        for meaning, weight in (("batch", dump.momentum), ("history", 1.0 - dump.momentum)):
            if number.low <= weight <= number.high:
                meanings.append(meaning)
        given = f"the file's momentum {dump.momentum:.6g}"
        note.append(
            f"{given} weighs the {' or the '.join(meanings)}"
            if meanings
            else f"{given} fits neither as the weight of the batch nor of the history"
        )
    finding = _number("momentum", number, ratio, "; ".join(note))
    return replace(finding, text=f"the batch weighs {finding.text}")


def _bounds(best: Fit, odd: Sequence[Fit]) -> Finding:
    """Say how exact the numbers are: the tightest bounds within which they all are."""
    names = ("variance_algorithm", "summation", "arithmetic")
    chosen = {name: getattr(best.conventions, name) for name in names}
    looser = {name: one for name, one in chosen.items() if one != CONVENTIONS[name].canonical}
    option = chosen.pop("variance_algorithm")
    if not looser:
        return Finding("variance_algorithm", option, f"{option}, or as exact", best.worst)
    tighter = [
        f"two_pass with {_other_numbers(fit, best)}"
        for fit in odd
        if fit.conventions.variance_algorithm != option
    ]
    return Finding(
        what="variance_algorithm",
        option=option,
        text=", ".join([option, *(f"{name}={looser[name]}" for name in chosen if name in looser)]),
        error_over_bound=best.worst,
        less_likely=tuple(tighter),
        note="outside tighter bounds: "
        + "; ".join(
            f"{QUESTIONS[name]} {CONVENTIONS[name].options[one]}" for name, one in looser.items()
        ),
    )
