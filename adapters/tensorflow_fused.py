# /// script
# requires-python = ">=3.11"
# dependencies = ["tensorflow==2.21.0", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "tensorflow"
# devices = ["cpu", "gpu"]
# modes = ["eager", "graph"]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<2.21"
# dependencies = ["tensorflow==2.20.0", "numpy==1.26.4"]
# requires-python = ">=3.11,<3.12"
# ///
"""TensorFlow's fused operator, FusedBatchNormV3: `tf.compat.v1.nn.fused_batch_norm`.

It keeps no state: what it answers as running statistics is passed to the next call.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from adapters.harness.protocol import Declined
from adapters.tensorflow_moments import hello as hello

DOCS = "https://www.tensorflow.org/api_docs/python/tf/compat/v1/nn/fused_batch_norm"
KERNEL = "tensorflow/core/kernels/fused_batch_norm_op.cc"


def conventions(layer, shape):
    return {
        "default_epsilon": (1e-3, DOCS),
        "default_momentum": (1.0, f"{DOCS}: exponential_avg_factor"),
        "default_channel_axis": (-1, f"{DOCS}: data_format is NHWC"),
        "empty_batch": ("nan", f"{KERNEL}: fills the statistics of an empty batch with NaN"),
    }


def options_of(layer, rank):
    if rank not in (4, 5) or layer.dtype == "float64":
        raise Declined("FusedBatchNormV3 takes rank 4 and 5, in float32 and half precision")
    factor = layer.momentum if layer.raw_momentum is None else layer.raw_momentum
    options = {"epsilon": layer.epsilon, "exponential_avg_factor": factor}
    if layer.channel_axis is not None:
        formats = ("NCHW", "NCDHW") if layer.channel_axis == 1 else ("NHWC", "NDHWC")
        options["data_format"] = formats[rank - 4]
    return {name: value for name, value in options.items() if value is not None}


def call(x, scale, offset, mean, variance, dy, **options):
    """Return y and the statistics; and the gradients of x, scale and offset where dy is given."""
    with tf.GradientTape() as tape:
        tape.watch((x, scale, offset))
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x, scale, offset, mean, variance, **options
        )
    gradients = dy is not None and tape.gradient(y, (x, scale, offset), output_gradients=dy)
    return y, mean, variance, gradients or ()


def run(layer, steps):
    rank = steps[0].x.ndim
    options = options_of(layer, rank)
    if layer.running_mean is None and (
        "exponential_avg_factor" in options or not steps[0].training
    ):
        raise Declined("the operator has no statistics of its own to start from")
    channels = steps[0].x.shape[-1 if layer.channel_axis is None else layer.channel_axis]
    function = tf.function(call) if layer.mode == "graph" else call
    with tf.device(layer.device.upper() + ":0"):
        scale, offset = np.ones(channels), np.zeros(channels)  # it has no default of them
        if layer.gamma is not None:
            scale, offset = layer.gamma, layer.beta
        scale, offset = tf.constant(scale, tf.float32), tf.constant(offset, tf.float32)
        mean, variance = layer.running_mean, layer.running_var
        if mean is not None:
            mean, variance = tf.constant(mean, tf.float32), tf.constant(variance, tf.float32)
        for step in steps:
            if step.training is not None:
                options["is_training"] = step.training
            x = tf.constant(step.x)
            dy = None if step.dy is None else tf.constant(step.dy)
            y, mean, variance, gradients = function(x, scale, offset, mean, variance, dy, **options)
            answer = {"y": y.numpy(), "running_mean": mean.numpy(), "running_var": variance.numpy()}
            for name, gradient in zip(("dx", "dgamma", "dbeta"), gradients, strict=False):
                answer[name] = gradient.numpy()
            yield answer
