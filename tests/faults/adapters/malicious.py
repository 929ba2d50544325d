"""Adapters that say what nobody should say: too much, and in letters that act on a terminal."""

import numpy as np

from tests.faults import miniature
from tests.faults.miniature import fault, sound, striking

__all__ = ["conventions", "hello", "run"]

ESCAPES = "\x1b]0;owned\x07\x1b[2J\u202e\udcff\x9b31m\r\n"


def hello():
    if fault() == "escapes_in_hello":
        versions = {"miniature" + ESCAPES: "1.0" + ESCAPES}
        return {"versions": versions, "devices": ["cpu", "gpu" + ESCAPES], "threads": ESCAPES}
    if fault() == "escapes_at_import":
        raise RuntimeError(ESCAPES * 1000)
    return miniature.hello()


def conventions(layer, shape):
    if fault() == "escapes_in_hello":
        return {"running_variance" + ESCAPES: ("biased" + ESCAPES, ESCAPES * 1000)}
    return {}


def escapes_in_an_exception(layer, steps):
    raise ValueError(ESCAPES + "the end" + ESCAPES * 100_000)


def escapes_in_the_log(layer, steps):
    import os
    import sys

    sys.stderr.buffer.write(ESCAPES.encode(errors="surrogateescape") * 1000)
    sys.stderr.flush()
    os._exit(3)


def escapes_in_a_name(layer, steps):
    for answer in sound(layer, steps):
        yield {**answer, "y" + ESCAPES: answer["y"]}


class Mute(Exception):
    def __str__(self):
        raise TypeError("no words")


def an_exception_without_words(layer, steps):
    raise Mute


def an_answer_of_a_gigabyte(layer, steps):
    for answer in sound(layer, steps):
        yield {**answer, "y": np.zeros(2**28, np.float32)}


def many_names(layer, steps):
    """Answer in form, with names that take 2 MB."""
    for answer in sound(layer, steps):
        yield {**answer, **{f"{number:0>100}": None for number in range(20_000)}}


run = striking(globals())
