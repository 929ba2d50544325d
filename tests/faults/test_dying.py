"""A process that ends when it should not costs the case it was working on, and no other."""

import pytest

from suite.smoke import SMOKE
from tests.faults.adapters.dying import TRACES
from tests.faults.driving import STARTING
from tests.faults.miniature import STRUCK_DTYPE
from tests.faults.trial import lost


def died(outcome, message):
    assert outcome.struck.ended == "crashed"
    assert outcome.struck.message == message
    assert outcome.seconds < STARTING  # the end was noticed; no deadline was waited for


@lost("the case")
def test_a_segmentation_fault(strike):
    """The signal is named, and the Python line that led to it is in the log."""
    outcome = strike("dying", "segmentation_fault")
    died(outcome, "the process was killed by SIGSEGV")
    assert "in segmentation_fault" in outcome.struck.log


@lost("the case")
def test_an_abort_from_c(strike):
    """abort() is told as the signal that it is."""
    outcome = strike("dying", "abort")
    died(outcome, "the process was killed by SIGABRT")
    assert "in abort" in outcome.struck.log


@lost("the case")
def test_an_exit_in_a_case(strike):
    """os._exit in a case is a crash with its exit status."""
    died(strike("dying", "exit_at_once"), "the process ended with exit status 7")


@lost("the case")
def test_an_exit_of_the_interpreter(strike):
    """sys.exit in a case is no answer but an end."""
    died(strike("dying", "exit_by_sys"), "the process ended with exit status 5")


@lost("the case")
def test_an_exit_in_the_middle_of_an_answer(strike):
    """A frame that breaks off is the end of the process, not garbage."""
    died(strike("dying", "exit_mid_answer"), "the process ended with exit status 0")


@lost("the case")
def test_answers_closed_by_a_process_that_lives_on(strike):
    """A process that can no longer answer is ended and counted as crashed."""
    died(strike("dying", "close_answers"), "the process closed its answers without ending")


@lost("the case")
def test_a_death_whose_fork_holds_the_pipes(strike):
    """The end is noticed though a fork keeps every pipe open, and the fork is killed."""
    died(strike("dying", "leave_a_fork"), "the process ended with exit status 9")


def test_a_fork_left_behind_by_a_sound_answer(strike):
    """A case that forks is answered; its fork does not outlive the run."""
    assert strike("dying", "fork_and_answer").struck.ended == "answered"


@pytest.mark.parametrize("fault", ["leave_a_daemon", "daemons_for_ever"])
@lost("the case")
def test_a_death_whose_daemon_holds_the_pipes(strike, fault):
    """What left its group, its session and its parent is found and killed; the crash is told."""
    died(strike("dying", fault), "the process ended with exit status 9")


def test_a_daemon_left_behind_by_a_sound_answer(strike):
    """It does not outlive the run either."""
    assert strike("dying", "daemon_and_answer").struck.ended == "answered"


@lost("the case")
def test_memory_that_grows_in_children(strike):
    """The limit is that of all a target's processes together."""
    outcome = strike("dying", "children_grow", memory_limit=400 * 2**20)
    assert outcome.struck.ended == "crashed"
    assert "MB of memory, more than its limit of 400 MB" in outcome.struck.message
    assert outcome.seconds < STARTING


def test_memory_that_children_share(strike):
    """What forks have in common counts once."""
    assert strike("dying", "children_share", memory_limit=400 * 2**20).struck.ended == "answered"


@lost("the case")
def test_memory_that_grows(strike):
    """Memory is taken until the limit, and the limit is named."""
    outcome = strike("dying", "grow", memory_limit=400 * 2**20)
    assert outcome.struck.ended == "crashed"
    assert "MB of memory, more than its limit of 400 MB" in outcome.struck.message
    assert outcome.seconds < STARTING


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("exit_at_import", "the adapter ended with exit status 3"),
        ("exit_at_hello", "the adapter ended with exit status 4"),
        ("raise_at_import", "RuntimeError: the library was built for another machine"),
    ],
)
@lost("every case of that adapter")
def test_an_adapter_that_does_not_get_to_its_hello(strike, fault, message):
    """An end at import or at hello is a broken adapter, told at once for every case."""
    outcome = strike("dying", fault, others="broken adapter")
    assert outcome.hello.ended == outcome.struck.ended == "broken adapter"
    assert outcome.hello.message == message
    assert "adapters.harness.worker" in outcome.hello.retry
    assert outcome.seconds < STARTING


def test_a_process_killed_at_its_import(strike, tmp_path, monkeypatch, told):
    """One kill before the hello costs no case: the process is started again, and that is said."""
    monkeypatch.setenv(TRACES, str(tmp_path))
    outcome = strike("dying", "killed_at_the_first_import")
    assert outcome.struck.ended == "answered"
    again = "the adapter was killed by SIGKILL before its hello; it is started again"
    assert told == [f"dying-cpu-eager: {again}"]


def test_a_process_killed_in_its_smoke_case(strike, tmp_path, monkeypatch, told):
    """Nor does one before the first case."""
    monkeypatch.setenv(TRACES, str(tmp_path))
    monkeypatch.setenv(STRUCK_DTYPE, "float32")
    outcome = strike("dying", "killed_in_the_smoke_case", smoke=SMOKE)
    assert outcome.struck.ended == "answered"
    again = "the process was killed by SIGKILL in the smoke case; it is started again"
    assert told == [f"dying-cpu-eager: {again}"]


@lost("every case, until the run is resumed")
def test_a_process_killed_at_every_import(strike, told):
    """A second kill is not the adapter's fault: nothing was run, and it can be asked again."""
    outcome = strike("dying", "killed_at_import", others="not run")
    assert outcome.hello.ended == outcome.struck.ended == "not run"
    assert outcome.hello.message == "the adapter was killed by SIGKILL before its hello, twice"
    assert len(told) == 1


@lost("the cases after the last restart")
def test_restarts_are_capped(strike, monkeypatch):
    """Where every case dies, the restarts run out and the remaining cases are not run."""
    monkeypatch.setenv("MINIATURE_STRUCK_DTYPE", "float32")
    outcome = strike("dying", "exit_at_once", others=None, restarts=2)
    ended = [outcome.observations[name].ended for name in ("a", "b", "struck", "c", "d")]
    assert ended == ["crashed", "crashed", "crashed", "not run", "not run"]
    reason = "the process died 3 times; at last the process ended with exit status 7"
    assert outcome.observations["d"].message == reason
    assert outcome.seconds < STARTING
