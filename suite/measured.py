"""Records of what a target does: its measured conventions beside those that it declares."""

from collections.abc import Mapping

from adapters.harness.observation import Observation
from adapters.harness.registry import Target
from diagnosis.measurement import Measurement, measure
from records.hypothesis import UNDETERMINED
from records.schema import MeasuredRecord
from reference.conventions import CANONICAL
from suite.expectations import Expectations
from suite.verdicts import declared_conventions, ended_as, names_of, option_of, question_of
from test_cases.case import Case
from test_cases.probes import PROBES


def measured_records(
    target: Target,
    hello: dict | Observation,
    observations: Mapping[str, Observation],
    expectations: Expectations | None = None,
) -> list[MeasuredRecord]:
    """Measure a target from its answers to the probes; one record a convention and dtype.

    Nothing is returned for a target that answered no probe. `expectations` keeps for the next
    target what conventions expect of the probes.
    """
    answered = {
        name: question_of(PROBES[name], observation, expectations)
        for name, observation in observations.items()
        if _usable(PROBES[name], observation)
    }
    if not answered or isinstance(hello, Observation):
        return []
    names = names_of(target, hello)
    return [_record(one, names, _declared(one, hello, observations)) for one in measure(answered)]


def _usable(probe: Case, observation: Observation) -> bool:
    """Say whether an answer to a probe can be measured: what is malformed decides nothing."""
    ended, told = ended_as(observation), len(observation.steps)
    if told > len(probe.steps) or (not ended and told < len(probe.steps)):
        return False
    if ended and not ended.judged:
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


def _declared(one: Measurement, hello: dict, observations) -> tuple[object, str | None]:
    """Return the option and the source that the adapter declares where this was measured."""
    if one.probe in observations:
        conventions = observations[one.probe].conventions
    else:
        conventions = hello["conventions"]
    return conventions.get(one.field, (getattr(CANONICAL, one.field), None))


def _record(one: Measurement, names: dict, declared: tuple[object, str | None]) -> MeasuredRecord:
    option, source = declared
    return MeasuredRecord(
        **names,
        field=one.field,
        dtype=one.dtype,
        option=None if one.option == UNDETERMINED else option_of(one.option),
        declared=option_of(option),
        source=source,
        probe=one.probe,
        evidence=one.evidence,
        excluded=one.excluded,
        agrees=one.agrees_with(option),
    )
