"""Write the page of one run again, or of several runs as one.

Every run of the suite leaves a folder with two files: records.jsonl holds one line for each
verdict, index.html shows them. This command reads only records.jsonl, so it needs none of the
frameworks and none of the machine that ran them. The records of an interrupted run do as
well: the page then says in a banner how much of it is missing.

Several folders become one page, with the targets of each as columns side by side: this is how
to compare two versions of a framework, a CPU with a GPU, or two machines. A target that is in
more than one folder bears the folder's name as well: 'pytorch-cpu-eager @ laptop'.

examples:
  python -m conformance report reports/latest
        writes reports/latest/index.html and prints its path
  python -m conformance report runs/laptop runs/server
        shows both runs as one page, runs/laptop/index.html
  python -m conformance report runs/2026-* --output runs/together
        shows all of these as one page in a folder of its own, and leaves theirs alone

exit status: 0 when the page was written, 2 when it could not be
"""

import argparse
from pathlib import Path

from conformance.grammar import YES, Failure
from conformance.runs import read_together
from records.file import FILE_NAME
from reports.html import PAGE_NAME, write_page


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folders",
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


def run(options: argparse.Namespace) -> int:
    run_of_all = read_together(options.folders)
    try:
        print(write_page(run_of_all, options.output or options.folders[0]))
    except OSError as error:
        raise Failure(
            f"{error.filename or options.output or options.folders[0]}: {error.strerror}"
        ) from None
    return YES
