# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "onnxruntime==1.31.1", "onnx==1.23.2", "numpy==2.4.6", "ml_dtypes==0.6.0",
# ]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "onnxruntime"
# devices = ["cpu"]
# modes = ["initializers", "inputs", "only-y", "inputs-only-y"]
# ///
"""ONNX Runtime: a model of one operator, `BatchNormalization` of opset 15.

Models of the same operator, which its optimizer and its memory planner treat differently:
`initializers` stores the vectors in the model, as exporters do; to `inputs` they are given with x.
The only output of `only-y` and `inputs-only-y` is y, as it is in a network exported for training.
"""

import numpy as np
import onnxruntime

from adapters.harness.protocol import Declined
from adapters.onnx_reference import model, standard_conventions, steps_through

onnxruntime.set_default_logger_severity(3)  # errors


def hello():
    versions = {"onnxruntime": onnxruntime.__version__, "numpy": np.__version__}
    return {"versions": versions, "devices": ["cpu"]}


def conventions(layer, shape):
    return standard_conventions(layer)


def run(layer, steps):
    if layer.dtype == "bfloat16":
        raise Declined("the CPU provider has BatchNormalization for float16, float and double")

    only_y = layer.mode.endswith("only-y")

    def evaluate(x, training, state):
        if layer.mode.startswith("inputs"):
            stored, fed = None, {"X": x, **state}
        else:
            stored, fed = state, {"X": x}
        proto = model(layer, x, training, stored, only_y)
        return onnxruntime.InferenceSession(proto.SerializeToString()).run(None, fed)

    trained = False
    for step, answer in zip(steps, steps_through(layer, steps, evaluate), strict=True):
        trained = trained or bool(step.training)
        if only_y and trained:
            # The new statistics are no output of this model: nothing can be inferred with them.
            answer |= {"running_mean": None, "running_var": None}
            answer |= {} if step.training else {"y": None}
        yield answer
