"""Reading the records of runs for a command: what is wrong is one line, what is damaged is told."""

import sys
from collections.abc import Iterable
from pathlib import Path

from conformance.grammar import Failure
from records.file import RecordsError, Run
from records.together import read_runs
from reports.text import count


def read_together(folders: Iterable[Path]) -> Run:
    """Return the records of one or more folders as one run. Raises Failure."""
    try:
        run = read_runs(folders)
    except RecordsError as error:
        raise Failure(str(error)) from None
    if run.damaged:
        lines = count(len(run.damaged), "line")
        print(f"warning: {lines} of the records cannot be read, and left out", file=sys.stderr)
    return run
