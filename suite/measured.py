"""Records of what a target does: its measured conventions beside those that it declares."""

from collections.abc import Mapping

from adapters.harness.observation import Observation
from adapters.harness.registry import Target
from diagnosis.measurement import Measurement, measure
from reference.conventions import CANONICAL
from suite.verdicts import declared_conventions, names_of, question_of, version_of
from test_cases.case import Case
from test_cases.probes import PROBES

UNDECLARED = "not declared: assumed by the suite"


def measured_records(
    target: Target, hello: dict | Observation, observations: Mapping[str, Observation]
) -> list[dict]:
    """Measure a target from its answers to the probes; one record a convention and dtype.

    `message` is empty where declaration and measurement agree. Nothing is returned for a target
    that answered no probe.
    """
    answered = {
        name: question_of(PROBES[name], observation)
        for name, observation in observations.items()
        if _usable(PROBES[name], observation)
    }
    if not answered or isinstance(hello, Observation):
        return []
    return [
        _record(one, target, version_of(target, hello), _declared(one, hello, observations))
        for one in measure(answered)
    ]


def _usable(probe: Case, observation: Observation) -> bool:
    """Say whether an answer to a probe can be measured: what is malformed decides nothing."""
    told = len(observation.steps)
    if observation.ended not in ("answered", "raised") or told > len(probe.steps):
        return False
    if observation.ended == "answered" and told < len(probe.steps):
        return False
    try:
        declared_conventions(observation)
    except (TypeError, ValueError):
        return False
    return all(
        {"y", "running_mean", "running_var"} <= step.keys()
        and step["y"].shape == probe.shape
        and step["running_mean"].ndim == step["running_var"].ndim == 1
        for step in observation.steps
    )


def _declared(one: Measurement, hello: dict, observations) -> tuple[object, str]:
    """Return the option and the source that the adapter declares where this was measured."""
    if one.probe in observations:
        conventions = observations[one.probe].conventions
    else:
        conventions = hello["conventions"]
    return conventions.get(one.field, (getattr(CANONICAL, one.field), UNDECLARED))


def _record(one: Measurement, target: Target, version: str, declared: tuple[object, str]) -> dict:
    option, source = declared
    message = ""
    if not one.agrees_with(option):
        message = (
            f"{target.name}: {one.field} is {one.option} in {one.dtype} as measured by "
            f"{one.probe}, declared is {option} ({source}): {one.evidence}"
        )
    return {
        "kind": "measured",
        **names_of(target),
        "version": version,
        "field": one.field,
        "dtype": one.dtype,
        "option": one.option,
        "declared": option,
        "source": source,
        "probe": one.probe,
        "evidence": one.evidence,
        "excluded": one.excluded,
        "message": message,
        # what a known divergence is recognised by, as for a verdict
        "case": one.probe,
        "tensor": one.field,
        "verdict": "violates" if message else "conforms",
        "error_over_bound": one.excluded.get(str(option)),
    }
