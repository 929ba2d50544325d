"""A process that does not come back costs its deadline, and leaves its Python stack."""

import pytest

from tests.faults.driving import STARTING
from tests.faults.trial import lost

DEADLINE = 1.0


def hung(outcome, where):
    assert outcome.struck.ended == "timed out"
    assert outcome.struck.message == f"no answer within {DEADLINE:g} s"
    assert where in outcome.struck.log
    assert DEADLINE <= outcome.seconds < DEADLINE + STARTING


@lost("the case, and the time until its deadline")
def test_a_sleep_for_ever(strike):
    """A sleeping case ends at the deadline, with the line that sleeps."""
    hung(strike("hanging", "sleep_for_ever", deadline=DEADLINE), "in sleep_for_ever")


@lost("the case, and the time until its deadline")
def test_a_loop_that_holds_the_gil(strike):
    """The stack is told by C, so a loop that never lets go of the interpreter is seen too."""
    hung(strike("hanging", "hold_the_gil", deadline=DEADLINE), "in hold_the_gil")


@lost("the case, and the time until its deadline")
def test_a_deadlock(strike):
    """A lock that is never released is seen where it is waited for."""
    hung(strike("hanging", "deadlock", deadline=DEADLINE), "in deadlock")


@lost("the case, and the time until its deadline")
def test_half_a_frame(strike):
    """An answer that begins and never ends is a hang."""
    hung(strike("hanging", "half_a_frame", deadline=DEADLINE), "in half_a_frame")


@pytest.mark.parametrize("fault", ["ignore_abort", "stop_itself"])
@lost("the case, and the time until its deadline")
def test_a_process_deaf_to_signals(strike, fault):
    """A process that does not heed the request for its stack is killed without one."""
    hung(strike("hanging", fault, deadline=DEADLINE), "")


@lost("the case, and the time until its deadline")
def test_requests_that_are_not_read(strike):
    """A large case sent to a process that no longer reads does not block the run."""
    outcome = strike("hanging", "sleep_for_ever", size=2**20, deadline=DEADLINE)
    hung(outcome, "in sleep_for_ever")


@lost("every case of that adapter")
def test_a_sleep_at_import(strike):
    """An import that never ends is a broken adapter after the start's own deadline."""
    outcome = strike("hanging", "sleep_at_import", others="broken adapter", start_deadline=DEADLINE)
    assert outcome.hello.message == f"no hello within {DEADLINE:g} s"
    assert "hanging.py" in outcome.hello.log
    assert DEADLINE <= outcome.seconds < DEADLINE + STARTING


@lost("every case of that adapter")
def test_a_sleep_at_hello(strike):
    """A hello that never comes leaves the stack of where it is waited for."""
    outcome = strike("hanging", "sleep_at_hello", others="broken adapter", start_deadline=DEADLINE)
    assert outcome.hello.message == f"no hello within {DEADLINE:g} s"
    assert "in hello" in outcome.hello.log
