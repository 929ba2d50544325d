"""Measure what docs/soundness.md shows, and keep it: `python -m tests.soundness`.

Everything is computed in NumPy, from fixed seeds and the catalogue; it takes a few minutes.
"""

import json
from collections.abc import Iterator

import numpy as np

from benchmarks.harness.machine import description
from diagnosis.judgement import Answered, judge
from docs.soundness import FILE
from records.verdict import Verdict
from reference.conventions import CANONICAL, CONVENTIONS
from reference.expected import Expected, expect, relevant
from test_cases.cases import all_cases
from tests.mutants import test_correct_layers, test_flushing_layer, test_sums_of_products
from tests.mutants.catalogue import MUTANTS
from tests.mutants.test_correct_layers import LAYERS, answer, random_case

CASES = 300
"""Random cases of each correct layer whose errors are measured."""

CANONICAL_CLASS = "the paper's"
QUANTILES = (0.5, 0.95, 1.0)


def classes() -> dict[str, dict[str, str]]:
    """Return every way in which a bound may be loosened by one convention, by its name."""
    return {CANONICAL_CLASS: {}} | {
        f"{name}={option}": {name: option}
        for name, convention in CONVENTIONS.items()
        if convention.changes == "bound"
        for option in convention.options
        if option != convention.canonical
    }


def expectations(changes: dict[str, str]) -> Iterator[tuple[str, str, Expected]]:
    """Yield each expected tensor of the catalogue on which a class has a part, with its case."""
    conventions = CANONICAL.but(**changes)
    for case in all_cases().values():
        layer, steps = case.layer(), case.inputs()
        own = relevant(conventions, layer, steps)
        if changes and own == relevant(CANONICAL, layer, steps):
            continue
        for step in expect(layer, steps, own, case.exact):
            for tensor, expected in step.tensors.items():
                if expected.bound_over_scale is not None:
                    yield case.id, tensor, expected


def widths(changes: dict[str, str]) -> dict:
    """Return how wide the bounds of a class are beside the values: over tensors, the channel where
    each is widest, and the widest of those that are open, by case and tensor."""
    wide, still_open = [], {}
    for case, tensor, expected in expectations(changes):
        width = float(expected.bound_over_scale.max())
        wide.append(width)
        if expected.open_channels:
            tensors = still_open.setdefault(case, {})
            tensors[tensor] = max(width, tensors.get(tensor, 0.0))
    return {
        "tensors": len(wide),
        "median": float(np.quantile(wide, 0.5, method="lower")),
        "99%": float(np.quantile(wide, 0.99, method="lower")),
        "open": {
            case: {name: str(width) if np.isinf(width) else width for name, width in one.items()}
            for case, one in still_open.items()
        },
    }


def errors(cases: int) -> tuple[dict[str, list[float]], int]:
    """Return error/bound of each tensor of the correct layers, and how many were alarms."""
    ratios: dict[str, list[float]] = {}
    alarms = 0
    for kind in LAYERS:
        rng = np.random.default_rng(2019)
        for _ in range(cases):
            layer, step = random_case(rng)
            for one in judge(layer, [step], Answered([answer(kind, layer, step)]), CANONICAL):
                ratios.setdefault(one.tensor, []).append(one.error_over_bound)
                alarms += one.verdict is not Verdict.CONFORMS
    return ratios, alarms


def tried() -> dict[str, int]:
    """Return how many random cases the false-alarm tests try at every run, by what they vary."""
    return {
        "correct layers, one step in float32": len(LAYERS) * test_correct_layers.CASES,
        "numbers that are flushed to 0": test_flushing_layer.CASES,
        "dγ in two ways, in float32 and with every step in float16": (
            4 * test_sums_of_products.CASES
        ),
    }


def main() -> None:
    ratios, alarms = errors(CASES)
    own = description()
    found = {
        "machine": f"{own['machine']['processor']}, NumPy {own['versions']['numpy']}",
        "layers": list(LAYERS),
        "cases": CASES,
        "alarms": alarms,
        "errors": {
            name: [len(own), *(float(np.quantile(own, one)) for one in QUANTILES)]
            for name, own in ratios.items()
        },
        "tried": tried(),
        "widths": {name: widths(changes) for name, changes in classes().items()},
        "mutants": len(MUTANTS),
    }
    FILE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
