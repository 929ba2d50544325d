"""The door of a records file: bytes come in, and a record with a line number for each line.

Every field has the type of its class, and every text goes through what the reader asks for. A line
that is no record of this schema, as a bad disk or somebody's hand leaves it, is told as such, with
its field; half a line at the end is none, for so a run ends that is killed. A file without a header
of this schema, or with two, is refused, and so is what is no file.
"""

import json
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from records.codec import Mistake, Text, decode
from records.schema import RECORDS, SCHEMA, HeaderRecord, Record
from records.text import one_line, visible

LONGEST_MISTAKE = 300
"""Characters of what is wrong with a line."""
LARGEST_FILE = 2**30
"""Bytes of a file that is read; a run of all implementations writes a tenth of it at most."""


class RecordsError(Exception):
    """A records file cannot be read or written; the message is one visible line."""

    def __init__(self, message: str):
        super().__init__(one_line(message))


@dataclass(frozen=True)
class Line:
    """A line: its number from 1, its bytes, and its record; None and the mistake if damaged."""

    number: int
    text: bytes
    record: Record | None
    mistake: str = ""


def lines_of(path: Path, text: Text) -> Iterator[Line]:
    """Yield the lines of a file, the header first."""
    data = _content(path)
    end, header = 0, None
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        end += len(line)
        if not line.strip():
            continue
        last = end == len(data)
        told = None if last and not line.endswith(b"\n") else _object(line)
        if header is None:
            _check_header(path, told)
        elif told is None and last:
            return  # a killed run can leave half a line, a full disk worse
        record, mistake = None, "no JSON object"
        try:
            record = None if told is None else record_in(told, text)
        except Mistake as error:
            mistake = visible(str(error), LONGEST_MISTAKE)
        if header is None and record is None:
            raise RecordsError(f"{path}: line {number}: {mistake}")
        if header and isinstance(record, HeaderRecord):
            raise RecordsError(f"{path}: line {number}: a second header")
        header = header or record
        yield Line(number, line, record, mistake)
    if header is None:
        _check_header(path, None)


def _content(path: Path) -> bytes:
    """Return what a file holds. Raises RecordsError for what is no file, or is too large."""
    try:
        # A pipe would be waited for, and what is no file may have no end.
        with open(
            path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)
        ) as file:
            found = os.fstat(file.fileno())
            if stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST_FILE:
                return file.read(LARGEST_FILE)
    except OSError as error:
        raise RecordsError(f"{path}: {error.strerror}") from None
    if stat.S_ISREG(found.st_mode):
        size, most = found.st_size // 2**20, LARGEST_FILE // 2**20
        raise RecordsError(f"{path}: it has {size} MB; at most {most} are read")
    raise RecordsError(f"{path}: it is no file")


def _object(line: bytes) -> dict | None:
    """Return the JSON object of a line, None where it holds none."""
    try:
        told = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _check_header(path: Path, told: dict | None) -> None:
    if told is None or told.get("kind") != "header":
        raise RecordsError(f"{path}: the first line is no header")
    if told.get("schema") != SCHEMA:
        found = visible(str(told.get("schema")), 40)
        raise RecordsError(f"{path}: records of schema {found}; this version reads schema {SCHEMA}")


def record_in(told: dict, text: Text) -> Record:
    """Return the record of a JSON object. Raises Mistake."""
    word = told.pop("kind", None)
    kind = RECORDS.get(word) if isinstance(word, str) else None
    if kind is None:
        raise Mistake(f"a record of the unknown kind {str(word)[:40]!r}")
    try:
        return decode(kind, told, text)
    except Mistake as mistake:
        raise mistake.within(str(word)) from None
