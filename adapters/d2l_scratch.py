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
# modes = ["eager"]
# ///
"""The layer that "Dive into Deep Learning" builds from scratch, in its MXNet edition of 2019.

Written here after what the chapter teaches: a Gluon block of plain array operations, differentiated
by autograd. Its moving variance starts at zero, as its moving mean does.
"""

import mxnet as mx
from mxnet import autograd

from adapters import gluon
from adapters.harness.protocol import Declined

BOOK = "d2l-ai/d2l-en, chapter_convolutional-modern/batch-norm.md"
CODE = f"{BOOK}, batch_norm"

hello = gluon.hello


def conventions(layer, shape):
    declared = {
        "running_variance": ("biased", f"{CODE}: the mean of (X - mean) ** 2"),
        "momentum_meaning": ("weight_of_history", f"{CODE}: momentum * moving_mean"),
        "initial_running_var": (
            "zero",
            f"{BOOK}, class BatchNorm, until https://github.com/d2l-ai/d2l-en/pull/1591",
        ),
        "bare_call": ("infers", f"{CODE}: autograd.is_training() is true inside record() only"),
        "empty_batch": ("raises", "mxnet.util.is_np_shape: a 0 in a shape is an unknown size"),
    }
    if layer.dtype == "float16":
        source = f"{CODE}: array operations, each of which answers in the dtype of X"
        declared["arithmetic"] = ("rounded_steps", source)
        declared["statistics_dtype"] = ("input_dtype", source)
    return declared


class ScratchBatchNorm(mx.gluon.Block):
    """Normalise (N, C) or (N, C, H, W) over every axis but 1; keep moving averages, by hand."""

    def __init__(self, channels, rank, epsilon=1e-5, momentum=0.9, dtype="float32", **kwargs):
        super().__init__(**kwargs)
        shape = (1, channels) + (1,) * (rank - 2)
        self.epsilon, self.momentum = epsilon, momentum
        self.gamma = self.params.get("gamma", shape=shape, dtype=dtype, init=mx.init.One())
        self.beta = self.params.get("beta", shape=shape, dtype=dtype, init=mx.init.Zero())
        self.moving_mean = mx.nd.zeros(shape, dtype=dtype)
        self.moving_var = mx.nd.zeros(shape, dtype=dtype)

    def forward(self, x):
        if self.moving_mean.context != x.context:  # the statistics follow the input's device
            self.moving_mean = self.moving_mean.copyto(x.context)
            self.moving_var = self.moving_var.copyto(x.context)
        if autograd.is_training():
            axes = (0, 2, 3) if x.ndim == 4 else 0
            mean = x.mean(axis=axes, keepdims=True)
            var = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
            old, new = self.momentum, 1.0 - self.momentum
            self.moving_mean = old * self.moving_mean + new * mean
            self.moving_var = old * self.moving_var + new * var
        else:
            mean, var = self.moving_mean, self.moving_var
        x_hat = (x - mean) / mx.nd.sqrt(var + self.epsilon)
        return self.gamma.data(x.context) * x_hat + self.beta.data(x.context)


def build(layer, shape):
    if layer.dtype == "bfloat16":
        raise Declined("MXNet makes no array of bfloat16")
    if layer.channel_axis not in (None, 1, 1 - len(shape)):
        raise Declined("the book's layer has its channels along axis 1")
    rank = layer.layer_rank or len(shape)
    if not {rank, len(shape)} <= {2, 4}:
        raise Declined("the book's layer takes (N, C) or (N, C, H, W)")
    options = gluon.options_of(layer)
    options.pop("axis", None)
    block = ScratchBatchNorm(shape[1], rank, dtype=layer.dtype, **options)
    block.initialize(ctx=gluon.context_of(layer))
    like = block.moving_mean

    def vector(value):
        return mx.nd.array(gluon.widened(value), dtype=like.dtype).reshape(like.shape)

    for parameter, value in ((block.gamma, layer.gamma), (block.beta, layer.beta)):
        if value is not None:
            parameter.set_data(vector(value))
    if layer.running_mean is not None:
        block.moving_mean = vector(layer.running_mean)
        block.moving_var = vector(layer.running_var)
    return block


def run(layer, steps):
    block = build(layer, steps[0].x.shape)
    parameters = block.gamma.data(), block.beta.data()
    for step in steps:
        vectors = (*parameters, block.moving_mean, block.moving_var)
        (answer,) = gluon.imperative(layer, [step], block, vectors)
        answer["running_mean"] = block.moving_mean.asnumpy()  # another array after each batch
        answer["running_var"] = block.moving_var.asnumpy()
        for name in ("dgamma", "dbeta", "running_mean", "running_var"):
            if name in answer:
                answer[name] = answer[name].ravel()
        yield answer
