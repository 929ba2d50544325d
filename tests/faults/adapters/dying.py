"""Adapters whose process ends when it should not."""

import ctypes
import os
import signal
import sys

import numpy as np

from tests.faults import miniature
from tests.faults.miniature import answers_pipe, conventions, fault, striking

__all__ = ["conventions", "hello", "run"]

if fault() == "exit_at_import":
    os._exit(3)
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


def fork_and_answer(layer, steps):
    """Answer as if nothing was, and leave a process behind."""
    if os.fork() == 0:
        while True:
            signal.pause()
    yield from miniature.sound(layer, steps)


run = striking(globals())
