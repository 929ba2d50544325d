"""List the cases: the id of each, and the reason why it is checked.

An id reads as a claim, and is what `pytest --case ID` takes. With WORDs only those are listed whose
id or reason has all of them.

examples:
  python -m conformance cases running variance
  python -m conformance cases --dtype float32 gamma
  python -m conformance cases --json

exit status: 0, 1 where no case has these words, 2 for an unknown dtype
"""

import argparse
import re
import sys
from collections.abc import Iterable

from conformance.grammar import NO, YES, Failure, add_json, nearest, print_json
from test_cases.case import Case
from test_cases.cases import all_cases


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", metavar="WORD", nargs="*", help="all must be in the id or reason")
    parser.add_argument("--dtype", metavar="NAME[,NAME]", help="only cases of these dtypes")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    cases = _of_dtypes(list(all_cases().values()), options.dtype)
    words = [word.lower() for word in options.words]
    found = [case for case in cases if all(word in _text(case) for word in words)]
    if not found:
        print(_nothing(words, cases), file=sys.stderr)
        return NO
    if options.json:
        print_json([{"id": case.id, "dtype": case.dtype, "reason": case.reason} for case in found])
        return YES
    width = max(len(case.id) for case in found)
    for case in found:
        print(f"{case.id:<{width}}  {case.reason}")
    return YES


def _of_dtypes(cases: list[Case], wish: str | None) -> list[Case]:
    known = sorted({case.dtype for case in cases})
    wanted = known if wish is None else wish.split(",")
    for name in wanted:
        if name not in known:
            raise Failure(f"unknown dtype {name!r}; choose from: {', '.join(known)}")
    return [case for case in cases if case.dtype in wanted]


def _text(case: Case) -> str:
    return f"{case.id} {case.reason}".lower()


def _nothing(words: list[str], cases: Iterable[Case]) -> str:
    """Say that no case has all of the words, and for the first that none has what was meant."""
    texts = [_text(case) for case in cases]
    vocabulary = {part for text in texts for part in re.findall(r"\w+", text)}
    for word in words:
        if not any(word in text for text in texts):
            return f"no case has {word!r}{nearest(word, vocabulary)}"
    return f"no case has all of: {', '.join(words)}"
