"""Render reports again from their records alone: `python -m reports DIR [DIR...]`."""

import argparse
import sys
from pathlib import Path

from reports.html import PAGE_NAME, write
from reports.records import FILE_NAME, RecordsError

DESCRIPTION = f"""\
Render the report of one or more finished runs again.

Every run of the suite leaves a folder with two files: {FILE_NAME} holds one line for each
verdict, {PAGE_NAME} shows them. This command reads only {FILE_NAME}, so it needs none of the
frameworks and none of the machine that ran them. The records of an interrupted run do as
well: the page then says in a banner how much of it is missing.
"""
EXAMPLES = f"""\
examples:
  python -m reports reports/latest
        writes reports/latest/{PAGE_NAME} and prints its path
  python -m reports runs/2026-*
        renders every one of these runs, each into its own folder

exit status: 0 when every report was written, 2 when one could not be.
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m reports",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "directory",
        metavar="DIR",
        nargs="+",
        type=Path,
        help=f"a folder that holds {FILE_NAME}; {PAGE_NAME} is written into it",
    )
    status = 0
    for directory in parser.parse_args(arguments).directory:
        try:
            print(write(directory))
        except RecordsError as error:
            print(f"error: {error}", file=sys.stderr)
            status = 2
        except UnicodeDecodeError:
            print(f"error: {directory / FILE_NAME}: not UTF-8 text", file=sys.stderr)
            status = 2
        except OSError as error:
            print(f"error: {error.filename or directory}: {error.strerror}", file=sys.stderr)
            status = 2
    return status


if __name__ == "__main__":
    sys.exit(main())
