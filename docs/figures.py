"""Keep the figures of a run: `python -m docs.figures DIR …` writes docs/figures.json.

DIR holds the records of a whole run on this machine. Figures are errors in units of the bound; they
belong to a machine, a number of threads and the versions, so they stand in one table that names
all three, and in no sentence. `python -m docs.generate` makes the page of them.
"""

import argparse
import json
import math
from collections import Counter
from pathlib import Path

from adapters.harness.threads import THREADS
from benchmarks.harness.machine import description
from records.file import RecordsError
from records.schema import VerdictRecord
from records.together import read_runs
from records.verdict import Verdict
from test_cases.cases import all_cases

FILE = Path(__file__).parent / "figures.json"
TENSORS = ("y", "dx", "dgamma", "dbeta", "running_mean", "running_var")
FUSED = "tensorflow-fused-cpu-eager"


def kept(folders: list[Path]) -> dict:
    """Return what is kept of a run: of each target how its cases ended, and its worst errors.

    Raises ValueError for a run that is not over, or that chose among the cases.
    """
    run = read_runs(folders)
    if not run.complete or {one.case for one in run.cases} != all_cases().keys():
        raise ValueError("the figures are those of a whole run, with every case")
    about = description()
    machine = {name: about["machine"][name] for name in ("processor", "cores", "system")}
    targets = {}
    for target in run.targets:
        own = [record for record in run.verdicts if record.target == target.target]
        targets[target.target] = {
            "version": target.version,
            "cases": dict(Counter(_worst_by_case(own).values())),
            "errors": _worst_errors(own),
        }
    return {"date": about["date"], "machine": machine, "threads": THREADS, "targets": targets}


def _worst_by_case(records: list[VerdictRecord]) -> dict[str, str]:
    """Return the gravest verdict of each case."""
    worst: dict[str, Verdict] = {}
    for record in records:
        worst[record.case] = max(
            record.verdict, worst.get(record.case, record.verdict), key=lambda one: one.gravity
        )
    return {case: str(verdict) for case, verdict in worst.items()}


def _worst_errors(records: list[VerdictRecord]) -> dict[str, dict[str, list[str]]]:
    """Return by dtype and tensor the largest error of the violations, as text, with its case."""
    worst: dict[tuple[str, str], tuple[float, str]] = {}
    for record in records:
        if record.verdict is Verdict.VIOLATES and record.tensor in TENSORS:
            error, place = record.error_over_bound or 0.0, (record.dtype, record.tensor)
            name = record.case.removesuffix(f"-{record.dtype}")
            worst[place] = max(worst.get(place, (0.0, "")), (error, name))
    found: dict[str, dict[str, list[str]]] = {}
    for (dtype, tensor), (error, name) in sorted(worst.items()):
        found.setdefault(dtype, {})[tensor] = [_two_digits(error), name]
    return found


def _two_digits(error: float) -> str:
    if math.isinf(error):
        return "∞"
    rounded = float(f"{error:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.1f}"


def page() -> str:
    """Return docs/figures.md."""
    figures = json.loads(FILE.read_text(encoding="utf-8"))
    machine = ", ".join(f"{name} {value}" for name, value in figures["machine"].items())
    verdicts = [
        str(one)
        for one in Verdict
        if any(str(one) in target["cases"] for target in figures["targets"].values())
    ]
    lines = [
        "# Figures",
        "",
        "<!-- Written by `python -m docs.generate` from docs/figures.json. -->",
        "",
        "What the findings say in words, in numbers. They are those of one machine: another",
        "processor, another number of threads or another version has others.",
        "`python -m docs.figures` keeps those of another run, given the folder of its report.",
        "",
        f"- date: {figures['date']}",
        f"- machine: {machine}",
        f"- threads of each target: {figures['threads']}",
        "",
        "## How the cases ended",
        "",
        "A case counts once, by the gravest verdict of its tensors.",
        "",
        f"| target | version | {' | '.join(verdicts)} |",
        "|---" * (len(verdicts) + 2) + "|",
    ]
    for name, target in figures["targets"].items():
        counts = " | ".join(str(target["cases"].get(verdict, 0)) for verdict in verdicts)
        lines.append(f"| {name} | {target['version']} | {counts} |")
    lines += [
        "",
        "## The largest errors",
        "",
        "Of what violates: the error in units of the bound, and the case that shows it. What is",
        "not here has no violation.",
    ]
    for name, target in figures["targets"].items():
        if target["errors"]:
            lines += ["", f"### {name}", "", "| dtype | tensor | error / bound | case |"]
            lines.append("|---" * 4 + "|")
        for dtype, errors in target["errors"].items():
            for tensor in TENSORS:
                if tensor in errors:
                    error, case = errors[tensor]
                    lines.append(f"| {dtype} | {tensor} | {error} | {case} |")
    return "\n".join(lines) + "\n"


def fused() -> str:
    """Return what the run says of TensorFlow's fused operator: how much it was asked at all."""
    figures = json.loads(FILE.read_text(encoding="utf-8"))
    cases = figures["targets"][FUSED]["cases"]
    declined, violate = cases.get(str(Verdict.DECLINED), 0), cases.get(str(Verdict.VIOLATES), 0)
    total = sum(cases.values())
    return (
        f"It declines {declined} of the {total} cases: rank 2 and 3, float64, and a new layer's\n"
        f"own state. Of the {total - declined} that it takes, {violate or 'none'} has a violation."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    try:
        figures = kept(parser.parse_args().folders)
    except (RecordsError, ValueError) as error:
        parser.error(str(error))
    FILE.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
