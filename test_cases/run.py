"""One run of the suite: what was chosen, the host that runs it, and what is recorded."""

import datetime
import difflib
import os
import platform
import sys
import time
import tomllib
from pathlib import Path

import numpy

from adapters.harness import environments, registry
from adapters.harness.host import Host
from reports import html
from reports.records import RecordWriter
from test_cases.cases import all_cases
from test_cases.known import mark_known, read_known, unfit
from test_cases.verdicts import case_record, target_record, verdict_records, vocabulary

ROOT = Path(__file__).parent.parent
DTYPES = ("float16", "bfloat16", "float32", "float64")


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
        """Append the records of one test; a target or a case is told once."""
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


def _version():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def table_of_targets():
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
