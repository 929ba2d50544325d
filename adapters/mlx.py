# /// script
# requires-python = ">=3.10"
# dependencies = ["mlx[cpu]==0.32.4", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "mlx"
# devices = ["cpu"]
# modes = ["eager"]
# ///
"""Apple's MLX on the CPU: `mlx.nn.BatchNorm`, channels last."""

from importlib.metadata import version

import ml_dtypes
import mlx.core as mx
import mlx.nn as nn
import numpy as np

from adapters.harness.protocol import Declined, given

DOCS = "https://ml-explore.github.io/mlx/build/html/python/nn/_autosummary/mlx.nn.BatchNorm.html"
SOURCE = "mlx/nn/layers/normalization.py, BatchNorm"


def hello():
    return {"versions": {"mlx": version("mlx"), "numpy": np.__version__}, "devices": ["cpu"]}


def conventions(layer, shape):
    declared = {
        "default_channel_axis": (-1, f"{DOCS}: NC, NLC or NHWC"),
        "empty_batch": ("nan", f"{SOURCE}._calc_stats: mx.mean of no values is NaN"),
        "single_value": ("raises", f"{SOURCE}.__call__: more than one value per channel"),
        "zero_epsilon": ("raises", f"{SOURCE}.__init__: eps must be positive"),
    }
    if layer.is_half:
        # Every operation of the layer answers in the dtype of its arrays.
        declared["arithmetic"] = ("rounded_steps", f"{SOURCE}.__call__: plain operations on arrays")
        declared["statistics_dtype"] = ("input_dtype", "mlx/nn/layers/base.py, Module.set_dtype")
    return declared


def to_mlx(array):
    if array.dtype == ml_dtypes.bfloat16:  # MLX reads the bits
        return mx.array(array.view(np.uint16)).view(mx.bfloat16)
    return mx.array(array, dtype=getattr(mx, array.dtype.name))  # else float64 becomes float32


def to_numpy(array):
    if array.dtype == mx.bfloat16:
        return np.array(array.view(mx.uint16)).view(ml_dtypes.bfloat16)
    return np.array(array)


def build(layer, channels):
    module = nn.BatchNorm(channels, **given(eps=layer.epsilon, momentum=layer.weight_of_batch))
    module.set_dtype(getattr(mx, layer.dtype))
    for name, vector in layer.vectors_for("weight", "bias", "running_mean", "running_var"):
        setattr(module, name, to_mlx(vector))
    return module


def call(module, x, dy):
    """Return y and, where there is an upstream gradient, the gradients of x, gamma and beta."""
    if dy is None:
        return module(x), None

    def forward(x, weight, bias):
        module.update({"weight": weight, "bias": bias})
        return module(x)

    (y,), gradients = mx.vjp(forward, [x, module.weight, module.bias], [dy])
    return y, gradients


def run(layer, steps):
    if steps[0].x.ndim > 4:
        raise Declined("mlx.nn.BatchNorm is for 2D, 3D and 4D inputs")
    mx.set_default_device(mx.cpu)
    axis = layer.axis(-1)
    module = build(layer, steps[0].x.shape[axis])
    for step in steps:
        if step.training is not None:
            module.train(step.training)
        x = mx.moveaxis(to_mlx(step.x), axis, -1)
        dy = None if step.dy is None else mx.moveaxis(to_mlx(step.dy), axis, -1)
        y, gradients = call(module, x, dy)
        answer = {"y": mx.moveaxis(y, -1, axis)}
        if gradients is not None:
            dx, answer["dgamma"], answer["dbeta"] = gradients
            answer["dx"] = mx.moveaxis(dx, -1, axis)
        answer["running_mean"], answer["running_var"] = module.running_mean, module.running_var
        yield {name: to_numpy(array) for name, array in answer.items()}
