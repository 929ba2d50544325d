"""What one diagnosis costs at about 100,000 elements, the fastest of five.

Processor time, so that what else the machine does has little part in it.

The worst channels are looked at first, so the cost is that of a channel's elements, times the
hypotheses that touch the violated tensors: few large channels cost most.
"""

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.harness.figure import Figure
from diagnosis.judgement import Answered
from diagnosis.question import Question
from diagnosis.search import diagnose
from reference.conventions import CANONICAL
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
LARGEST = 50


def measure() -> Iterator[Figure]:
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        state: dict[str, Any] = {
            name: v.astype(np.float32) for name, v in distinct_state(shape[1]).items()
        }
        layer = Layer(**state)
        steps = [Step(*(0.01 * rng.standard_normal((2, *shape))).astype(np.float32))]
        for field, option in DEVIATIONS.items():
            wrong = expect(layer, steps, CANONICAL.but(**{field: option}))
            answer = {name: one.value.astype(np.float32) for name, one in wrong[0].tensors.items()}
            question = Question.of(layer, steps, Answered([answer]), CANONICAL)
            best = float("inf")
            for _ in range(ROUNDS):
                start = time.process_time()
                diagnose(question)
                best = min(best, time.process_time() - start)
            yield Figure(f"{field}={option} at {shape}", best * 1e3, "ms", LARGEST)
