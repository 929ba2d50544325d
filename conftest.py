"""pytest's side of the suite: options, case × target, recording, and the summary at the end."""

import pytest

from adapters.harness.registry import UsageError
from test_cases.run import DTYPES, Suite, table_of_targets
from test_cases.terminal import summarise

RECORDS = pytest.StashKey[list]()
SUITE = pytest.StashKey[Suite]()


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
        help="where records.jsonl and index.html go; write --report=DIR for a folder outside the "
        "project, which pytest would else take for its own (default: %(default)s)",
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
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_cmdline_main(config):
    if config.option.targets:
        print(table_of_targets())
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
        summarise(terminalreporter, suite)


def _controls_workers(config):
    return bool(getattr(config.option, "numprocesses", None)) and not hasattr(config, "workerinput")
