"""pytest's side of the suite: options, case × target, recording, and the summary at the end."""

import datetime
import difflib
import os
import platform
import sys
import time
import tomllib
from pathlib import Path

import numpy
import pytest

from adapters.harness import environments, registry
from adapters.harness.host import Host
from adapters.harness.observation import Observation
from reports.records import RecordWriter
from test_cases.cases import all_cases
from test_cases.known import mark_known, read_known, unfit
from test_cases.verdicts import (
    case_record,
    fails,
    target_record,
    verdict_records,
    vocabulary,
)

ROOT = Path(__file__).parent
CONFORMANCE = "test_conformance.py"
DTYPES = ("float16", "bfloat16", "float32", "float64")
RECORDS = pytest.StashKey[list]()
SUITE = pytest.StashKey["Suite"]()
FINDINGS_SHOWN = 20


def pytest_addoption(parser):
    group = parser.getgroup("conformance", "BatchNorm conformance")
    add = group.addoption
    add(
        "--implementation",
        default="pytorch,keras,flax,gluon",
        metavar="NAME[,NAME]",
        help="implementations to test, or 'all'; NAME==VERSION asks for another version "
        "(default: %(default)s)",
    )
    add("--device", metavar="NAME", help="cpu, cuda, … or 'all' (default: each one's first)")
    add("--mode", metavar="NAME", help="eager, jit, … or 'all' (default: each one's first)")
    add("--dtype", metavar="NAME[,NAME]", help=f"only cases of: {', '.join(DTYPES)}")
    add("--case", metavar="ID[,ID]", help="only these cases; `pytest --collect-only -q` lists them")
    add(
        "--python",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="test the implementation NAME as it is installed for the interpreter PATH "
        "(once for each NAME); nothing is built for it",
    )
    add(
        "--report",
        default="reports/latest",
        metavar="DIR",
        help="where records.jsonl and index.html go (default: %(default)s)",
    )
    add(
        "--deadline",
        type=float,
        default=120.0,
        metavar="SECONDS",
        help="time a target has for one case (default: %(default)g)",
    )
    add("--targets", action="store_true", help="list implementations and targets, and stop")


def pytest_configure(config):
    if config.option.help:
        return
    try:
        config.stash[SUITE] = Suite(config)
    except registry.UsageError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_cmdline_main(config):
    if config.option.targets:
        print(_table_of_targets())
        return 0
    return None


def pytest_generate_tests(metafunc):
    if "verdicts" not in metafunc.fixturenames:
        return
    suite = metafunc.config.stash[SUITE]
    pairs = [(case, target) for case in suite.cases.values() for target in suite.targets]
    names = [f"{target.name}-{case.id}" for case, target in pairs]
    metafunc.parametrize("case_on_target", pairs, ids=names)


def pytest_collection_finish(session):
    if session.config.option.collectonly or _controls_workers(session.config):
        return
    pairs = [
        item.callspec.params["case_on_target"]
        for item in session.items
        if "case_on_target" in getattr(getattr(item, "callspec", None), "params", {})
    ]
    session.config.stash[SUITE].start(pairs)


@pytest.fixture
def verdicts(case_on_target, request):
    """The verdict records of one case on one target."""
    case, target = case_on_target
    records = request.config.stash[SUITE].records(case, target)
    request.node.stash[RECORDS] = records
    return [record for record in records if record["kind"] == "verdict"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when == "call":
        report.records = item.stash.get(RECORDS, [])  # travels with the report, also under -n
    return report


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    if report.when == "call" and getattr(report, "records", None) and Suite.recording:
        Suite.recording.keep(report.records)


def pytest_sessionfinish(session, exitstatus):
    suite = session.config.stash.get(SUITE, None)
    if suite:
        suite.finish(int(exitstatus))
        if suite.unfit and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter, config):
    suite = config.stash.get(SUITE, None)
    if suite and suite.report:
        _summarise(terminalreporter, suite)


class Suite:
    """One run: the chosen cases and targets, the host that runs them, and what is recorded."""

    recording = None  # the suite of this process that writes the records; None in an -n worker

    def __init__(self, config):
        options = config.option
        self.config = config
        chosen = registry.choose(options.implementation)
        self.targets = registry.targets(chosen, options.device, options.mode)
        self.cases = _chosen_cases(options)
        self.pythons = _pythons(options.python)
        self.known = read_known()
        self.unfit = []
        self.is_worker = hasattr(config, "workerinput")
        self.host = None
        self.hellos = {}
        self.writer = None
        self.report = None
        self.verdicts = []
        self.broken = {}
        self._told = set()
        self._began = time.monotonic()
        Suite.recording = None if self.is_worker else self

    def start(self, pairs):
        """Start every target on its share of the (case, target) pairs."""
        if not pairs:
            return
        plans = {}
        for case, target in pairs:
            plans.setdefault(target, {})[case.id] = _request(case)
        # A worker of -n learns only one by one which cases are its own: it runs none ahead.
        window = 0 if self.is_worker else None
        self.host = Host(
            pythons=self.pythons,
            deadline=self.config.option.deadline,
            announce=self._announce,
            window=window,
        ).__enter__()
        for target, plan in plans.items():
            self.host.start(target, plan)

    def records(self, case, target):
        """Run and judge one case on one target; return its records, the target's own first."""
        if target.name not in self.hellos:
            self.hellos[target.name] = self.host.greeting(target)
        hello = self.hellos[target.name]
        observation = self.host.observe(target, case.id)
        verdicts = verdict_records(case, target, hello, observation)
        mark_known(verdicts, self.known)
        return [target_record(target, hello), case_record(case), *verdicts]

    def keep(self, records):
        """Append the records of one test; a target or case that is known already is not told again."""
        if self.writer is None:
            self._open()
        for record in records:
            kind = record["kind"]
            key = (kind, record.get(kind))
            if kind in ("target", "case") and key in self._told:
                continue
            self._told.add(key)
            self.writer.write(**record)
            if kind == "verdict":
                self.verdicts.append(record)
            elif kind == "target" and "broken" in record:
                self.broken[record["target"]] = record["broken"]

    def _open(self):
        self.writer = RecordWriter(
            Path(self.config.option.report),
            {
                "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "command": ["pytest", *self.config.invocation_params.args],
                "suite_version": _version(),
                "machine": {
                    "platform": platform.platform(),
                    "cpu": platform.processor() or platform.machine(),
                    "cores": os.cpu_count(),
                    "python": platform.python_version(),
                    "numpy": numpy.__version__,
                },
                "planned": {
                    "cases": len(self.cases),
                    "pairs": len(self.cases) * len(self.targets),
                },
                **vocabulary(),
            },
        )

    def finish(self, exit_status):
        """Stop the targets, close the records and write the page."""
        if self.host:
            self.host.__exit__(None, None, None)
        if self.writer:
            self.unfit = unfit(self.known, self.verdicts, all_cases())
            counts = {}
            for record in self.verdicts:
                counts[record["verdict"]] = counts.get(record["verdict"], 0) + 1
            self.writer.close(
                finished=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                seconds=round(time.monotonic() - self._began, 1),
                exit_status=exit_status,
                verdicts=counts,
            )
            from reports import html

            self.report = html.write(self.writer.path.parent)

    def _announce(self, line):
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter:
            reporter.ensure_newline()
            reporter.write_line(line)
        else:
            print(line, file=sys.__stderr__)


def _request(case):
    def make():
        return {"layer": vars(case.layer()), "steps": [vars(step) for step in case.inputs()]}

    return make


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


def _pythons(texts):
    known = registry.implementations()
    pythons = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or name not in known:
            raise registry.UsageError(
                f"--python {text}: write NAME=PATH with a NAME of: {', '.join(known)}"
            )
        if not Path(path).is_file():
            raise registry.UsageError(f"--python {text}: there is no file {path}")
        pythons[name] = Path(path).absolute()
    return pythons


def _controls_workers(config):
    return bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")


def _version():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def _table_of_targets():
    rows = [("implementation", "version", "devices", "modes", "environment", "state")]
    for one in registry.implementations().values():
        rows.append(
            (
                one.name,
                f"{one.package} {one.pinned_version}",
                " ".join(one.devices),
                " ".join(one.modes),
                str(environments.environment_folder(one)),
                "built" if environments.is_built(one) else "not built",
            )
        )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def _summarise(reporter, suite):
    reporter.section("BatchNorm divergences")
    for target, broken in suite.broken.items():
        reporter.write_line(f"{target}: broken adapter: {broken['message']}")
        for line in broken["log"].splitlines()[-15:]:
            reporter.write_line(f"    {line}")
        if broken["retry"]:
            reporter.write_line(f"  retry: {broken['retry']}")
    counts = {}
    for record in suite.verdicts:
        row = counts.setdefault(record["target"], {})
        row[record["verdict"]] = row.get(record["verdict"], 0) + 1
    for target, row in counts.items():
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(row.items()))
        reporter.write_line(f"{target}: {told}")
    failing = [record for record in suite.verdicts if fails(record)]
    failing.sort(key=lambda record: -float(record["error_over_bound"] or 0))
    for record in failing[:FINDINGS_SHOWN]:
        if record["target"] not in suite.broken:
            reporter.write_line(record["message"])
    if len(failing) > FINDINGS_SHOWN:
        reporter.write_line(f"… and {len(failing) - FINDINGS_SHOWN} more in the report")
    for line in suite.unfit:
        reporter.write_line(line)
    known = {}
    for record in suite.verdicts:
        if "known" in record:
            key = record["target"], record["known"]["what"]
            known[key] = known.get(key, 0) + 1
    for (target, what), count in known.items():
        reporter.write_line(f"known: {target}, {count} verdicts: {what}")
    reporter.write_line(f"report: {suite.report}")
