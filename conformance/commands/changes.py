"""Print which conventions and verdicts changed from version to version.

The records of one run with several versions do, or those of several runs. Neighbouring versions of
an implementation are compared on the same device in the same mode, as far as both answered. The
list is Markdown; the page of the runs shows the same.

examples:
  python -m conformance changes reports/latest
  python -m conformance changes runs/torch-2.9 runs/torch-2.13
  python -m conformance changes --json runs/torch-*

exit status: 0 when the records were read, whatever changed; 2 when they could not be
"""

import argparse
from dataclasses import asdict
from pathlib import Path

from conformance.grammar import YES, add_json, print_json
from conformance.runs import read_together
from records.file import FILE_NAME
from reports.releases import as_markdown
from reports.summary import summarize


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders",
        metavar="DIR",
        nargs="+",
        type=Path,
        help=f"a folder that holds the {FILE_NAME} of a run",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    releases = summarize(read_together(options.folders)).releases
    if options.json:
        print_json([asdict(release) for release in releases])
    else:
        print(as_markdown(releases), end="")
    return YES
