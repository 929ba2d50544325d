"""Which conventions and numbers reproduce a dump: the findings, their evidence and their names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from diagnosis.judgement import Answered, error_over_bound
from diagnosis.question import Question
from diagnosis.search import diagnose
from explain.checks import GRADIENTS
from explain.findings import Finding, findings_of
from explain.named_conventions import Match, followed
from explain.reading import Dump
from explain.search import FAR, FIELDS, Branch, Fit, search
from records.hypothesis import described
from reference.expected import Expected

ONE_PASS = {"variance_algorithm": "one_pass"}
LOOSER = (ONE_PASS, {"summation": "sequential"}, ONE_PASS | {"summation": "sequential"})
HALF = {"arithmetic": "input_dtype"}


@dataclass(frozen=True)
class Explained:
    """What a dump follows: the simplest hypothesis that fits, or the nearest where none does."""

    dump: Dump
    fit: Fit
    explained: bool
    findings: tuple[Finding, ...]
    matches: tuple[Match, ...] = ()
    diagnosis: str = ""
    hint: str = ""

    @property
    def nearest_matches(self) -> list[Match]:
        """Return the frameworks that need the fewest arguments."""
        fewest = min((len(match.arguments) for match in self.matches), default=0)
        return [match for match in self.matches if len(match.arguments) == fewest]


def explain(dump: Dump) -> Explained:
    """Search for the conventions and numbers behind a dump, under the tightest bounds that do."""
    left, judged = search(dump)
    less_likely: list[Fit] = []
    if left[0].fits and not _simplest(left).epsilon.round:
        # One channel's cancellation looks like an odd epsilon; Flax documents that cancellation.
        others, others_judged = search(dump, **ONE_PASS)
        if others[0].fits and _simplest(others).epsilon.round:
            less_likely = [_simplest(left)]
            left, judged = others, others_judged
    elif not left[0].fits:
        for looser in (*LOOSER, *([HALF] if dump.dtype == "float16" else [])):
            others, others_judged = search(dump, **looser)
            if others[0].fits:
                left, judged = others, others_judged
                break
        else:
            return _unexplained(dump, left[0])
    fits = _ranked(left)
    equal = [fit for fit in fits if _same_numbers(fit, fits[0])]
    odd = [fit for fit in fits if not _same_numbers(fit, fits[0])]
    backward = any(name in dump.answer for name in GRADIENTS)
    matches = followed(equal, dump.training, backward)
    best = _of_first_match(equal, matches)
    findings = findings_of(dump, best, equal, odd + less_likely, judged)
    return Explained(dump, best, True, tuple(findings), tuple(matches))


def _ranked(branches: Sequence[Branch]) -> list[Fit]:
    return sorted((fit for one in branches for fit in one.whole() if fit.fits), key=_rank)


def _simplest(branches: Sequence[Branch]) -> Fit:
    return _ranked(branches)[0]


def _rank(fit: Fit):
    """Sort simple hypotheses first: usual numbers, then few deviations from the paper."""
    usual = 1e-5, 1e-3, 1e-6
    number = fit.epsilon.value
    odd = (not fit.epsilon.round) + (fit.weight is not None and not fit.weight.round)
    changed = len([name for name in fit.conventions.deviations() if name in FIELDS])
    return odd, changed, usual.index(number) if number in usual else len(usual)


def _same_numbers(fit: Fit, best: Fit) -> bool:
    """Say whether a hypothesis fits with the best one's numbers, or others as odd as those."""
    pairs = [(fit.epsilon, best.epsilon)]
    if fit.weight is not None and best.weight is not None:
        pairs.append((fit.weight, best.weight))
    return all(
        own.low <= number.value <= own.high or (not own.round and not number.round)
        for own, number in pairs
    )


def _of_first_match(fits: Sequence[Fit], matches: Sequence[Match]) -> Fit:
    """Return the simplest fit, of those that the first framework's conventions are where any is."""
    if not matches or matches[0].named.epsilon is None:
        return fits[0]
    own = matches[0].named.conventions
    agreeing = [
        fit
        for fit in fits
        if all(getattr(fit.conventions, name) == getattr(own, name) for name in fit.told)
    ]
    return (agreeing or list(fits))[0]


def _unexplained(dump: Dump, near: Branch) -> Explained:
    fit = _nearest(near.whole())
    layer = dump.layer(fit.epsilon.value, fit.weight.value if fit.weight else 0.1)
    question = _PartialQuestion.of(layer, [dump.step()], dump.answered(), fit.conventions)
    tensors = question.expect(fit.conventions)[0].tensors
    findings = [
        Finding(
            what=name,
            option=None,
            text="nothing fits" if ratio > 1 else "fits the nearest hypothesis",
            error_over_bound=ratio,
            note=_worst_element(dump.answer[name], tensors[name]) if ratio > 1 else "",
        )
        for name, ratio in fit.ratios.items()
    ]
    return Explained(
        dump=dump,
        fit=fit,
        explained=False,
        findings=tuple(findings),
        diagnosis=_diagnosis(question, [name for name, ratio in fit.ratios.items() if ratio > 1]),
        hint=_hint(dump),
    )


def _nearest(fits: Sequence[Fit]) -> Fit:
    """Return the simplest of the hypotheses that miss the fewest tensors by the least."""

    def missed(fit):
        return sum(ratio > 1 for ratio in fit.ratios.values())

    fewest = min(map(missed, fits))
    close = [fit for fit in fits if missed(fit) == fewest]
    least = min(fit.worst for fit in close)
    close = [fit for fit in close if fit.worst <= FAR * least]
    return min(close, key=lambda fit: len(fit.conventions.deviations()))


def _worst_element(observed: np.ndarray, expected: Expected) -> str:
    """Say how many elements are outside their bounds, and which is farthest."""
    with np.errstate(all="ignore"):
        ratio = error_over_bound(observed, expected)
    place = np.unravel_index(np.argmax(ratio), ratio.shape)
    where = ", ".join(map(str, map(int, place)))
    return (
        f"{int((ratio > 1).sum())} of {ratio.size} elements are outside their bounds; the worst is "
        f"[{where}] = {observed[place]:.8g}, should be {float(expected.value[place]):.8g}"
    )


def _diagnosis(question: Question, outside: Sequence[str]) -> str:
    """Say what explains all tensors, or else those alone that are outside their bounds."""
    with np.errstate(all="ignore"):  # a wrong layer's numbers may well overflow
        found = diagnose(question)
        if not found and len(outside) < len(question.answered.steps[0]):
            answer = {name: question.answered.steps[0][name] for name in ("y", *outside)}
            alone = diagnose(replace(question, answered=Answered([answer])))
            if alone:
                return f"{' and '.join(outside)} alone {described(alone)}"
    return described(found)


def _hint(dump: Dump) -> str:
    """Say whether the dump would be explained as a call in the other mode, or on another axis."""
    axes = [
        axis
        for axis in range(1, dump.x.ndim)
        if dump.x.shape[axis] == len(dump.gamma) and axis != dump.channel_axis
    ]
    others = [(replace(dump, channel_axis=axis), f"--channel-axis {axis}") for axis in axes]
    if not dump.training or (dump.running_mean is not None and dump.running_var is not None):
        option = "--inference" if dump.training else "--training"
        others.append((replace(dump, training=not dump.training), option))
    for other, option in others:
        if search(other)[0][0].fits:
            return f"with {option} the same arrays are explained"
    return ""


class _PartialQuestion(Question):
    """A question about a dump, which need not hold every tensor that a layer answers."""

    def _held(self, expectations):
        held = self.answered.steps[0]
        return [
            replace(one, tensors={name: one.tensors[name] for name in one.tensors if name in held})
            for one in expectations
        ]

    def expect(self, conventions, layer=None):
        return self._held(super().expect(conventions, layer))

    def fits(self, expectations):
        return super().fits(self._held(expectations))
