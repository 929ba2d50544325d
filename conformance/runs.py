"""Reading the records of runs for a command: what is wrong is one line, what is damaged is told."""

import sys
from collections.abc import Iterable
from pathlib import Path

from conformance.grammar import Failure
from records.file import RecordsError, Run
from records.together import read_runs
from reports.text import count
from reports.title import told_of_damage


def read_together(folders: Iterable[Path]) -> Run:
    """Return the records of one or more folders as one run. Raises Failure."""
    try:
        run = read_runs(folders)
    except RecordsError as error:
        raise Failure(str(error)) from None
    if run.damaged:
        lines = count(len(run.damaged), "line")
        why = told_of_damage(run)
        print(f"warning: {lines} of the records left out: {why}", file=sys.stderr)
    return run
