"""What all commands have in common: how they are spelled, and how they say what is wrong."""

import argparse
import difflib
import json
from collections.abc import Iterable

YES, NO, WRONG = 0, 1, 2
"""The exit statuses: done, or the answer is yes; the answer is no; what was given is wrong."""


class Failure(Exception):
    """What is wrong with what a command was given, in one line; the exit status is `WRONG`."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the command line in one line, and takes options in full only."""

    def __init__(self, program: str, description: str, epilog: str):
        super().__init__(
            prog=program,
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def error(self, message):
        self.exit(WRONG, f"{self.prog}: {message}; {self.prog} --help teaches\n")


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, for machines")


def add_python(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="NAME=PATH",
        help="take the implementation NAME as it is installed for the interpreter PATH, as pytest "
        "does (once for each NAME); nothing is built for it",
    )


def print_json(document: object) -> None:
    print(json.dumps(document, indent=1, allow_nan=False, ensure_ascii=False))


def nearest(word: str, valid: Iterable[str]) -> str:
    """Return ' (did you mean …?)' for the valid word that is nearest, or nothing."""
    near = difflib.get_close_matches(word, list(valid), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""
