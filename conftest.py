"""pytest's side of the suite: options, case × target, recording, and the summary at the end."""

import signal
import threading

import pytest

from adapters.harness.conversation import AT_ONCE
from adapters.harness.memory import SHARE
from adapters.harness.registry import UsageError, implementations
from records.file import RecordsError, record_of
from records.schema import MeasuredRecord, VerdictRecord
from suite.consent import TRUST
from suite.parallel import scheduler, tell_worker, travelling, without_capture
from suite.reached import MEASUREMENT
from suite.run import DTYPES, IMPLEMENTATIONS, Suite
from suite.targets import rows_of, table_of
from suite.terminal import make_visible, summarise

RECORDS = pytest.StashKey[list]()
MEASURING = "test_measured_conventions.py"
SETTLED = pytest.StashKey[set]()
SUITE = pytest.StashKey[Suite]()


def pytest_addoption(parser):
    group = parser.getgroup("conformance", "BatchNorm conformance")
    add = group.addoption
    add(
        "--implementation",
        metavar="NAME[,NAME]",
        help="implementations to test, or 'all'; NAME==VERSION asks for another version "
        f"(default: {IMPLEMENTATIONS}, or none beside an --adapter)",
    )
    add(
        "--adapter",
        action="append",
        default=[],
        metavar="FILE",
        help="run FILE, an adapter of your own, and test its layer (once for each; write "
        "--adapter=FILE for one outside the project); without a PEP 723 header it runs in the "
        "interpreter that runs pytest, or in the one that --python names",
    )
    add("--device", metavar="NAME", help="cpu, cuda, … or 'all' (default: each one's first)")
    add("--mode", metavar="NAME", help="eager, jit, … or 'all' (default: each one's first)")
    add("--dtype", metavar="NAME[,NAME]", help=f"only cases of: {', '.join(DTYPES)}")
    add(
        "--case",
        metavar="ID[,ID]",
        help="only these cases; `python -m conformance cases` lists them",
    )
    add(
        "--python",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="test the implementation NAME as it is installed for the interpreter PATH "
        "(once for each NAME); nothing is built for it",
    )
    add(
        "--locked",
        action="store_true",
        help="install environments from their locks, adapters/locks/NAME.txt: the very files whose "
        "hashes these hold, or nothing",
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
    add(
        "--memory-limit",
        type=int,
        metavar="MB",
        help="memory a target's process may hold before it is ended, on Linux "
        f"(default: {SHARE:.0%}% of the machine's)",
    )
    add(
        "--resume",
        metavar="DIR",
        help="go on with the run whose records are in DIR where it was stopped, with its own "
        "options, to the end that it would have had; what was not run is run again (write "
        "--resume=DIR for a folder outside the project); a file that these would run, an adapter "
        "or an interpreter, is to be named again",
    )
    add(
        TRUST,
        action="store_true",
        help="with --resume: run the adapters and interpreters that its records name; only for "
        "records that you know to be your own",
    )
    add(
        "--write-known",
        metavar="FILE",
        help="append an entry for each violation that is not known yet, in the form of "
        "test_cases/known_divergences/",
    )
    add("--targets", action="store_true", help="list implementations and targets, and stop")


def pytest_configure(config):
    if config.option.help:
        return
    # From another folder `pytest CHECKOUT` is what `pytest` is here: not the project's own tests.
    config.args[:] = [each for arg in config.args for each in _usual(config, arg)]
    try:
        config.stash[SUITE] = Suite(config)
    except UsageError as error:
        raise pytest.UsageError(str(error)) from None
    in_main_thread = threading.current_thread() is threading.main_thread()
    if in_main_thread and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _stop_in_order)


def _usual(config, arg):
    """Return what is collected for an argument: where it is the checkout itself, the suite."""
    if (config.invocation_params.dir / arg).resolve() != config.rootpath:
        return [arg]
    return [str(config.rootpath / path) for path in config.getini("testpaths")]


def pytest_unconfigure(config):
    if Suite.recording:
        Suite.recording.release()
    if signal.getsignal(signal.SIGTERM) is _stop_in_order:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _stop_in_order(number, frame):
    """End the run as Ctrl-C does: close the records, write the report, stop every process."""
    signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
    pytest.exit("stopped by SIGTERM", returncode=128 + number)


def pytest_cmdline_main(config):
    if config.option.targets:
        print(table_of(rows_of(implementations().values())))
        return 0


def pytest_generate_tests(metafunc):
    suite = metafunc.config.stash[SUITE]
    if "measured" in metafunc.fixturenames:
        names = [target.name for target in suite.targets]
        metafunc.parametrize("target_to_measure", suite.targets, ids=names)
    if "verdicts" in metafunc.fixturenames:
        pairs = [(case, target) for case in suite.cases.values() for target in suite.targets]
        names = [f"{target.name}-{case.id}" for case, target in pairs]
        metafunc.parametrize("case_on_target", pairs, ids=names)


def pytest_ignore_collect(collection_path, config):
    # What a target does is measured by probes of its own: not when single cases were asked for.
    chosen = config.option.case or config.option.dtype
    return True if chosen and collection_path.name == MEASURING else None


@pytest.hookimpl(trylast=True)  # what -k and its like leave is the plan
def pytest_collection_modifyitems(config, items):
    suite = config.stash[SUITE]
    first = {test: item for item in reversed(items) if (test := _test_of(item))}
    settled = config.stash[SETTLED] = suite.reached.settled(first)
    chosen, left_out = [], []
    for item in items:
        test = _test_of(item)
        again = test and (first[test] is not item or test in settled)
        (left_out if again else chosen).append(item)
    if left_out:  # reached before, or, as with --count, the same once more
        config.hook.pytest_deselected(items=left_out)
    # As many targets as run at once, with all that concerns them, before the next begin.
    places = {target.name: at // AT_ONCE for at, target in enumerate(suite.targets)}
    items[:] = sorted(chosen, key=lambda item: places.get((_test_of(item) or ("", ""))[1], -1))


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    config = session.config
    failed = session.testsfailed and not config.option.continue_on_collection_errors
    if failed or _only_looks(config) or config.pluginmanager.has_plugin("dsession"):
        return
    suite = config.stash[SUITE]
    tests = {item.nodeid: test for item in session.items if (test := _test_of(item))}
    pairs = {test for test in tests.values() if test[0] != MEASUREMENT}
    _open_records(suite, list(tests), len(pairs))
    suite.start(tests.values(), config.stash[SETTLED])


@pytest.hookimpl(wrapper=True)
def pytest_sessionstart(session):
    # The workers of -n start here, and inherit what pytest has put in the place of the terminal.
    with without_capture(session.config):
        return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    suite = node.config.stash[SUITE]
    tell_worker(node.workerinput, suite.selection, suite.reached)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return scheduler(config, log, [target.name for target in config.stash[SUITE].targets])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node, ids):
    suite = node.config.stash[SUITE]
    pairs = [name for name in ids if "::test_conformance[" in name]
    measured = [name for name in ids if f"{MEASURING}::" in name]
    if not suite.recording.is_open and not _only_looks(node.config):
        _open_records(suite, [*pairs, *measured], len(pairs))


def _open_records(suite, names, pairs):
    try:
        suite.open_records(names, pairs)
    except RecordsError as error:
        raise pytest.UsageError(str(error)) from None


def _test_of(item):
    """Return what a test is about: the case, or that it is measured, and the target, by name."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    if pair := params.get("case_on_target"):
        return pair[0].id, pair[1].name
    target = params.get("target_to_measure")
    return target and (MEASUREMENT, target.name)


def _only_looks(config):
    return config.option.collectonly or config.option.setupplan


@pytest.fixture
def verdicts(case_on_target, request):
    """The verdict records of one case on one target."""
    case, target = case_on_target
    records = request.config.stash[SUITE].judging_of(target).records(case)
    request.node.stash[RECORDS] = records
    return [record for record in records if isinstance(record, VerdictRecord)]


@pytest.fixture
def measured(target_to_measure, request):
    """The measured conventions of one target, as records."""
    records, reason = request.config.stash[SUITE].judging_of(target_to_measure).measured()
    request.node.stash[RECORDS] = records
    if reason:
        pytest.skip(reason)
    return [record for record in records if isinstance(record, MeasuredRecord)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if _test_of(item):
        make_visible(report)
    if call.when == "setup":  # whatever becomes of the test, what was found is kept
        report.records = item.stash.get(RECORDS, [])
    return report


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(report):
    told = yield
    if told and "records" in told:  # under -n a report travels, and its records as lines
        told["records"] = list(map(travelling, report.records))
    return told


@pytest.hookimpl(wrapper=True)
def pytest_report_from_serializable(data):
    report = yield
    if report and hasattr(report, "records"):
        report.records = list(map(record_of, report.records))
    return report


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    if getattr(report, "records", None) and Suite.recording:
        try:
            Suite.recording.keep(report.nodeid, report.records)
        except RecordsError as error:
            pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)


def pytest_sessionfinish(session, exitstatus):
    suite = session.config.stash.get(SUITE, None)
    if suite:
        session.exitstatus = suite.finish(int(exitstatus))


def pytest_terminal_summary(terminalreporter, config):
    suite = config.stash.get(SUITE, None)
    if suite and suite.recording and suite.recording.is_open:
        summarise(terminalreporter, suite)
