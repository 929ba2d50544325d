"""Forward and backward of the reference beside PyTorch's, in float64 at (32, 64, 56, 56).

`python -m benchmarks.reference_speed` runs both in turn, several times, and compares the fastest:
the reference may take twice as long.
"""

import subprocess
import sys
import time

import numpy as np

from adapters.harness import registry
from adapters.harness.environments import interpreter
from reference.backward import batch_norm_backward
from reference.batch_norm import batch_norm

SHAPE = (32, 64, 56, 56)
ROUNDS = 5
LARGEST_RATIO = 2.0

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


def main() -> int:
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
    ratio = best / torch
    print(f"reference {best:.3f} s, torch {torch:.3f} s: {ratio:.2f} (at most {LARGEST_RATIO})")
    return int(ratio > LARGEST_RATIO)


if __name__ == "__main__":
    sys.exit(main())
