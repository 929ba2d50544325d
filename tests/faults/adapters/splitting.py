"""A layer that adds up a batch in as many parts as it has threads, as frameworks do.

The faulty one gives each thread as many values as the others, and what is left over to nobody.
"""

import os

import numpy as np

from tests.faults import miniature
from tests.faults.miniature import conventions

__all__ = ["conventions", "hello", "run"]

THREADS = int(os.environ["OMP_NUM_THREADS"])
KERNELS = os.environ.get("ATEN_CPU_CAPABILITY", "native")


def hello():
    return {**miniature.hello(), "threads": THREADS, "instructions": KERNELS}


def mean_in_parts(values):
    """Return the mean over the last axis: the sum of the parts' sums, each rounded."""
    if miniature.fault() == "leave_the_rest":
        values = values[:, : values.shape[1] - values.shape[1] % THREADS]
    parts = np.array_split(values, THREADS, axis=1)
    return sum(part.sum(1, dtype=values.dtype) for part in parts) / values.shape[1]


def run(layer, steps):
    for step, answer in zip(steps, miniature.sound(layer, steps), strict=True):
        if step.training and layer.channel_axis == 1:
            channels = np.moveaxis(step.x, 1, 0)
            values = channels.reshape(len(channels), -1)
            away = mean_in_parts(values) - values.mean(1, dtype=np.float64)
            deviation = np.sqrt(values.var(1, dtype=np.float64) + layer.epsilon)
            moved = (layer.gamma * away / deviation).reshape(-1, *[1] * (step.x.ndim - 2))
            answer["y"] = (answer["y"] - moved).astype(step.x.dtype)
            running_mean = answer["running_mean"] + layer.momentum * away
            answer["running_mean"] = running_mean.astype(step.x.dtype)
        yield answer
