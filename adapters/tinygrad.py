# /// script
# requires-python = ">=3.11"
# dependencies = ["tinygrad==0.14.0", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "tinygrad"
# devices = ["cpu"]
# modes = ["python", "clang"]
# ///
"""tinygrad: `tinygrad.nn.BatchNorm`.

In the mode `python` its kernels run in Python, which needs no compiler but takes seconds; `clang`
is its CPU device, which wants clang on the PATH.
"""

import importlib.metadata
import shutil

import ml_dtypes
import numpy as np
from tinygrad import Tensor, dtypes, nn
from tinygrad.helpers import Context

from adapters.harness.protocol import GRADIENTS, Declined, given

DEVICES = {"python": "PYTHON", "clang": "CPU"}
LARGEST = 50_000
SOURCE = "tinygrad/nn/__init__.py, BatchNorm"


def hello():
    version = importlib.metadata.version("tinygrad")
    return {"versions": {"tinygrad": version, "numpy": np.__version__}, "devices": ["cpu"]}


def conventions(layer, shape):
    declared = {"bare_call": ("infers", f"{SOURCE}: TRAINING is 0 outside its context")}
    if layer.is_half:
        declared["statistics_dtype"] = ("input_dtype", f"{SOURCE}.__init__: the default float")
    return declared


def to_tinygrad(array):
    if array.dtype.name == "bfloat16":  # tinygrad reads the bits; it does not know NumPy's type
        return Tensor(array.view(np.uint16)).bitcast(dtypes.bfloat16)
    return Tensor(array)


def to_numpy(tensor):
    if tensor.dtype == dtypes.bfloat16:
        return tensor.contiguous().bitcast(dtypes.uint16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def build(layer, channels):
    options = given(eps=layer.epsilon, momentum=layer.weight_of_batch)
    module = nn.BatchNorm(channels, **options)  # in the default float
    for name, vector in layer.vectors_for("weight", "bias", "running_mean", "running_var"):
        value = to_tinygrad(vector)
        if name.startswith("running"):
            value = value.is_param_(False)
        setattr(module, name, value.contiguous().realize())
    return module


def run(layer, steps):
    device = DEVICES[layer.mode]
    if device == "CPU" and not shutil.which("clang"):
        raise Declined("tinygrad's CPU device wants clang on the PATH")
    shape = steps[0].x.shape
    if layer.channel_axis not in (None, 1) and len(shape) != 2:
        raise Declined("the channels are along axis 1")
    if device == "PYTHON" and steps[0].x.size > LARGEST:
        raise Declined(f"kernels in Python take minutes for more than {LARGEST} values")
    with Context(DEFAULT_FLOAT=layer.dtype, DEV=device):
        yield from answers(layer, steps)


def answers(layer, steps):
    module = build(layer, steps[0].x.shape[1])
    for step in steps:
        x = to_tinygrad(step.x)
        with Context(**given(TRAINING=step.training)):
            answer = {"y": module(x)}
        if step.dy is not None:
            sources = x, module.weight, module.bias
            gradients = answer["y"].gradient(*sources, gradient=to_tinygrad(step.dy))
            answer |= dict(zip(GRADIENTS, gradients, strict=True))
        answer |= {"running_mean": module.running_mean, "running_var": module.running_var}
        yield {name: to_numpy(tensor) for name, tensor in answer.items()}
