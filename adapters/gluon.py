# /// script
# requires-python = ">=3.8,<3.12"
# dependencies = ["mxnet==1.9.1", "numpy==1.23.5"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "mxnet"
# devices = ["cpu", "gpu"]
# modes = ["eager", "hybridized"]
# ///
"""Apache MXNet: `mxnet.gluon.nn.BatchNorm`."""

import warnings

import numpy as np

warnings.filterwarnings("ignore", message=".*np.bool.*|.*overwritten.*")

import mxnet as mx  # noqa: E402
from mxnet import autograd  # noqa: E402

DOCS = "https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/nn/index.html"
SOURCE = "src/operator/nn/batch_norm.cc"


def hello():
    versions = {"mxnet": mx.__version__, "numpy": np.__version__}
    return {"versions": versions, "devices": ["cpu"] + ["gpu"] * bool(mx.context.num_gpus())}


def conventions(layer, shape):
    return {
        "running_variance": ("biased", f"{SOURCE}, BatchNormBackwardImpl: sum / itemCount"),
        "running_update": ("on_backward", f"{SOURCE}, BatchNormBackwardImpl"),
        "momentum_meaning": ("weight_of_history", f"{SOURCE}, BatchNormBackwardImpl"),
        "bare_call": ("infers", f"{DOCS}: training mode is on inside autograd.record() only"),
        "empty_batch": ("raises", f"{SOURCE}: zero-size input"),
    }


def build(layer, channels, context):
    momentum = layer.raw_momentum
    if momentum is None and layer.momentum is not None:
        momentum = 1.0 - layer.momentum
    options = {"axis": layer.channel_axis, "epsilon": layer.epsilon, "momentum": momentum}
    options = {name: value for name, value in options.items() if value is not None}
    block = mx.gluon.nn.BatchNorm(in_channels=channels, **options)
    block.initialize(ctx=context)
    if layer.dtype != "bfloat16":  # its parameters are float32 anyway, as they are for float16
        block.cast(layer.dtype)
    if layer.mode == "hybridized":
        block.hybridize()
    return block


def set_state(block, layer):
    for parameter, value in (
        (block.gamma, layer.gamma),
        (block.beta, layer.beta),
        (block.running_mean, layer.running_mean),
        (block.running_var, layer.running_var),
    ):
        if value is not None:
            parameter.set_data(mx.nd.array(widened(value), dtype=parameter.dtype))


def widened(array):
    """Return bfloat16 bits as float32; MXNet knows them as a NumPy record of one uint16."""
    if array.dtype.names is None:
        return array
    return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


def run(layer, steps):
    context = mx.cpu() if layer.device == "cpu" else mx.gpu()
    axis = 1 if layer.channel_axis is None else layer.channel_axis
    block = build(layer, steps[0].x.shape[axis], context)
    set_state(block, layer)
    for step in steps:
        x = mx.nd.array(step.x, ctx=context, dtype=step.x.dtype)
        answer = {}
        if step.training is None:
            y = block(x)
        elif step.dy is None:
            with autograd.record(train_mode=step.training):
                y = block(x)
        else:
            x.attach_grad()
            with autograd.record(train_mode=step.training):
                y = block(x)
            dy = mx.nd.array(step.dy, ctx=context, dtype=step.dy.dtype)
            y.backward(dy, train_mode=step.training)
            answer["dx"] = x.grad.asnumpy()
            answer["dgamma"] = block.gamma.grad().asnumpy()
            answer["dbeta"] = block.beta.grad().asnumpy()
        answer["y"] = y.asnumpy()
        answer["x"] = x.asnumpy()
        answer["running_mean"] = block.running_mean.data().asnumpy()
        answer["running_var"] = block.running_var.data().asnumpy()
        yield answer
