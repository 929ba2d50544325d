"""Under `-n`: each target is one worker's, so that all its cases are seen by one diagnosis."""

import contextlib
import json
import os
from collections.abc import Iterable
from typing import TextIO

from records.file import line_of
from records.pieces import Selection
from records.schema import Record
from suite.reached import Reached

TOLD = "conformance"


def tell_worker(workerinput: dict, selection: Selection, reached: Reached) -> None:
    """Hand a worker what is run, and what was reached. The text is ASCII, and so can travel."""
    tests, troubled = sorted(reached.tests), sorted(reached.troubled)
    workerinput[TOLD] = json.dumps([vars(selection), tests, troubled])


def told_by_controller(config) -> tuple[Selection, Reached]:
    """Return, in a worker, what `tell_worker` handed it."""
    selection, tests, troubled = json.loads(config.workerinput[TOLD])
    return Selection(**selection), Reached(frozenset(map(tuple, tests)), frozenset(troubled))


def travelling(record: Record) -> str:
    """Return the line of a record in a form that no lone surrogate keeps from travelling."""
    return line_of(record).encode("utf-8", errors="backslashreplace").decode()


def terminal_of_worker(config) -> TextIO:
    """Return, in a worker, what leads to the terminal though pytest catches all output."""
    with without_capture(config):
        return os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")


def without_capture(config) -> contextlib.AbstractContextManager:
    """Give this process its own standard output and error back, while in the context."""
    capture = config.pluginmanager.getplugin("capturemanager")
    return capture.global_and_fixture_disabled() if capture else contextlib.nullcontext()


def scheduler(config, log, targets: Iterable[str]):
    """Return what hands a target as a whole to a worker, whatever --dist says; needs pytest-xdist.

    What is no test of a target is handed out alone, or by its group.
    """
    from xdist.scheduler import LoadGroupScheduling

    names = sorted(targets, key=len, reverse=True)

    class ByTarget(LoadGroupScheduling):
        def _split_scope(self, nodeid: str) -> str:
            of_target = (name for name in names if f"[{name}" in nodeid)
            return next(of_target, None) or super()._split_scope(nodeid)

    return ByTarget(config, log)
