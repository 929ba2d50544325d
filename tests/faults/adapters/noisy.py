"""Adapters that answer soundly, and print while they do."""

import ctypes
import os

from tests.faults.miniature import conventions, hello, sound, striking

__all__ = ["conventions", "hello", "run"]

MEGABYTE = b"noise, " * (2**20 // 7)


def gigabyte(fd):
    for _ in range(1024):
        os.write(fd, MEGABYTE)


def on_stdout(layer, steps):
    gigabyte(1)
    yield from sound(layer, steps)


def on_stderr(layer, steps):
    gigabyte(2)
    yield from sound(layer, steps)


def from_c(layer, steps):
    """Print through C's own buffers, and leave them to be written when they please."""
    libc = ctypes.CDLL(None)
    for _ in range(20000):
        libc.printf(b"BNC\x01 this is a frame, is it not?\n")
    yield from sound(layer, steps)
    libc.fflush(None)


def from_python(layer, steps):
    for line in range(20000):
        print("BNC\x01", line)
    yield from sound(layer, steps)


def read_stdin(layer, steps):
    """Read what a program would read from its user: there is nothing."""
    assert os.read(0, 100) == b""
    yield from sound(layer, steps)


run = striking(globals())
