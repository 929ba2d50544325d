"""From a target's answer to records: judge every tensor, and say it in the records' words."""

from functools import partial

from adapters.harness.observation import Observation
from adapters.harness.registry import Target
from diagnosis.consistency import TargetDiagnosis
from diagnosis.hypotheses import describe
from diagnosis.judgement import Answered, Judgement, judge
from diagnosis.question import Question
from records.hypothesis import Hypothesis
from records.verdict import Verdict
from reference.conventions import CANONICAL, CONVENTIONS, QUESTIONS, Conventions
from reference.expected import FORMULAS, TENSORS
from suite.expectations import Expectations
from test_cases.case import Case

UNAVAILABLE = "unavailable"
WITHOUT_TENSORS = ("declined", "crashed", "timed out", "broken adapter", UNAVAILABLE, "not run")
DIAGNOSED = ("violates", "raised")
FAILING = ("violates", "raised", "crashed", "timed out", "broken adapter", "not run")


def fails(record: dict) -> bool:
    """Say whether a verdict record fails its test: a failing verdict that is not known."""
    return record["verdict"] in FAILING and "known" not in record


def violates(record: dict) -> bool:
    """Say whether a verdict record is one that is diagnosed."""
    return record["verdict"] in DIAGNOSED


def vocabulary() -> dict:
    """Return what a reader of the records needs to know of conventions, tensors and formulas."""
    conventions = {}
    for name, question in QUESTIONS.items():
        told = {"question": question, "canonical": getattr(CANONICAL, name), "options": {}}
        told["changes"] = CONVENTIONS[name].changes if name in CONVENTIONS else "defaults"
        if name in CONVENTIONS:
            told["options"] = CONVENTIONS[name].options
        conventions[name] = told
    return {"conventions": conventions, "formulas": FORMULAS, "tensors": list(TENSORS)}


def case_record(case: Case) -> dict:
    """Return the record of a case."""
    return {
        "kind": "case",
        "case": case.id,
        "reason": case.reason,
        "dtype": case.dtype,
        "shape": list(case.shape),
        "channel_axis": case.channel_axis,
        "epsilon": case.epsilon,
        "momentum": case.momentum,
        "raw_momentum": case.raw_momentum,
        "steps": list(case.steps),
    }


def target_record(target: Target, hello: dict | Observation) -> dict:
    """Return the record of a target, from its hello or from what stands in place of one."""
    record = {"kind": "target", **names_of(target)}
    if isinstance(hello, Observation):
        broken = {name: getattr(hello, name) for name in ("ended", "message", "log", "retry")}
        return {**record, "version": "", "versions": {}, "conventions": {}, "broken": broken}
    conventions = {
        field: {"option": option, "source": source}
        for field, (option, source) in hello["conventions"].items()
    }
    return {
        **record,
        "version": version_of(target, hello),
        "versions": hello["versions"],
        "python": hello["python"],
        "environment": hello["interpreter"],
        "conventions": conventions,
    }


def verdict_records(
    case: Case,
    target: Target,
    hello: dict | Observation,
    observation: Observation,
    judged: list[Judgement],
) -> list[dict]:
    """Return one record for each verdict on a target's answer to a case."""
    version = version_of(target, hello)
    subject = f"{target.name} {case.id}"
    told = [
        {"field": field, "option": option, "source": source}
        for field, (option, source) in observation.conventions.items()
    ]
    records = []
    for judgement in judged:
        log = {"log": observation.log} if observation.log and judgement.verdict in FAILING else {}
        records.append(
            {
                "kind": "verdict",
                "case": case.id,
                **names_of(target),
                "version": version,
                "dtype": case.dtype,
                "tensor": judgement.tensor,
                "step": judgement.step,
                "verdict": judgement.verdict,
                "error_over_bound": judgement.error_over_bound,
                "max_ulp": judgement.max_ulp,
                "convention": judgement.convention,
                "message": judgement.message(subject),
                "formula": judgement.formula,
                "conventions": told,
                "worst": _worst(judgement),
                **log,
            }
        )
    return records


def judgements(
    case: Case, observation: Observation, expectations: Expectations | None = None
) -> list[Judgement]:
    """Return the verdicts on one answer, tensor by tensor where there are tensors."""
    if observation.ended in WITHOUT_TENSORS:
        number = len(observation.steps)
        ended = Verdict(observation.ended)  # type: ignore[call-arg]  # mypy sees __new__
        return [Judgement(ended, "", number, detail=_with_log(observation))]
    try:
        declared = declared_conventions(observation)
    except (TypeError, ValueError) as error:
        return [Judgement(Verdict.BROKEN_ADAPTER, "", 0, detail=f"declares {error}")]
    told = len(observation.steps)
    if told > len(case.steps) or (observation.ended == "answered" and told < len(case.steps)):
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
) -> list[Hypothesis]:
    """Add a judged case to the diagnosis of its target; return what would explain it alone."""
    if any(one.verdict in WITHOUT_TENSORS and not one.tensor for one in judged):
        return []
    question = question_of(case, observation, expectations)
    if any(one.verdict in DIAGNOSED for one in judged):
        return diagnosis.violates(case.id, question, known)
    diagnosis.conforms(question)
    return []


def add_diagnosis(records: list[dict], hypotheses: list[Hypothesis]) -> None:
    """Say in the records of violations what would explain them."""
    for record in records:
        if record["verdict"] in DIAGNOSED:
            record["diagnosis"] = [one.name for one in hypotheses]
            record["message"] += f"; {describe(hypotheses)}"


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


def explanation_records(target: Target, diagnosis: TargetDiagnosis) -> list[dict]:
    """Return a record for each explanation that is consistent over the target's cases."""
    return [
        {
            "kind": "explanation",
            **names_of(target),
            "name": one.name,
            "sentence": one.sentence,
            "cases": list(one.cases),
        }
        for one in diagnosis.explanations()
    ]


def _answered(observation: Observation) -> Answered:
    return Answered(
        observation.steps,
        observation.message if observation.ended == "raised" else None,
        observation.withheld,
    )


def _with_log(observation: Observation) -> str:
    told = f"{observation.ended}: {observation.message}"
    words = last_words(observation.log)
    return f"{told}; {words}" if words and observation.ended != "declined" else told


def last_words(log: str) -> str:
    """Return what a log ends with in one line: where the main thread was, or the last line."""
    lines = [line.strip()[:300] for line in log.splitlines() if line.strip()]
    heads = [at for at, line in enumerate(lines) if line.endswith("(most recent call first):")]
    if heads and heads[-1] + 1 < len(lines):
        return f"it was at {lines[heads[-1] + 1]}"
    return f"its last words: {lines[-1]}" if lines else ""


def version_of(target: Target, hello: dict | Observation) -> str:
    """Return the version of the package under test; empty where there was no hello."""
    if isinstance(hello, Observation):
        return ""
    return hello["versions"].get(target.implementation.package, "")


def names_of(target: Target) -> dict:
    """Return the fields that say which target a record is of."""
    return {
        "target": target.name,
        "implementation": target.implementation.label,
        "device": target.device,
        "mode": target.mode,
    }


def _worst(judgement: Judgement) -> dict | None:
    worst = judgement.worst
    if worst is None:
        return None
    record: dict = {"index": list(worst.index), "bound": worst.bound}
    for name in ("observed", "expected", "canonical"):
        value = getattr(worst, name)
        record[name] = value
        record[name + "_hex"] = None if value is None else value.hex()
    return record
