"""Adapters whose process ends when it should not."""

import ctypes
import os
import signal
import socket
import sys
import time

import numpy as np

from tests.faults import miniature
from tests.faults.miniature import answers_pipe, conventions, fault, sound, striking

__all__ = ["conventions", "hello", "run"]

TRACES = "MINIATURE_TRACES"
SOCKET = "MINIATURE_SOCKET"


def killed_once(place):
    """Die by a signal that comes from outside, but only the first time."""
    trace = os.path.join(os.environ[TRACES], place)
    if not os.path.exists(trace):
        open(trace, "x").close()
        os.kill(os.getpid(), signal.SIGKILL)


def in_another_session(then):
    """Do something in a process that left its group and session, and whose parent has ended."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            then()
        os._exit(0)
    os.wait()


def wait_for_ever():
    while True:
        signal.pause()


if fault() == "exit_at_import":
    os._exit(3)
if fault() == "killed_at_import":
    os.kill(os.getpid(), signal.SIGKILL)
if fault() == "killed_at_the_first_import":
    killed_once("at import")
if fault() == "daemon_at_import":
    in_another_session(wait_for_ever)
    wait_for_ever()
if fault() == "raise_at_import":
    raise RuntimeError("the library was built for another machine")


def hello():
    if fault() == "exit_at_hello":
        os._exit(4)
    return miniature.hello()


def segmentation_fault(layer, steps):
    ctypes.string_at(0)


def abort(layer, steps):
    os.abort()


def exit_at_once(layer, steps):
    os._exit(7)


def exit_mid_answer(layer, steps):
    os.write(answers_pipe(), b"BNC\x01")
    os._exit(0)


def exit_by_sys(layer, steps):
    sys.exit(5)


def close_answers(layer, steps):
    os.close(answers_pipe())
    signal.pause()


def grow(layer, steps):
    """Take memory and touch it, for ever."""
    held = []
    while True:
        held.append(np.ones(2**20))


def leave_a_fork(layer, steps):
    """Die, and leave behind a process that holds every pipe and ignores polite signals."""
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            signal.pause()
    os._exit(9)


def leave_a_daemon(layer, steps):
    """Die, and leave behind a daemon that holds every pipe."""
    in_another_session(wait_for_ever)
    os._exit(9)


def daemon_and_answer(layer, steps):
    in_another_session(wait_for_ever)
    yield from sound(layer, steps)


def daemons_for_ever(layer, steps):
    """Die, and leave behind a daemon that starts another before it ends, and so on."""

    def hand_on():
        while os.fork():
            time.sleep(0.001)
            os._exit(0)
        hand_on()

    in_another_session(hand_on)
    os._exit(9)


def children_grow(layer, steps):
    """Take memory in three processes, each within the limit."""
    for _ in range(3):
        if os.fork() == 0:
            held = np.ones(20 * 2**20)
            while held is not None:
                signal.pause()
    wait_for_ever()


def children_share(layer, steps):
    """Fork with memory that is held once, whoever counts it."""
    held = np.ones(20 * 2**20)
    for _ in range(3):
        if os.fork() == 0:
            while held is not None:
                signal.pause()
    time.sleep(1.0)
    yield from sound(layer, steps)


def hand_the_pipe_on(layer, steps):
    """Die, and leave the answers' pipe with a process that was here before."""
    with socket.socket(socket.AF_UNIX) as to_holder:
        to_holder.connect(os.environ[SOCKET])
        socket.send_fds(to_holder, [b"!"], [answers_pipe()])
    os._exit(9)


def fork_and_answer(layer, steps):
    """Answer as if nothing was, and leave a process behind."""
    if os.fork() == 0:
        while True:
            signal.pause()
    yield from sound(layer, steps)


def killed_in_the_smoke_case(layer, steps):
    killed_once("in the smoke case")
    yield from sound(layer, steps)


run = striking(globals())
