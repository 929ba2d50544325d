"""One run of the suite: what was chosen, the host that runs it, and what is recorded."""

import difflib
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from adapters.harness import registry
from adapters.harness.conversation import Settings
from adapters.harness.header import Implementation
from adapters.harness.host import Host
from adapters.harness.lifeline import die_with_parent
from adapters.harness.memory import SHARE, machine_memory
from adapters.harness.observation import Observation
from diagnosis.consistency import TargetDiagnosis
from records.file import RecordsError, read_stopped
from records.pieces import Planned, Selection
from records.verdict import Verdict
from reports import html
from suite import consent
from suite.expectations import Expectations
from suite.known import read_known, unfit, with_known, write_known
from suite.measured import measured_records
from suite.recording import Recording
from suite.smoke import SMOKE, request_of
from suite.verdicts import (
    case_record,
    diagnose_into,
    ended_as,
    explanation_records,
    judgements,
    target_record,
    verdict_records,
    with_diagnosis,
)
from test_cases.cases import all_cases
from test_cases.probes import PROBES

DTYPES = ("float16", "bfloat16", "float32", "float64")
IMPLEMENTATIONS = "pytorch,keras,flax,gluon"


class Suite:
    """One run: the chosen cases and targets, the host that runs them, and what is recorded."""

    recording: Recording | None = None  # of this process; None in an -n worker

    def __init__(self, config):
        options = config.option
        self.config = config
        self.is_worker = hasattr(config, "workerinput")
        stopped = None
        if self.is_worker:
            die_with_parent()  # it would wait for an answer, deaf to the end of its controller
            _select(options, Selection(**config.workerinput["selection"]))
        elif options.resume:
            stopped = _stopped_run(options)
        self.targets = registry.targets(_chosen(options), options.device, options.mode)
        self.cases = _chosen_cases(options)
        self.pythons = _pythons(options, [target.implementation for target in self.targets])
        self.settings = _settings(options, self.is_worker)
        self.known = read_known()
        self.unfit: list[str] = []
        self.host: Host | None = None
        self.diagnoses: dict[str, TargetDiagnosis] = {}
        self.hellos: dict[str, dict | Observation] = {}
        self.expectations = Expectations()
        self.report: Path | None = None
        self.trouble: list[str] = []
        self.judged: set[tuple[str, str]] = set()
        Suite.recording = None
        if self.is_worker:
            self.judged = set(map(tuple, config.workerinput["judged"]))
        else:
            command = ("pytest", *map(str, config.invocation_params.args))
            Suite.recording = Recording(Path(options.report), command, stopped)
            self.judged = Suite.recording.judged if stopped else set()

    @property
    def selection(self) -> Selection:
        """The options that say what is run."""
        names = [field.name for field in fields(Selection)]
        return Selection(**{name: getattr(self.config.option, name) for name in names})

    def open_records(self, pairs: int) -> None:
        """Begin the records of a run of so many pairs of case and target."""
        assert self.recording, "an -n worker records nothing"
        self.recording.open(Planned(cases=len(self.cases), pairs=pairs), self.selection)

    def start(self, pairs, measured) -> None:
        """Start every target on its share of the (case, target) pairs, and on the probes where it
        is to be measured. Raises RecordsError."""
        if self.recording and (pairs or measured or self.config.option.resume):
            self.open_records(len(pairs))
        if not pairs and not measured:
            return
        probes = [(probe, target) for probe in PROBES.values() for target in measured]
        plans: dict[registry.Target, dict] = {}
        for case, target in [*pairs, *probes]:
            plans.setdefault(target, {})[case.id] = lambda case=case: request_of(case)
        self.host = Host(self.settings, pythons=self.pythons, announce=self._announce).__enter__()
        for target, plan in plans.items():
            self.host.start(target, plan)

    def records(self, case, target):
        """Run and judge one case on one target; return its records, the target's own first."""
        hello = self.host.greeting(target)
        observation = self.host.observe(target, case.id)
        judged = judgements(case, observation, self.expectations)
        verdicts = verdict_records(case, target, hello, observation, judged)
        verdicts = with_known(verdicts, self.known)
        diagnosis = self.diagnoses.setdefault(target.name, TargetDiagnosis())
        self.hellos[target.name] = hello
        known = all(record.known for record in verdicts if record.verdict.diagnosed)
        hypotheses = diagnose_into(diagnosis, case, observation, judged, known, self.expectations)
        verdicts = with_diagnosis(verdicts, hypotheses)
        return [target_record(target, hello), case_record(case), *verdicts]

    def measured_records(self, target):
        """Run the probes on one target and measure its conventions; return its records."""
        hello = self.host.greeting(target)
        observations = {name: self.host.observe(target, name) for name in PROBES}
        if all(ended_as(each) is Verdict.DECLINED for each in observations.values()):
            pytest.skip(next(iter(observations.values())).message)
        measured = with_known(measured_records(target, hello, observations), self.known)
        return [target_record(target, hello), *measured]

    def finish(self, exit_status: int) -> int:
        """Stop the targets, close the records and write the page; return the exit status.

        A run that was stopped, by a signal or a full disk, gets no footer: it can be resumed.
        """
        if self.host:
            self.host.__exit__(None, None, None)
        recording = self.recording
        if recording is None or not recording.is_open:
            return exit_status
        if self.config.option.resume and exit_status in (0, NOTHING_LEFT):
            exit_status = int(any(record.fails for record in recording.verdicts))
        unavailable = any(record.verdict is Verdict.UNAVAILABLE for record in recording.verdicts)
        names = {target.implementation.name for target in self.targets}
        names |= registry.implementations().keys()
        self.unfit = unfit(self.known, recording.verdicts, all_cases(), names, PROBES)
        exit_status = exit_status or int(bool(self.unfit) or unavailable)
        try:
            for target in self.targets:
                if target.name in self.diagnoses:  # an -n worker keeps its own, which is a part
                    hello, diagnosis = self.hellos[target.name], self.diagnoses[target.name]
                    recording.keep(explanation_records(target, hello, diagnosis))
            recording.close(exit_status, complete=exit_status in (0, 1))
            if self.config.option.write_known:
                write_known(Path(self.config.option.write_known), recording.verdicts)
        except (RecordsError, OSError) as error:
            self.trouble.append(f"error: {error}")
        try:
            self.report = html.write(recording.directory)
        except (RecordsError, OSError) as error:
            self.trouble.append(f"error: the report could not be written: {error}")
        return exit_status or int(bool(self.trouble))

    def _announce(self, line):
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            reporter.ensure_newline()
            reporter.write_line(line)
        else:
            print(line, file=sys.__stderr__)


NOTHING_LEFT = 5  # pytest's status where no test was run


def _stopped_run(options):
    """Return the run to resume, and take the options from it that say what is run."""
    directory = Path(options.resume)
    try:
        stopped, _ = read_stopped(directory)
    except RecordsError as error:
        raise registry.UsageError(f"--resume {options.resume}: {error}") from None
    selection = stopped.header.selection
    given = {name: getattr(options, name) for name in consent.PROGRAMS}
    if reason := consent.objection(selection, given, options.trust_records):
        raise registry.UsageError(f"--resume {options.resume}: {reason}")
    _select(options, selection)
    options.report = options.resume
    return stopped


def _select(options, selection: Selection) -> None:
    for name, value in vars(selection).items():
        setattr(options, name, value)


def _settings(options, is_worker: bool) -> Settings:
    for name in ("deadline", "memory_limit"):
        value = getattr(options, name)
        if value is not None and not value > 0:
            raise registry.UsageError(f"--{name.replace('_', '-')} {value}: more than 0, please")
    limit = options.memory_limit
    return Settings(
        deadline=options.deadline,
        memory_limit=int(machine_memory() * SHARE) if limit is None else limit * 2**20,
        locked=options.locked,
        smoke=SMOKE,
        # A worker of -n learns only one by one which cases are its own: it runs none ahead.
        window=0 if is_worker else Settings.window,
    )


def _chosen(options) -> list[Implementation]:
    """Return the implementations to run: those named, or else the adapters given, or the core."""
    try:
        own = [registry.read_own(Path(path)) for path in options.adapter]
    except registry.UsageError as error:
        raise registry.UsageError(f"--adapter {error}") from None
    options.adapter = tuple(str(one.path) for one in own)
    if options.implementation is not None:
        return [*registry.choose(options.implementation), *own]
    return own or registry.choose(IMPLEMENTATIONS)


def _chosen_cases(options):
    cases = all_cases()
    if options.dtype:
        wanted = options.dtype.split(",")
        for name in wanted:
            if name not in DTYPES:
                raise registry.UsageError(
                    f"unknown dtype {name!r}; choose from: {', '.join(DTYPES)}"
                )
        cases = {name: case for name, case in cases.items() if case.dtype in wanted}
    if options.case:
        wanted = options.case.split(",")
        for name in wanted:
            if name not in cases:
                near = difflib.get_close_matches(name, cases, 5, 0.3) or list(cases)[:5]
                raise registry.UsageError(
                    f"unknown case {name!r}; among the {len(cases)} cases are: {', '.join(near)}"
                )
        cases = {name: cases[name] for name in wanted}
    return cases


def _pythons(options, chosen: list[Implementation]) -> dict[str, Path]:
    known = {**registry.implementations(), **{one.name: one for one in chosen}}
    pythons = registry.pythons(options.python, known)
    options.python = tuple(f"{name}={path}" for name, path in pythons.items())
    return pythons
