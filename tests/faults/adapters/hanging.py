"""Adapters that do not come back."""

import os
import re
import signal
import threading
import time

from tests.faults import miniature
from tests.faults.miniature import answers_pipe, conventions, fault, sound, striking

__all__ = ["conventions", "hello", "run"]

FIFO = "MINIATURE_FIFO"

if fault() == "sleep_at_import":
    time.sleep(10**6)


def hello():
    if fault() == "sleep_at_hello":
        time.sleep(10**6)
    return miniature.hello()


def sleep_for_ever(layer, steps):
    time.sleep(10**6)


def hold_the_gil(layer, steps):
    """Loop in C without ever letting go of the interpreter's lock."""
    re.match(r"(a+)+$", "a" * 200 + "b")


def deadlock(layer, steps):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def ignore_abort(layer, steps):
    """Wait for ever, deaf to the signal that asks for the stack."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGABRT])
    while True:
        time.sleep(10**6)


def stop_itself(layer, steps):
    os.kill(os.getpid(), signal.SIGSTOP)


def half_a_frame(layer, steps):
    os.write(answers_pipe(), b"BNC\x01" + (100).to_bytes(8, "big") + b'{"kind": ')
    time.sleep(10**6)


def tell():
    """Say through a named pipe that this case is being run."""
    with open(os.environ[FIFO], "w") as fifo:
        fifo.write("here")


def tell_and_wait(layer, steps):
    tell()
    time.sleep(10**6)


def tell_and_answer(layer, steps):
    tell()
    time.sleep(0.5)
    yield from sound(layer, steps)


run = striking(globals())
