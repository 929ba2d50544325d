"""What one diagnosis costs at about 100,000 elements, and how many hypotheses it holds.

`python -m benchmarks.diagnosis_cost`: one violation should take less than 50 ms.
"""

import sys
import time

import numpy as np

from diagnosis.faults import FAULTS
from diagnosis.judgement import Answered
from diagnosis.question import Question
from diagnosis.search import diagnose
from reference.conventions import CANONICAL, CONVENTIONS
from reference.expected import expect
from reference.layer import Layer, Step
from test_cases.case import distinct_state

SHAPES = ((32, 32, 10, 10), (8, 4, 56, 56))
DEVIATIONS = {
    "normalizer": "running",
    "epsilon_placement": "outside_sqrt",
    "scale": "ones",
    "statistics_gradient": "blocked",
}
ROUNDS = 5
LARGEST = 0.050


def main() -> int:
    rng = np.random.default_rng(0)
    options = sum(len(convention.options) - 1 for convention in CONVENTIONS.values())
    print(f"{options} deviations, 2 fitted numbers, {len(FAULTS)} faults, then pairs")
    slowest = 0.0
    for shape in SHAPES:
        state = {name: v.astype(np.float32) for name, v in distinct_state(shape[1]).items()}
        layer = Layer(**state)
        steps = [Step(*(0.01 * rng.standard_normal((2, *shape))).astype(np.float32))]
        for field, option in DEVIATIONS.items():
            wrong = expect(layer, steps, CANONICAL.but(**{field: option}))
            answer = {name: one.value.astype(np.float32) for name, one in wrong[0].tensors.items()}
            question = Question.of(layer, steps, Answered([answer]), CANONICAL)
            best = float("inf")
            for _ in range(ROUNDS):
                start = time.perf_counter()
                found = diagnose(question)
                best = min(best, time.perf_counter() - start)
            slowest = max(slowest, best)
            names = ", ".join(map(str, found)) or "within the bounds"
            print(f"{shape!s:18} {field}={option}: {best * 1e3:5.1f} ms: {names}")
    print(f"slowest: {slowest * 1e3:.0f} ms (at most {LARGEST * 1e3:.0f})")
    return int(slowest > LARGEST)


if __name__ == "__main__":
    sys.exit(main())
