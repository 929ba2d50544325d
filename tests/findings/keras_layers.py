"""Keras on PyTorch, where (1/std)^3 is the smallest float32."""

import numpy as np

from tests.findings.repetition import Repetition, column, rows

F32 = np.float32
SMALLEST = float(np.finfo(F32).smallest_subnormal)


def smallest_cube(layer, step, answer):
    """The derivative of rsqrt holds (1/std)^3, at a std of 10^15 less than the smallest float32,
    and rounds up to that: dx's variance term is as much too large."""
    x, dy = (rows(one, layer.channel_axis).astype(float) for one in (step.x, step.dy))
    n = x.shape[1]
    centred = x - column(x.mean(axis=1))
    inverse = 1 / np.sqrt(x.var(axis=1) + layer.epsilon)
    slope = (dy * centred).sum(axis=1) * SMALLEST / n
    dx = (dy - column(dy.mean(axis=1))) * column(inverse) - centred * column(slope)
    return {"dx": (dx * column(layer.gamma)).astype(F32)}


REPETITIONS = (
    Repetition("keras-torch", smallest_cube, cases=("inputs-of-scale-1e+15-float32",), within=4),
)
