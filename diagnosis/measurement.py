"""What a layer does, read from its answers alone: its conventions, each with its evidence.

Nothing that the adapter declares is used. Conventions of value are found together, from the
canonical ones on. Then every other option of every convention is tried in its place: an option that
some probe puts outside its bound is excluded, with the error as the evidence, and where one is not,
the convention is undetermined. Of the conventions that loosen the bound, the tightest that suffices
is the answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from dataclasses import field as field_of

import numpy as np

from diagnosis.fitting import FITS, span
from diagnosis.nearest import Miss, miss, nearest
from diagnosis.question import Question
from records.hypothesis import UNDETERMINED, Interval
from reference.conventions import CANONICAL, CONVENTIONS, PROBES, QUESTIONS, Convention, Conventions
from reference.expected import relevant

FLOAT32 = "float32"

LOOSEST = {
    one.name: list(one.options)[-1] for one in CONVENTIONS.values() if one.changes == "bound"
}
"""The widest bounds: what is outside these is no matter of exactness."""


@dataclass(frozen=True)
class Measurement:
    """One convention as measured: the option, or UNDETERMINED, and what decided.

    `excluded` holds the options that a probe rules out, with their error in bounds there. One that
    is `at_least` so exact may be declared less exact; a number must lie in its interval.
    """

    field: str
    dtype: str
    option: object
    probe: str
    evidence: str
    excluded: dict[str, float] = field_of(default_factory=dict)
    interval: Interval | None = None
    at_least: bool = False

    def agrees_with(self, declared: object) -> bool:
        """Say whether a declaration may stand beside this measurement."""
        if self.interval is not None:
            return self.interval.low <= float(str(declared)) <= self.interval.high
        if self.at_least or self.option == UNDETERMINED:
            return declared not in self.excluded
        return self.option == declared


def measure(probes: Mapping[str, Question]) -> list[Measurement]:
    """Measure a target from its answers, {probe id: question}; ids end in the probe's dtype.

    A probe that was not answered decides nothing: what it was for is undetermined. So is whatever
    would show in a tensor that nothing fits: something else is wrong there.
    """
    probes = {name: replace(one, declared=CANONICAL) for name, one in probes.items()}
    values = _of(probes, FLOAT32)
    found = nearest(values)
    misfits = [name for name, one in values.items() if miss({name: one}, found).outside]
    spoilt = {
        tensor: name for name in misfits for tensor in _outside(values[name], found.but(**LOOSEST))
    }
    left_out = misfits[0] if len(misfits) == 1 < len(values) - 1 else ""
    values = {name: one for name, one in values.items() if name != left_out}
    by_kind: dict[str, list[Convention]] = {}
    for convention in CONVENTIONS.values():
        by_kind.setdefault(convention.changes, []).append(convention)
    single = _of(probes, FLOAT32)
    elsewhere = [
        one
        for one in by_kind["values"]
        if not _matters(one, single, found) and _matters(one, probes, found)
    ]
    measured = [
        _spoilt(one, spoilt) or _value(one, FLOAT32, found, values)
        for one in by_kind["values"]
        if one not in elsewhere
    ]
    measured += [_behaviour(one, found, probes) for one in by_kind["behaviour"]]
    measured += _defaults(probes, found)
    exact = _bounds([one for one in by_kind["bound"] if one.probe], probes, found, spoilt)
    found = found.but(**{one.field: one.option for one in exact if one.option != UNDETERMINED})
    measured += exact
    for dtype in sorted({name.rsplit("-", 1)[1] for name in probes} - {FLOAT32}):
        questions = _of(probes, dtype)
        kept = _statistics_dtype(dtype, questions)
        own = found.but(statistics_dtype=kept.option) if kept.option != UNDETERMINED else found
        for one in elsewhere:
            if _matters(one, questions, own):
                options = [own.but(**{one.name: option}) for option in one.options]
                own = min(options, key=lambda changed: miss(questions, changed).outside)
                measured.append(_value(one, dtype, own, questions))
        measured += [
            _bound(one, dtype, questions, own)
            for one in by_kind["bound"]
            if not one.probe and one.name != kept.field and _matters(one, questions, own)
        ]
        measured.append(kept)
    return measured


def _of(probes: Mapping[str, Question], dtype: str, name: str = "") -> dict[str, Question]:
    """Return the answers to the probe of a name in a dtype, or to all that are nobody's own."""
    wanted = {f"probe-{name}-{dtype}" for name in PROBES.values() if name}
    if name:
        return {key: probes[key] for key in (f"probe-{name}-{dtype}",) if key in probes}
    return {
        key: one for key, one in probes.items() if key not in wanted and key.endswith(f"-{dtype}")
    }


def _others(convention: Convention, found: Conventions) -> list[str]:
    return [option for option in convention.options if option != getattr(found, convention.name)]


def _matters(convention: Convention, questions: Mapping[str, Question], found: Conventions) -> bool:
    """Say whether an option of a convention plays a part in any of the questions."""
    changed = [found.but(**{convention.name: option}) for option in _others(convention, found)]
    return not questions or any(
        relevant(one, each.layer, each.steps) != relevant(found, each.layer, each.steps)
        for one in changed
        for each in questions.values()
    )


def _outside(question: Question, conventions: Conventions) -> set[str]:
    """Return the tensors of a question that conventions leave outside their bounds."""
    errors = question.errors(question.expect(conventions))
    return {name for step in errors for name, error in step.items() if np.any(error > 1)}


def _spoilt(convention: Convention, spoilt: Mapping[str, str]) -> Measurement | None:
    """Say that a convention is undetermined where it would show in what nothing fits."""
    telling = sorted(convention.touches & spoilt.keys())
    if not telling:
        return None
    probe = spoilt[telling[0]]
    evidence = f"nothing fits {' and '.join(telling)} of {probe}, where it would show"
    return Measurement(convention.name, FLOAT32, UNDETERMINED, probe, evidence)


def _value(
    convention: Convention,
    dtype: str,
    found: Conventions,
    values: Mapping[str, Question],
) -> Measurement:
    name, option = convention.name, getattr(found, convention.name)
    usual = miss(values, found)
    if not values or usual.outside:
        evidence = f"nothing fits; the nearest is {option}, {usual.ratio:.3g} bounds off"
        return Measurement(name, dtype, UNDETERMINED, usual.probe, evidence)
    misses = {one: miss(values, found.but(**{name: one})) for one in _others(convention, found)}
    excluded = {other: one.ratio for other, one in misses.items() if one.outside}
    also = [other for other in misses if other not in excluded]
    if also:
        evidence = f"{option} fits, and so does {', '.join(also)}"
        return Measurement(name, dtype, UNDETERMINED, "", evidence, excluded)
    telling = max(misses.values(), key=lambda one: one.ratio)
    evidence = f"all tensors fit; with another option {telling.numbers}"
    return Measurement(name, dtype, option, telling.probe, evidence, excluded)


def _bounds(
    conventions: Iterable[Convention],
    probes: Mapping[str, Question],
    found: Conventions,
    spoilt: Mapping[str, str],
) -> list[Measurement]:
    """Return how exact a layer is, one convention after the other: each rests on those before."""
    measured: list[Measurement] = []
    for one in conventions:
        if measured and measured[-1].option == UNDETERMINED:
            why = f"it rests on {measured[-1].field}, which is undetermined"
            measured.append(Measurement(one.name, FLOAT32, UNDETERMINED, "", why))
            continue
        own = _of(probes, FLOAT32, one.probe)
        measured.append(_spoilt(one, spoilt) or _bound(one, FLOAT32, own, found))
        if measured[-1].option != UNDETERMINED:
            found = found.but(**{one.name: measured[-1].option})
    return measured


def _bound(
    convention: Convention, dtype: str, questions: Mapping[str, Question], found: Conventions
) -> Measurement:
    """Return the tightest option under which the probes' tensors are within their bounds."""
    name = convention.name
    if not questions:
        return Measurement(name, dtype, UNDETERMINED, "", "no probe was answered")
    excluded: dict[str, float] = {}
    telling = Miss(0.0, 0)
    for option in convention.options:
        one = miss(questions, found.but(**{name: option}))
        if not one.outside:
            evidence = telling.numbers or f"within {one.ratio:.2g} of the tightest bound"
            probe = telling.probe or one.probe
            return Measurement(name, dtype, option, probe, evidence, excluded, at_least=True)
        excluded[option] = one.ratio
        telling = max(telling, one, key=lambda each: each.ratio)
    # Something else is wrong there: that speaks against no option of this convention.
    evidence = f"outside every bound: {telling.numbers}"
    return Measurement(name, dtype, UNDETERMINED, telling.probe, evidence)


def _statistics_dtype(dtype: str, questions: Mapping[str, Question]) -> Measurement:
    """Return what a layer's running statistics are kept in, as they are after training."""
    for probe, question in questions.items():
        for step, answer in zip(question.steps, question.answered.steps, strict=False):
            if step.training and "running_var" in answer:
                kept = answer["running_var"].dtype.name
                evidence = f"after a training step running_var is {kept}"
                option = "input_dtype" if kept == dtype else "widened"
                if dtype == "float64":
                    option = "widened" if kept == dtype else "always_float32"
                return Measurement("statistics_dtype", dtype, option, probe, evidence)
    return Measurement("statistics_dtype", dtype, UNDETERMINED, "", "no probe was answered")


def _behaviour(
    convention: Convention, found: Conventions, probes: Mapping[str, Question]
) -> Measurement:
    """Return the option under which the tensors that it touches are within their bounds."""
    name = convention.name
    for probe, whole in _of(probes, FLOAT32, convention.probe).items():
        question = _about(whole, convention.touches)
        under = {option: found.but(**{name: option}) for option in convention.options}
        fitting = [one for one in under if question.fits(question.expect(under[one]))]
        misses = {one: miss({probe: question}, under[one]) for one in under if one not in fitting}
        worst = max(misses.values(), key=lambda one: one.ratio, default=Miss(0.0, 0))
        refusal = question.answered.refusal
        if not fitting:
            evidence = f"nothing fits: {worst.numbers or refusal}"
            return Measurement(name, FLOAT32, UNDETERMINED, probe, evidence)
        excluded = {option: one.ratio if one.outside else np.inf for option, one in misses.items()}
        if len(fitting) > 1:
            evidence = f"{fitting[0]} fits, and so does {', '.join(fitting[1:])}"
            return Measurement(name, FLOAT32, UNDETERMINED, probe, evidence, excluded)
        evidence = f"answered; with another option {worst.numbers}"
        if refusal is not None:
            evidence = f"refused: {refusal.strip().splitlines()[-1][:200]}"
        return Measurement(name, FLOAT32, fitting[0], probe, evidence, excluded)
    return Measurement(name, FLOAT32, UNDETERMINED, "", "the probe was not answered")


def _about(question: Question, names: Iterable[str]) -> Question:
    """Return the question about some tensors alone."""
    names = frozenset(names)
    given = [
        {name: array for name, array in answer.items() if name in names}
        for answer in question.answered.steps
    ]
    withheld = question.answered.withheld.union(*question.answered.steps) - names
    return replace(
        question, answered=replace(question.answered, steps=given, withheld=withheld), shared=None
    )


def _defaults(probes: Mapping[str, Question], found: Conventions) -> list[Measurement]:
    """Measure the numbers and the axis of a bare constructor."""
    measured = [_default_number(subject, probes, found) for subject in FITS]
    (name,) = [name for name in QUESTIONS if name.endswith("channel_axis")]
    for probe, question in _of(probes, FLOAT32, PROBES[name]).items():
        if question.answered.steps:
            shape = question.steps[0].x.shape
            length = len(question.answered.steps[0]["running_mean"])
            axes = [axis for axis in (1, -1) if shape[axis] == length]
            evidence = f"for x of shape {shape} the statistics have {length} channels"
            option = axes[0] if axes else UNDETERMINED
            return [*measured, Measurement(name, FLOAT32, option, probe, evidence)]
    return [*measured, Measurement(name, FLOAT32, UNDETERMINED, "", "no answer")]


def _default_number(
    subject: str, probes: Mapping[str, Question], found: Conventions
) -> Measurement:
    name = f"default_{subject}"
    for probe, question in _of(probes, FLOAT32, PROBES[name]).items():
        number = FITS[subject](question.call(0), found)[0] if question.answered.steps else None
        if number is not None:
            low, high = span(number, digits=9)
            evidence = f"between {low} and {high}"
            return Measurement(name, FLOAT32, number.best, probe, evidence, {}, number)
    return Measurement(name, FLOAT32, UNDETERMINED, "", "no number fits")
