"""Render the report again from records alone: `python -m reports DIR [DIR ...] [--output DIR]`."""

import argparse
import sys
from pathlib import Path

from records.file import FILE_NAME, RecordsError
from records.together import read_runs
from reports.html import PAGE_NAME, write_page
from reports.releases import as_markdown
from reports.summary import summarize
from reports.text import count

DESCRIPTION = f"""\
Render the report of one run again, or several runs as one page.

Every run of the suite leaves a folder with two files: {FILE_NAME} holds one line for each
verdict, {PAGE_NAME} shows them. This command reads only {FILE_NAME}, so it needs none of the
frameworks and none of the machine that ran them. The records of an interrupted run do as
well: the page then says in a banner how much of it is missing.

Several folders become one page, with the targets of each as columns side by side: this is how
to compare two versions of a framework, a CPU with a GPU, or two machines. A target that is in
more than one folder bears the folder's name as well: 'pytorch-cpu-eager @ laptop'.
"""
EXAMPLES = f"""\
examples:
  python -m reports reports/latest
        writes reports/latest/{PAGE_NAME} and prints its path
  python -m reports runs/laptop runs/server
        shows both runs as one page, runs/laptop/{PAGE_NAME}
  python -m reports runs/2026-* --output runs/together
        shows all of these as one page in a folder of its own, and leaves theirs alone
  python -m reports --changes runs/torch-2.9 runs/torch-2.13
        prints which conventions and which cases' verdicts changed between the two versions

exit status: 0 when the page was written, 2 when it could not be.
"""


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m reports",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "directories",
        metavar="DIR",
        nargs="+",
        type=Path,
        help=f"a folder that holds {FILE_NAME}; several are shown as one page",
    )
    parser.add_argument(
        "--output",
        metavar="DIR",
        type=Path,
        help=f"the folder that {PAGE_NAME} is written into, made where it is missing "
        "(default: the first DIR)",
    )
    parser.add_argument(
        "--changes",
        action="store_true",
        help="write no page: print what changed from version to version, as Markdown",
    )
    given = parser.parse_args(arguments)
    try:
        run = read_runs(given.directories)
        if run.damaged:
            lines = count(len(run.damaged), "line")
            print(f"warning: {lines} of the records cannot be read, and left out", file=sys.stderr)
        if given.changes:
            print(as_markdown(summarize(run).releases), end="")
            return 0
        print(write_page(run, given.output or given.directories[0]))
    except RecordsError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename or given.output or given.directories[0]}: {error.strerror}")
    return 0


def _fail(what: str) -> int:
    print(f"error: {what}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
