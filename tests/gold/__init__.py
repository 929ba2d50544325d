"""The records of a small real run, on which the report is tested.

Four frameworks and a layer without gradients, two targets that cannot be had, a wrong layer, and
adapters with faults: every verdict is there. `python -m tests.gold` makes the file again; what it
says of violations then is what the diagnosis finds.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TypeVar

from records.file import Run, read_run

FOLDER = Path(__file__).parent

T = TypeVar("T")


@cache
def gold() -> Run:
    """Return the run; it is shared, so what is to be otherwise is a `dataclasses.replace` of it."""
    return read_run(FOLDER)


def first(records: Iterable[T], **fields) -> T:
    """Return the first record whose fields are these."""
    return next(record for record in records if _has(record, fields))


def varied(records: Iterable[T], where: dict, **changes) -> tuple[T, ...]:
    """Return the records, those whose fields are as in `where` with some of them changed."""
    return tuple(replace(one, **changes) if _has(one, where) else one for one in records)


def _has(record, fields: dict) -> bool:
    return all(getattr(record, name) == value for name, value in fields.items())
