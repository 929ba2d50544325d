"""Forward and backward of the reference beside PyTorch's, in float64 at (32, 64, 56, 56).

Each runs five times and the fastest counts.
"""

import subprocess
import time
from collections.abc import Iterator

import numpy as np

from adapters.harness import registry
from adapters.harness.environments import interpreter
from benchmarks.harness.figure import Figure
from reference.backward import batch_norm_backward
from reference.batch_norm import batch_norm

SHAPE = (32, 64, 56, 56)
ROUNDS = 5
LARGEST = 2.0

TORCH = f"""
import time, torch
x = torch.randn{SHAPE}.double().requires_grad_()
dy = torch.randn{SHAPE}.double()
layer = torch.nn.BatchNorm2d({SHAPE[1]}).double()
best = float("inf")
for _ in range({ROUNDS}):
    start = time.perf_counter()
    layer(x).backward(dy)
    best = min(best, time.perf_counter() - start)
    x.grad = None
print(best)
"""


def measure() -> Iterator[Figure]:
    python = interpreter(registry.implementations()["pytorch"])
    torch = float(subprocess.check_output([python, "-c", TORCH], text=True))
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal(SHAPE), rng.standard_normal(SHAPE)
    gamma, beta, mean, var = np.ones((4, SHAPE[1]))
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        forward = batch_norm(
            x,
            gamma,
            beta,
            mean,
            var,
            epsilon=1e-5,
            momentum=0.1,
            training=True,
            dtype=np.float64,
        )
        batch_norm_backward(dy, forward)
        best = min(best, time.perf_counter() - start)
    yield Figure("PyTorch", torch, "s")
    yield Figure("reference", best, "s")
    yield Figure("reference / PyTorch", best / torch, goal=LARGEST)
