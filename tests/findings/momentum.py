"""Momentum held as a float32 in a float64 layer; MXNet does it too, and has a file of its own.

Values come in pairs around an exact mean, so the batch's statistics are exact in every order of
summation, and the running ones show the weights bit by bit.
"""

from dataclasses import replace

import numpy as np

from test_cases.cases import all_cases
from tests.findings.repetition import Repetition, rows

F32 = np.float32
EXACT = replace(
    all_cases()["sixteen-exact-values-settle-divisor-and-momentum-float64"],
    name="sixteen-exact-values-weighed-with-0.1",
    momentum=0.1,
)
"""The suite's own case has the momentum 1/4, which float32 holds exactly."""


def averaging(update):
    """Return a repetition that moves both statistics by `update(old, new, weight of history)`."""

    def repeat(layer, step, answer):
        if not step.training:
            return {}
        x, history = rows(step.x, layer.channel_axis), 1.0 - layer.momentum
        return {
            "running_mean": update(layer.running_mean, x.mean(axis=1), history),
            "running_var": update(layer.running_var, x.var(axis=1), history),
        }

    repeat.__name__ = update.__name__
    return repeat


def weighed_sum(old, new, history):
    """ONNX and Paddle hold the attribute momentum as a float."""
    history = old.dtype.type(F32(history))
    return old * history + new * (1 - history)


def difference_with_rounded_weight(old, new, history):
    """tf-keras makes 1 - momentum a float32 tensor, and subtracts the difference times that."""
    return old - (old - new) * old.dtype.type(F32(1 - history))


def difference_with_rounded_decay(old, new, history):
    """ExponentialMovingAverage makes its decay a float32 tensor, and takes 1 - decay there."""
    return old - (old - new) * old.dtype.type(F32(1) - F32(history))


FAR_BELOW = "a-variance-far-below-epsilon-*"
REPETITIONS = (
    Repetition("onnxruntime", averaging(weighed_sum), own=(EXACT,)),
    Repetition("paddle", averaging(weighed_sum), own=(EXACT,)),
    Repetition(
        "tf-keras",
        averaging(difference_with_rounded_weight),
        cases=(f"{FAR_BELOW}-float64",),
        own=(EXACT,),
    ),
    Repetition(
        "tensorflow-moments",
        averaging(difference_with_rounded_decay),
        cases=(FAR_BELOW,),
        own=(EXACT,),
    ),
)
