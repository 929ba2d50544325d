"""Run the benchmarks, one after the other, and write what they measured as one JSON file.

`python -m benchmarks [NAME ...]` prints every figure as it comes and marks a missed goal; none
stops the others. Every module of this folder with a function `measure` is a benchmark.
"""

import argparse
import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import benchmarks
from benchmarks.harness.machine import description
from benchmarks.harness.page import goals_of

LATEST = Path(__file__).parent / "latest.json"


def found() -> dict[str, Callable]:
    """Return the function that measures, of every benchmark by name."""
    names = [one.name for one in pkgutil.iter_modules(benchmarks.__path__) if not one.ispkg]
    modules = {
        name: importlib.import_module(f"benchmarks.{name}") for name in names if name != "__main__"
    }
    return {name: module.measure for name, module in modules.items()}


def parser(known: dict[str, Callable]) -> argparse.ArgumentParser:
    whole = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="exit status: 0 all goals are met, 1 one is missed or a benchmark failed, 2 the "
        "command line is wrong",
    )
    whole.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of: {', '.join(known)} (default: all)"
    )
    whole.add_argument(
        "--implementation",
        default="all",
        metavar="NAME[,NAME]",
        help="those that each_implementation and memory_of_all run, as pytest takes them "
        "(default: %(default)s)",
    )
    whole.add_argument(
        "--output", type=Path, default=LATEST, metavar="FILE", help="default: %(default)s"
    )
    return whole


def main(arguments: list[str] | None = None, known: dict[str, Callable] | None = None) -> int:
    known = known or found()
    given = parser(known)
    options = given.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        given.error(f"unknown benchmark {unknown[0]!r}; choose from: {', '.join(known)}")
    chosen = {name: known[name] for name in options.names or known}
    document = description() | {"implementation": options.implementation}
    document |= {"figures": {}, "failed": {}}
    for name, measure in chosen.items():
        takes = "implementation" in inspect.signature(measure).parameters
        wish = {"implementation": options.implementation} if takes else {}
        print(name, flush=True)
        figures = document["figures"][name] = []
        try:
            for figure in measure(**wish):
                print(f"  {figure}", flush=True)
                figures.append({**asdict(figure), "missed": figure.missed})
        except Exception as error:
            document["failed"][name] = str(error)
            print(f"  FAILED: {error}", flush=True)
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        options.output.write_text(text, encoding="utf-8")  # what there is outlives Ctrl-C
    goals = goals_of(document)
    missed = sum(one["missed"] for one in goals)
    failed = len(document["failed"])
    print(f"{missed} of {len(goals)} goals missed; {failed} benchmarks failed")
    return int(bool(missed or failed))


if __name__ == "__main__":
    sys.exit(main())
