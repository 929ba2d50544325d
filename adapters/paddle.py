# /// script
# requires-python = ">=3.9"
# dependencies = [
#     "paddlepaddle==3.3.1", "setuptools==84.2.1", "numpy==2.4.6", "ml_dtypes==0.6.0",
# ]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "paddlepaddle"
# devices = ["cpu"]
# modes = ["eager"]
# ///
"""PaddlePaddle: `paddle.nn.BatchNorm1D`, `BatchNorm2D` and `BatchNorm3D`, by the input's rank.

setuptools is what Paddle imports without saying so.
"""

import warnings

import numpy as np
import paddle

from adapters.harness.protocol import Declined, given

warnings.filterwarnings("ignore", message=".*track global mean.*")

CLASSES = {
    2: paddle.nn.BatchNorm1D,
    3: paddle.nn.BatchNorm1D,
    4: paddle.nn.BatchNorm2D,
    5: paddle.nn.BatchNorm3D,
}
LAYOUTS = {
    1: {2: "NC", 3: "NCL", 4: "NCHW", 5: "NCDHW"},
    -1: {2: "NC", 3: "NLC", 4: "NHWC", 5: "NDHWC"},
}
DOCS = "https://www.paddlepaddle.org.cn/documentation/docs/en/api/paddle/nn/BatchNorm2D_en.html"
SOURCE = "python/paddle/nn/layer/norm.py"


def hello():
    versions = {"paddlepaddle": paddle.__version__, "numpy": np.__version__}
    return {"versions": versions, "devices": ["cpu"]}


def conventions(layer, shape):
    return {
        "running_variance": ("biased", f"{DOCS}: moving_variance takes the mini-batch's variance"),
        "momentum_meaning": ("weight_of_history", DOCS),
        "layer_rank": ("raises", f"{SOURCE}, _check_input_dim"),
    }


def build(layer, rank, channels):
    options = given(
        momentum=layer.weight_of_history,
        epsilon=layer.epsilon,
        data_format=layer.channel_axis and LAYOUTS[layer.channel_axis][rank],
    )
    module = CLASSES[rank](channels, **options)
    module.to(dtype=layer.dtype)
    variables = (module.weight, module.bias, module._mean, module._variance)
    for variable, vector in layer.vectors_for(*variables):
        variable.set_value(vector)
    return module


def run(layer, steps):
    if layer.is_half:
        raise Declined("the CPU kernel of batch_norm is registered for float32 and float64")
    paddle.set_device(layer.device)
    axis = layer.axis()
    module = build(layer, layer.layer_rank or steps[0].x.ndim, steps[0].x.shape[axis])
    for step in steps:
        x = paddle.to_tensor(step.x, stop_gradient=step.dy is None)
        if step.training is not None:
            module.train() if step.training else module.eval()
        module.clear_gradients()
        y = module(x)
        answer = {"y": y}
        if step.dy is not None:
            y.backward(paddle.to_tensor(step.dy))
            answer |= {"dx": x.grad, "dgamma": module.weight.grad, "dbeta": module.bias.grad}
        answer |= {"x": x, "running_mean": module._mean, "running_var": module._variance}
        yield {name: tensor.numpy() for name, tensor in answer.items()}
