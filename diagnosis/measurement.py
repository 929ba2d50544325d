"""What a layer does, read from its answers alone: its conventions, each with its evidence.

Nothing that the adapter declares is used. Conventions of value are found together: starting from
the canonical ones, the change that brings most tensors within their bounds is made until all are.
Then every other option of every convention is tried in its place: an option that some probe puts
outside its bound is excluded, with the error as the evidence, and where one is not, the convention
is undetermined. Of the conventions that loosen the bound, the tightest that suffices is the answer.
"""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from diagnosis.fitting import Interval, fit_epsilon, fit_momentum
from diagnosis.judgement import error_over_bound
from diagnosis.question import Question
from reference.conventions import CANONICAL, CONVENTIONS, Conventions
from reference.layer import Layer

UNDETERMINED = "undetermined"
FLOAT32 = "float32"
BEHAVIOUR = {
    "single_value": "single-value",
    "empty_batch": "empty-batch",
    "zero_epsilon": "zero-epsilon",
    "layer_rank": "layer-rank",
    "bare_call": "bare-call",
}
LOOSENING = ("variance_algorithm", "summation", "arithmetic")
VALUE_PROBES = (
    "two-magnitudes",
    "two-values",
    "negative-gamma",
    "far-history",
    "no-backward",
    "new-layer",
)


@dataclass(frozen=True)
class Measured:
    """One convention as measured: the option, or UNDETERMINED, and what decided.

    `excluded` holds the options that a probe rules out, with their error in bounds there.
    """

    field: str
    dtype: str
    option: object
    probe: str
    evidence: str
    excluded: dict[str, float] = dataclasses.field(default_factory=dict)
    interval: Interval | None = None

    def agrees_with(self, declared: object) -> bool:
        """Say whether a declaration may stand beside this measurement.

        A looser bound than needed may be declared; a number must lie in the measured interval.
        """
        if self.option == UNDETERMINED:
            return declared not in self.excluded
        if self.interval is not None:
            return self.interval.low <= float(str(declared)) <= self.interval.high
        if self.field in LOOSENING:
            return declared not in self.excluded
        return self.option == declared


@dataclass(frozen=True)
class _Miss:
    """The worst tensor of some probes under some conventions, in bounds."""

    ratio: float
    outside: int
    probe: str = ""
    numbers: str = ""


def measure(probes: Mapping[str, Question]) -> list[Measured]:
    """Measure a target from its answers, {probe id: question}; ids end in the probe's dtype.

    A probe that was not answered decides nothing: what it was for is undetermined. Nor does the one
    probe that nothing fits, where all the others of a convention's value do.
    """
    measured = []
    values = _of(probes, VALUE_PROBES, FLOAT32)
    found = _fitting_conventions(values)
    misfits = [name for name, one in values.items() if _miss({name: one}, found).outside]
    left_out = misfits[0] if len(misfits) == 1 < len(values) - 1 else ""
    values = {name: one for name, one in values.items() if name != left_out}
    for name, convention in CONVENTIONS.items():
        if convention.changes == "values":
            measured.append(_value(name, found, values, left_out))
    for name, probe in BEHAVIOUR.items():
        measured.append(_behaviour(name, f"probe-{probe}-{FLOAT32}", probes))
    measured += _defaults(probes, found)
    algorithm = _bound("variance_algorithm", FLOAT32, ("large-mean",), probes, found)
    measured.append(algorithm)
    if algorithm.option == UNDETERMINED:
        why = "how the variance is computed is undetermined, and so is how its sums are"
        measured.append(Measured("summation", FLOAT32, UNDETERMINED, "", why))
    else:
        found = found.but(variance_algorithm=algorithm.option)
        measured.append(_bound("summation", FLOAT32, ("long-constant",), probes, found))
    for dtype in sorted({name.rsplit("-", 1)[1] for name in probes} - {FLOAT32}):
        half = ("half-precision", "half-precision-300", "two-magnitudes")
        if dtype != "float64":
            measured.append(_bound("arithmetic", dtype, half, probes, found))
        measured.append(_statistics_dtype(dtype, half, probes))
    return measured


def _of(probes, names, dtype) -> dict[str, Question]:
    wanted = [f"probe-{name}-{dtype}" for name in names]
    return {name: probes[name] for name in wanted if name in probes}


def _fitting_conventions(values: Mapping[str, Question]) -> Conventions:
    """Return the conventions of value that bring the most tensors within their bounds."""
    found = CANONICAL
    fewest = _miss(values, found).outside
    at_once = 1
    while fewest and at_once <= 2:
        best = min(_changed(found, at_once), key=lambda one: _miss(values, one).outside)
        if _miss(values, best).outside < fewest:
            found, fewest = best, _miss(values, best).outside
            at_once = 1
        else:  # two that show only together, as in Keras 0.2
            at_once += 1
    return found


def _changed(found: Conventions, at_once: int) -> list[Conventions]:
    """Return all conventions that differ from those found in so many conventions of value."""
    fields = [name for name, one in CONVENTIONS.items() if one.changes == "values"]
    return [
        found.but(**dict(zip(chosen, options, strict=True)))
        for chosen in itertools.combinations(fields, at_once)
        for options in itertools.product(*(_others(found, name) for name in chosen))
    ]


def _others(found: Conventions, name: str) -> list[str]:
    return [option for option in CONVENTIONS[name].options if option != getattr(found, name)]


def _miss(questions: Mapping[str, Question], conventions: Conventions, layer=None) -> _Miss:
    """Return how far answers are from what the conventions expect; a refusal is infinitely far."""
    worst = _Miss(0.0, 0)
    outside = 0
    for probe, question in questions.items():
        expectations = question.expect(conventions, layer and layer(question.layer))
        for step, answer in enumerate(question.answered.steps):
            if step >= len(expectations) or expectations[step].refused_by:
                return _Miss(np.inf, outside + 1, probe, "a refusal is due")
            for tensor, expected in expectations[step].tensors.items():
                if np.shape(answer.get(tensor, expected.value)) != np.shape(expected.value):
                    return _Miss(np.inf, outside + 1, probe, f"{tensor} has another shape")
                if tensor not in answer:
                    continue
                ratio = error_over_bound(answer[tensor], expected)
                outside += bool(np.any(ratio > 1))
                if ratio.max(initial=0) > worst.ratio:
                    at = np.unravel_index(np.argmax(ratio), ratio.shape)
                    numbers = (
                        f"step {step}: {tensor}{list(map(int, at))} = "
                        f"{float(answer[tensor][at]):.9g}, not {float(expected.value[at]):.9g}"
                    )
                    worst = _Miss(float(ratio[at]), 0, probe, numbers)
    return replace(worst, outside=outside)


def _value(
    name: str, found: Conventions, values: Mapping[str, Question], left_out: str
) -> Measured:
    option = getattr(found, name)
    usual = _miss(values, found)
    if not values or usual.outside:
        nearest = f"nothing fits; the nearest is {option}, {usual.ratio:.3g} bounds off"
        return Measured(name, FLOAT32, UNDETERMINED, usual.probe, nearest)
    excluded, open_options, telling = {}, [], _Miss(0.0, 0)
    for other in CONVENTIONS[name].options:
        if other == option:
            continue
        miss = _miss(values, found.but(**{name: other}))
        if miss.outside:
            excluded[other] = miss.ratio
            telling = max(telling, miss, key=lambda one: one.ratio)
        else:
            open_options.append(other)
    but = f" (but nothing fits {left_out})" if left_out else ""
    if open_options:
        evidence = f"{option} fits, and so does {', '.join(open_options)}{but}"
        return Measured(name, FLOAT32, UNDETERMINED, "", evidence, excluded)
    evidence = f"all tensors fit{but}; with another option {telling.numbers}"
    return Measured(name, FLOAT32, option, telling.probe, evidence, excluded)


def _bound(name, dtype, names, probes, found: Conventions) -> Measured:
    """Return the tightest option under which the probes' tensors are within their bounds."""
    questions = _of(probes, names, dtype)
    if not questions:
        return Measured(name, dtype, UNDETERMINED, "", "no probe was answered")
    found = _with_kept(found, questions)
    excluded: dict[str, float] = {}
    telling = _Miss(0.0, 0)
    for option in CONVENTIONS[name].options:
        miss = _miss(questions, found.but(**{name: option}))
        if not miss.outside:
            evidence = telling.numbers or f"within {miss.ratio:.2g} of the tightest bound"
            probe = telling.probe or miss.probe
            return Measured(name, dtype, option, probe, evidence, excluded)
        excluded[option] = miss.ratio
        telling = max(telling, miss, key=lambda one: one.ratio)
    evidence = f"outside every bound: {telling.numbers}"
    return Measured(name, dtype, UNDETERMINED, telling.probe, evidence, excluded)


def _kept_as(questions: Mapping[str, Question]) -> tuple[str, str, str] | None:
    """Return the dtype of the running statistics of a trained layer, the layer's, and the probe."""
    for probe, question in questions.items():
        for step, answer in zip(question.steps, question.answered.steps, strict=False):
            if step.training and "running_var" in answer:
                return answer["running_var"].dtype.name, question.layer.dtype, probe
    return None


def _statistics_dtype(dtype, names, probes) -> Measured:
    kept = _kept_as(_of(probes, names, dtype))
    if kept is None:
        return Measured("statistics_dtype", dtype, UNDETERMINED, "", "no probe was answered")
    name, own, probe = kept
    evidence = f"after a training step running_var is {name}"
    return Measured("statistics_dtype", dtype, _statistics_option(name, own), probe, evidence)


def _statistics_option(name: str, own: str) -> str:
    if own == "float64":
        return "widened" if name == "float64" else "always_float32"
    return "input_dtype" if name == own else "widened"


def _with_kept(found: Conventions, questions) -> Conventions:
    kept = _kept_as(questions)
    if kept is None or kept[1] == FLOAT32:
        return found
    return found.but(statistics_dtype=_statistics_option(kept[0], kept[1]))


def _behaviour(name: str, probe: str, probes) -> Measured:
    question = probes.get(probe)
    if question is None:
        return Measured(name, FLOAT32, UNDETERMINED, "", "the probe was not answered")
    if question.answered.refusal is not None:
        evidence = f"refused: {question.answered.refusal.strip().splitlines()[-1][:200]}"
        return Measured(name, FLOAT32, "raises", probe, evidence)
    answer = question.answered.steps[0]
    if name == "bare_call":
        before = np.asarray(question.layer.running_mean)
        y, x = (np.asarray(array, np.float64) for array in (answer["y"], question.steps[0].x))
        moved = not np.array_equal(answer["running_mean"], before)
        axes = (0, 2, 3)
        beta = np.asarray(question.layer.beta, np.float64)
        centred = np.abs(y.mean(axis=axes) - beta).max()
        by_batch = centred < np.abs(y - x).max() * 1e-3
        how = "moved" if moved else "stayed"
        evidence = f"the mean of y is {centred:.3g} from beta; the running mean {how}"
        return Measured(name, FLOAT32, "trains" if by_batch else "infers", probe, evidence)
    nan = bool(np.isnan(answer["running_var"]).any())
    evidence = f"answered; running_var is {np.array2string(answer['running_var'], precision=6)}"
    if "nan" in CONVENTIONS[name].options and nan:
        return Measured(name, FLOAT32, "nan", probe, evidence)
    return Measured(name, FLOAT32, CONVENTIONS[name].canonical, probe, evidence)


def _defaults(probes, found: Conventions) -> list[Measured]:
    """Measure epsilon, the weight of the new batch and the axis of a bare constructor."""
    measured = []
    bare = probes.get(f"probe-bare-constructor-{FLOAT32}")
    for name, fit in (("default_epsilon", fit_epsilon), ("default_momentum", fit_momentum)):
        interval = None
        if bare is not None and bare.answered.steps:
            layer = _as_told(bare.layer, found)
            interval = fit(layer, bare.steps[0], bare.answered.steps[0], found)
        if interval is None:
            measured.append(Measured(name, FLOAT32, UNDETERMINED, "", "no number fits"))
            continue
        evidence = f"between {interval.low:.9g} and {interval.high:.9g}"
        probe = f"probe-bare-constructor-{FLOAT32}"
        measured.append(Measured(name, FLOAT32, interval.best, probe, evidence, {}, interval))
    measured.append(_default_axis(probes.get(f"probe-bare-axis-{FLOAT32}")))
    return measured


def _as_told(layer: Layer, found: Conventions) -> Layer:
    return replace(layer, epsilon=found.default_epsilon, momentum=found.default_momentum)


def _default_axis(question: Question | None) -> Measured:
    if question is None or not question.answered.steps:
        return Measured("default_channel_axis", FLOAT32, UNDETERMINED, "", "no answer")
    shape, length = question.steps[0].x.shape, len(question.answered.steps[0]["running_mean"])
    axes = [axis for axis in (1, -1) if shape[axis] == length]
    evidence = f"for x of shape {shape} the statistics have {length} channels"
    probe = f"probe-bare-axis-{FLOAT32}"
    option = axes[0] if axes else UNDETERMINED
    return Measured("default_channel_axis", FLOAT32, option, probe, evidence)
