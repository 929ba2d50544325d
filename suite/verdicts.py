"""From a target's answer to records: judge every tensor, and say it in the records' words."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from adapters.harness.observation import Observation
from adapters.harness.registry import Target
from diagnosis.consistency import TargetDiagnosis
from diagnosis.judged import Judgement
from diagnosis.judgement import Answered, judge
from diagnosis.question import Question
from records.codec import LARGEST
from records.hypothesis import Choice, Hypothesis, Option
from records.pieces import Broken, ConventionMeaning, Declared, Kernels, WorstElement
from records.schema import CaseRecord, ExplanationRecord, TargetRecord, VerdictRecord
from records.verdict import Verdict
from reference.conventions import CANONICAL, CONVENTIONS, QUESTIONS, Conventions
from suite.expectations import Expectations
from test_cases.case import Case

ANSWERED = "answered"
"""How a case ends that was answered to its end; every other word of the harness is a verdict."""


def meanings() -> dict[str, ConventionMeaning]:
    """Return what a reader of the records needs to know of each convention."""
    return {
        name: ConventionMeaning(
            question=question,
            changes=CONVENTIONS[name].changes if name in CONVENTIONS else "defaults",
            canonical=getattr(CANONICAL, name),
            options=CONVENTIONS[name].options if name in CONVENTIONS else {},
        )
        for name, question in QUESTIONS.items()
    }


def case_record(case: Case) -> CaseRecord:
    """Return the record of a case."""
    return CaseRecord(
        case=case.id,
        reason=case.reason,
        dtype=case.dtype,
        shape=case.shape,
        channel_axis=case.channel_axis,
        epsilon=case.epsilon,
        momentum=case.momentum,
        raw_momentum=case.raw_momentum,
        steps=case.steps,
    )


def target_record(target: Target, hello: dict | Observation) -> TargetRecord:
    """Return the record of a target, from its hello or from what stands in place of one."""
    if isinstance(hello, Observation):
        broken = Broken(
            ended=Verdict(hello.ended), message=hello.message, log=hello.log, retry=hello.retry
        )
        return TargetRecord(**names_of(target, hello), broken=broken)
    return TargetRecord(
        **names_of(target, hello),
        versions=hello["versions"],
        python=str(hello["python"]),
        environment=hello["interpreter"],
        kernels=_kernels(hello["machine"]),
        conventions=_declared(hello["conventions"]),
    )


def _kernels(machine: dict) -> Kernels | None:
    instructions = tuple(machine.get("instructions", ()))
    return Kernels(**{**machine, "instructions": instructions}) if machine else None


def verdict_records(
    case: Case,
    target: Target,
    hello: dict | Observation,
    observation: Observation,
    judged: list[Judgement],
) -> list[VerdictRecord]:
    """Return one record for each verdict on a target's answer to a case."""
    names, declared = names_of(target, hello), _declared(observation.conventions)
    return [
        VerdictRecord(
            **names,
            case=case.id,
            dtype=case.dtype,
            tensor=one.tensor,
            step=one.step,
            verdict=one.verdict,
            error_over_bound=one.error_over_bound,
            max_ulp=one.max_ulp,
            bound_over_scale=one.bound_over_scale,
            open_channels=one.open_channels,
            differs_by=_choices(one.differs_by),
            relative_error=one.relative_error,
            hazard=_choices(one.hazard),
            message=one.message(f"{target.name} {case.id}"),
            conventions=declared,
            worst=WorstElement(**vars(one.worst)) if one.worst else None,
            log=observation.log if one.verdict.failing else "",
        )
        for one in judged
    ]


def judgements(
    case: Case, observation: Observation, expectations: Expectations | None = None
) -> list[Judgement]:
    """Return the verdicts on one answer, tensor by tensor where there are tensors."""
    ended = ended_as(observation)
    if ended and not ended.judged:
        number = len(observation.steps)
        return [Judgement(ended, "", number, detail=_with_log(ended, observation))]
    try:
        declared = declared_conventions(observation)
    except (TypeError, ValueError) as error:
        return [Judgement(Verdict.BROKEN_ADAPTER, "", 0, detail=f"declares {error}")]
    told = len(observation.steps)
    if told > len(case.steps) or (not ended and told < len(case.steps)):
        detail = f"{told} answers to {len(case.steps)} steps"
        return [Judgement(Verdict.BROKEN_ADAPTER, "", 0, detail=detail)]
    shared = partial(expectations.of, case) if expectations else None
    return judge(case.layer(), case.inputs(), _answered(observation), declared, case.exact, shared)


def diagnose_into(
    diagnosis: TargetDiagnosis,
    case: Case,
    observation: Observation,
    judged: list[Judgement],
    known: bool = False,
    expectations: Expectations | None = None,
) -> tuple[Hypothesis, ...]:
    """Add a judged case to the diagnosis of its target; return what would explain it alone."""
    if any(not one.verdict.judged and not one.tensor for one in judged):
        return ()
    question = question_of(case, observation, expectations)
    if any(one.verdict.diagnosed for one in judged):
        return tuple(diagnosis.violates(case.id, question, known))
    diagnosis.conforms(question)
    return ()


def with_diagnosis(
    records: list[VerdictRecord], hypotheses: tuple[Hypothesis, ...]
) -> list[VerdictRecord]:
    """Return the records, those of violations with what would explain them."""
    return [
        replace(record, diagnosis=hypotheses) if record.verdict.diagnosed else record
        for record in records
    ]


def question_of(
    case: Case, observation: Observation, expectations: Expectations | None = None
) -> Question:
    """Return a target's answer to a case as what hypotheses are held against."""
    declared = declared_conventions(observation)
    shared = partial(expectations.of, case) if expectations else None
    answered = _answered(observation)
    return Question.of(case.layer(), case.inputs(), answered, declared, case.exact, shared)


def declared_conventions(observation: Observation) -> Conventions:
    """Return the conventions that the adapter declares for this case. Raises ValueError."""
    return CANONICAL.but(**{name: option for name, (option, _) in observation.conventions.items()})


def explanation_records(
    target: Target, hello: dict | Observation, diagnosis: TargetDiagnosis
) -> list[ExplanationRecord]:
    """Return a record for each explanation that is consistent over the target's cases."""
    return [
        ExplanationRecord(
            **names_of(target, hello),
            hypothesis=one.hypothesis,
            sentence=one.sentence,
            cases=one.cases,
        )
        for one in diagnosis.explanations()
    ]


def ended_as(observation: Observation) -> Verdict | None:
    """Return the verdict on the way that a case ended, None where it was answered to its end."""
    return None if observation.ended == ANSWERED else Verdict(observation.ended)


def _answered(observation: Observation) -> Answered:
    return Answered(
        observation.steps,
        observation.message if ended_as(observation) is Verdict.RAISED else None,
        observation.withheld,
    )


def _with_log(ended: Verdict, observation: Observation) -> str:
    told = f"{ended}: {observation.message}"
    words = last_words(observation.log)
    return f"{told}; {words}" if words and ended is not Verdict.DECLINED else told


def last_words(log: str) -> str:
    """Return what a log ends with in one line: where the main thread was, or the last line."""
    lines = [line.strip()[:300] for line in log.splitlines() if line.strip()]
    heads = [at for at, line in enumerate(lines) if line.endswith("(most recent call first):")]
    if heads and heads[-1] + 1 < len(lines):
        return f"it was at {lines[heads[-1] + 1]}"
    return f"its last words: {lines[-1]}" if lines else ""


def names_of(target: Target, hello: dict | Observation) -> dict[str, Any]:
    """Return the fields that say which target a record is of; no version without a hello."""
    versions = {} if isinstance(hello, Observation) else hello["versions"]
    return {
        "target": target.name,
        "implementation": target.implementation.label,
        "version": versions.get(target.implementation.package, ""),
        "device": target.device,
        "mode": target.mode,
    }


def option_of(declared: object) -> Option:
    """Return what an adapter declares as an option; what cannot be one is told as text."""
    if isinstance(declared, int) and (isinstance(declared, bool) or abs(declared) >= LARGEST):
        return str(declared)
    return declared if isinstance(declared, str | int | float) else str(declared)


def _choices(pairs: Iterable[tuple[str, object]]) -> tuple[Choice, ...]:
    return tuple((field, option_of(option)) for field, option in pairs)


def _declared(conventions: Mapping[str, tuple[object, str]]) -> tuple[Declared, ...]:
    return tuple(
        Declared(field=field, option=option_of(option), source=source)
        for field, (option, source) in conventions.items()
    )
