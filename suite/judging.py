"""One target in a run: its answers judged case by case, and explained with the last of them."""

import traceback
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from adapters.harness.host import Host
from adapters.harness.observation import Observation
from adapters.harness.registry import Target
from diagnosis.consistency import TargetDiagnosis
from records.schema import Record, VerdictRecord
from records.verdict import Verdict
from suite.expectations import Expectations
from suite.known import KnownDivergence, with_known
from suite.measured import measured_records
from suite.smoke import request_of
from suite.verdicts import (
    case_record,
    diagnose_into,
    ended_as,
    explanation_records,
    judgements,
    question_of,
    target_record,
    verdict_records,
    with_diagnosis,
)
from test_cases.case import Case
from test_cases.probes import PROBES


class Judging:
    """Judges the answers of one target to `cases`, and to the probes where it is `measured`.

    `witnesses` are cases that it answered soundly before, in a run that was stopped. They are asked
    again, of `another` host, only where something is to be explained.
    """

    def __init__(
        self,
        target: Target,
        cases: Iterable[Case],
        measured: bool,
        witnesses: Sequence[Case],
        known: Sequence[KnownDivergence],
        expectations: Expectations,
        another: Callable[[], Host],
    ):
        self.target = target
        self._plan = {case.id: case for case in [*cases, *(PROBES.values() if measured else ())]}
        self._due = self._plan.keys() - PROBES.keys()
        self._witnesses = witnesses
        self._known = [one for one in known if one.implementation == target.implementation.name]
        self._expectations = expectations
        self._another = another
        self._host: Host | None = None
        self._diagnosis = TargetDiagnosis()
        self._told: dict[str, list[Record]] = {}

    def begin(self, host: Host) -> None:
        """Let the target be asked all that is planned, if it is not yet."""
        if self._host is None:
            self._host = host
            host.start(self.target, _requests(self._plan.values()))

    def records(self, case: Case) -> list[Record]:
        """Return the records of a case, those of the target and the case themselves first.

        A case is judged once, however often it is asked for. The last one's are followed by what
        explains the target.
        """
        assert self._host, "the target was not begun"
        if case.id not in self._told:
            hello = self._host.greeting(self.target)
            observation = self._host.observe(self.target, case.id)
            told: list[Record] = [target_record(self.target, hello), case_record(case)]
            told += self._judged(case, hello, observation)
            self._due -= {case.id}
            if not self._due:
                self._hear_witnesses()
                told += explanation_records(self.target, hello, self._diagnosis)
            self._told[case.id] = told
        return self._told[case.id]

    def measured(self) -> tuple[list[Record], str]:
        """Return the records of the measured conventions, and why there are none."""
        assert self._host, "the target was not begun"
        hello = self._host.greeting(self.target)
        observations = {name: self._host.observe(self.target, name) for name in PROBES}
        record = target_record(self.target, hello)
        measured = measured_records(self.target, hello, observations, self._expectations)
        measured = with_known(
            measured, self._known, lambda probe: question_of(PROBES[probe], observations[probe])
        )
        reason = ""
        if record.broken and not record.broken.ended.failing:
            reason = record.broken.message
        elif all(ended_as(each) is Verdict.DECLINED for each in observations.values()):
            reason = next(iter(observations.values())).message
        return [record, *measured], reason

    def _judged(self, case: Case, hello, observation: Observation) -> list[VerdictRecord]:
        """Judge an answer. A mistake of the suite's own costs no other case, nor a record."""
        try:
            return self._with_diagnosis(case, hello, observation)
        except Exception as error:
            message = f"a mistake of the suite: {type(error).__name__}: {error}"
            log = "".join(traceback.format_exception(error))
            nothing = Observation(Verdict.NOT_RUN, message=message, log=log)
            judged = judgements(case, nothing)
            return verdict_records(case, self.target, hello, nothing, judged)

    def _with_diagnosis(self, case, hello, observation: Observation) -> list[VerdictRecord]:
        judged = judgements(case, observation, self._expectations)
        verdicts = verdict_records(case, self.target, hello, observation, judged)
        verdicts = with_known(
            verdicts, self._known, lambda _: question_of(case, observation, self._expectations)
        )
        known = all(record.known for record in verdicts if record.verdict.diagnosed)
        hypotheses = diagnose_into(
            self._diagnosis, case, observation, judged, known, self._expectations
        )
        return with_diagnosis(verdicts, hypotheses)

    def _hear_witnesses(self) -> None:
        """Let the diagnosis see what spoke for the target before the run was stopped."""
        if not self._witnesses or not self._diagnosis.explanations():
            return
        with self._another() as host:
            host.start(self.target, _requests(self._witnesses))
            for case in self._witnesses:
                self._judged(case, host.greeting(self.target), host.observe(self.target, case.id))


def _requests(cases: Iterable[Case]) -> dict[str, Callable[[], dict]]:
    return {case.id: partial(request_of, case) for case in cases}
