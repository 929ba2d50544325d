# /// script
# requires-python = ">=3.11"
# dependencies = ["onnx==1.23.2", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "onnx"
# devices = ["cpu"]
# modes = ["eager"]
#
# [tool.batchnorm-conformance.layer]
# name = "ONNX"
# source = "https://onnx.ai/onnx/operators/onnx__BatchNormalization.html"
# epsilon = "epsilon"
# momentum = "momentum"
# ///
"""The ONNX standard's own evaluator, on a model of one operator: `BatchNormalization` of opset 15.

The operator is no layer: it has no gradients and keeps no state. Its four vectors are inputs, its
new statistics are outputs, and the adapter hands them on from step to step.
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from adapters.harness.protocol import GRADIENTS, given

DOCS = "https://onnx.ai/onnx/operators/onnx__BatchNormalization.html"
SOURCE = "onnx/reference/ops/op_batch_normalization.py"
STATE = ("scale", "B", "input_mean", "input_var")
OUTPUTS = ("Y", "running_mean", "running_var")


def hello():
    return {"versions": {"onnx": onnx.__version__, "numpy": np.__version__}, "devices": ["cpu"]}


def conventions(layer, shape):
    declared = standard_conventions(layer)
    if layer.is_half:
        declared["arithmetic"] = ("rounded_steps", f"{SOURCE}: NumPy, in the dtype of X")
    return declared


def standard_conventions(layer):
    """What the operator's text promises, whoever runs it."""
    declared = {
        "running_variance": ("biased", f"{DOCS}: ReduceVar refers to the population variance"),
        "momentum_meaning": ("weight_of_history", DOCS),
        "bare_call": ("infers", f"{DOCS}: training_mode is 0 by default"),
        "empty_batch": ("nan", f"{DOCS}: ReduceMean, of an empty set undefined; it is NaN"),
    }
    if layer.dtype == "float64":
        declared["numbers"] = ("float32", f"{DOCS}: epsilon and momentum are of the type float")
    if layer.is_half:
        declared["statistics_dtype"] = ("input_dtype", f"{DOCS}: T2, here the type T of X")
    return declared


def model(layer, x, training, stored=None, only_y=False):
    """Return a model of one operator, its vectors inputs or, where `stored`, part of the model."""
    options = given(epsilon=layer.epsilon, momentum=layer.weight_of_history, training_mode=training)
    outputs = OUTPUTS if training else OUTPUTS[:1]
    node = helper.make_node("BatchNormalization", ["X", *STATE], outputs, **options)

    kind = helper.np_dtype_to_tensor_dtype(x.dtype)

    def described(names):
        shapes = [x.shape if name in ("X", "Y") else x.shape[1:2] for name in names]
        return list(map(helper.make_tensor_value_info, names, [kind] * len(names), shapes))

    graph = helper.make_graph(
        [node],
        "batch_norm",
        described(["X", *STATE] if stored is None else ["X"]),
        described(outputs[:1] if only_y else outputs),
        [numpy_helper.from_array(array, name) for name, array in (stored or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=10)


def steps_through(layer, steps, evaluate):
    """Yield the answer to each step; `evaluate` runs one and returns y and the new statistics."""
    axis = layer.axis()
    vectors = layer.state(steps[0].x.shape[axis])
    state = {name: np.asarray(v, steps[0].x.dtype) for name, v in zip(STATE, vectors, strict=True)}
    for step in steps:
        x = np.ascontiguousarray(np.moveaxis(step.x, axis, 1))
        training = None if step.training is None else int(step.training)
        y, *statistics = evaluate(x, training, state)
        if statistics:
            state.update(zip(STATE[2:], statistics, strict=True))
        answer = {"y": np.moveaxis(y, 1, axis), "x": np.moveaxis(x, 1, axis)}
        answer["running_mean"], answer["running_var"] = state["input_mean"], state["input_var"]
        yield answer if step.dy is None else answer | dict.fromkeys(GRADIENTS)


def run(layer, steps):
    def evaluate(x, training, state):
        return ReferenceEvaluator(model(layer, x, training)).run(None, {"X": x, **state})

    return steps_through(layer, steps, evaluate)
