"""One run of the suite: what was chosen, the host that runs it, and what is recorded."""

import difflib
import sys
from collections.abc import Collection, Sequence
from dataclasses import fields
from pathlib import Path

from adapters.harness import registry
from adapters.harness.conversation import Settings
from adapters.harness.header import Implementation
from adapters.harness.host import Host
from adapters.harness.lifeline import die_with_parent
from adapters.harness.memory import SHARE, machine_memory
from records.file import RecordsError
from records.pieces import Planned, Selection
from reports import html
from suite import consent
from suite.expectations import Expectations
from suite.judging import Judging
from suite.known import read_known, unfit, write_known
from suite.parallel import terminal_of_worker, told_by_controller
from suite.reached import MEASUREMENT, Reached, Test
from suite.recording import Recording
from suite.smoke import SMOKE
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
        self.reached = Reached()
        Suite.recording = None
        if self.is_worker:
            die_with_parent()  # it would wait for an answer, deaf to the end of its controller
            selection, self.reached = told_by_controller(config)
            _select(options, selection)
        else:
            Suite.recording = _recording(config)
            if stopped := Suite.recording.stopped:
                self.reached = Reached.of(stopped)
                _check_consent(options, stopped.header.selection)
                _select(options, stopped.header.selection)
        self.targets = registry.targets(_chosen(options), options.device, options.mode)
        self.cases = _chosen_cases(options)
        self.pythons = _pythons(options, [target.implementation for target in self.targets])
        self.settings = _settings(options)
        self.known = read_known()
        self.unfit: list[str] = []
        self.host: Host | None = None
        self.judging: dict[str, Judging] = {}
        self.report: Path | None = None
        self.trouble: list[str] = []
        self._terminal = terminal_of_worker(config) if self.is_worker else None

    @property
    def selection(self) -> Selection:
        """The options that say what is run."""
        names = [field.name for field in fields(Selection)]
        return Selection(**{name: getattr(self.config.option, name) for name in names})

    def open_records(self, names: Sequence[str], pairs: int) -> None:
        """Begin the records of a run of the tests of these names, with so many pairs of case and
        target among them. Raises RecordsError."""
        if self.recording and (names or self.config.option.resume):
            planned = Planned(cases=len(self.cases), pairs=pairs)
            self.recording.open(planned, self.selection, names)

    def start(self, tests: Collection[Test], settled: Collection[Test]) -> None:
        """Prepare for these tests, and start their targets; not those that were `settled` before.

        An -n worker learns only one by one which targets are its own, and starts none ahead.
        """
        if not tests:
            return
        self.host = self._new_host().__enter__()
        expectations = Expectations()
        for target in self.targets:
            own, before = (
                {case for case, name in some if name == target.name} for some in (tests, settled)
            )
            if own:
                self.judging[target.name] = judging = Judging(
                    target,
                    [case for case in self.cases.values() if case.id in own],
                    MEASUREMENT in own,
                    [case for case in self.cases.values() if case.id in before],
                    self.known,
                    expectations,
                    self._new_host,
                )
                if not self.is_worker:
                    judging.begin(self.host)

    def judging_of(self, target: registry.Target) -> Judging:
        """Return what judges a target, which is asked from now on."""
        assert self.host, "the run was not started"
        judging = self.judging[target.name]
        judging.begin(self.host)
        return judging

    def finish(self, exit_status: int) -> int:
        """Stop the targets, close the records and write the page; return the exit status.

        A run that lacks anything of what was planned gets no footer: it can be resumed.
        """
        if self.host:
            self.host.__exit__(None, None, None)
        recording = self.recording
        if recording is None or not recording.is_open:
            return exit_status
        if self.config.option.resume and exit_status == NOTHING_LEFT:
            exit_status = 0
        names = {target.implementation.name for target in self.targets}
        names |= registry.implementations().keys()
        self.unfit = unfit(self.known, recording.verdicts, all_cases(), names, PROBES)
        if recording.lacking:
            self.trouble.append(recording.lacking)
        wrong = recording.lacking or recording.fails or self.unfit
        exit_status = exit_status or int(bool(wrong))
        try:
            recording.close(exit_status)
            if self.config.option.write_known:
                write_known(Path(self.config.option.write_known), recording.verdicts)
        except (RecordsError, OSError) as error:
            self.trouble.append(f"error: {error}")
        try:
            self.report = html.write(recording.directory)
        except (RecordsError, OSError) as error:
            self.trouble.append(f"error: the report could not be written: {error}")
        return exit_status or int(bool(self.trouble))

    def _new_host(self) -> Host:
        return Host(self.settings, pythons=self.pythons, announce=self._announce)

    def _announce(self, line):
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter and not self._terminal:  # a worker of -n has one that nobody sees
            reporter.ensure_newline()
            reporter.write_line(line)
        else:
            print(line, file=self._terminal or sys.__stderr__, flush=True)


NOTHING_LEFT = 5  # pytest's status where no test was run


def _recording(config) -> Recording:
    """Return the records of a new run, or of the one to resume, whose folder is the report's."""
    options = config.option
    options.report = options.resume or options.report
    command = ("pytest", *map(str, config.invocation_params.args))
    try:
        return Recording(Path(options.report), command, resumes=bool(options.resume))
    except RecordsError as error:
        raise registry.UsageError(f"--resume {options.resume}: {error}") from None


def _check_consent(options, selection: Selection) -> None:
    given = {name: getattr(options, name) for name in consent.PROGRAMS}
    if reason := consent.objection(selection, given, options.trust_records):
        raise registry.UsageError(f"--resume {options.resume}: {reason}")


def _select(options, selection: Selection) -> None:
    for name, value in vars(selection).items():
        setattr(options, name, value)


def _settings(options) -> Settings:
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
