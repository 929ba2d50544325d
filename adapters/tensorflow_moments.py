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
"""TensorFlow's functions: `tf.nn.moments`, `tf.nn.batch_normalization`, and a moving average.

None of them keeps running statistics; `tf.train.ExponentialMovingAverage` does, of any variable.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from adapters.harness.protocol import GRADIENTS, Declined

AVERAGE = "https://www.tensorflow.org/api_docs/python/tf/train/ExponentialMovingAverage"
MOMENTS = "tensorflow/python/ops/nn_impl.py, moments"


def hello():
    versions = {"tensorflow": tf.__version__, "numpy": np.__version__}
    gpus = ["gpu"] if tf.config.list_physical_devices("GPU") else []
    return {"versions": versions, "devices": ["cpu", *gpus]}


def conventions(layer, shape):
    declared = {
        "running_variance": ("biased", f"{MOMENTS}: sample variance, not unbiased variance"),
        "momentum_meaning": ("weight_of_history", f"{AVERAGE}: decay"),
        "moving_average": ("difference", f"{AVERAGE}: shadow -= (1 - decay) (shadow - variable)"),
        "empty_batch": ("nan", "tf.reduce_mean of no values is NaN"),
    }
    if layer.is_half:
        kept = f"{MOMENTS}: mean and variance have the dtype of x"
        declared["arithmetic"] = ("rounded_steps", kept)
        declared["statistics_dtype"] = ("input_dtype", kept)
    return declared


class Statistics:
    """The variables that hold the moments of a batch, and their moving averages."""

    def __init__(self, mean, variance, decay):
        self.batch = [tf.Variable(mean), tf.Variable(variance)]
        self.average = tf.train.ExponentialMovingAverage(decay)
        self.average.apply(self.batch)  # the first call creates the averages, with these values

    def update(self, mean, variance):
        self.batch[0].assign(mean)
        self.batch[1].assign(variance)
        self.average.apply(self.batch)

    def running(self):
        return [self.average.average(variable) for variable in self.batch]


def call(x, gamma, beta, statistics, dy, training, axis, epsilon):
    """Return y and, where there is an upstream gradient, those of x, gamma and beta."""
    shape = [x.shape[axis] if one == axis else 1 for one in range(x.shape.rank)]
    with tf.GradientTape() as tape:
        tape.watch((x, gamma, beta))
        if training:
            axes = [one for one in range(x.shape.rank) if one != axis]
            mean, variance = tf.nn.moments(x, axes)
        else:
            mean, variance = statistics.running()
        along_axis = [tf.reshape(one, shape) for one in (mean, variance, beta, gamma)]
        y = tf.nn.batch_normalization(x, *along_axis, epsilon)
    if training:
        statistics.update(mean, variance)
    return y, None if dy is None else tape.gradient(y, (x, gamma, beta), output_gradients=dy)


def run(layer, steps):
    if layer.gamma is None:
        raise Declined("functions have neither an initial state nor defaults")
    if any(step.training is None for step in steps):
        raise Declined("the caller chooses the mean and variance: no call leaves that open")
    function = tf.function(call) if layer.mode == "graph" else call
    with tf.device(layer.device.upper() + ":0"):
        gamma, beta = tf.constant(layer.gamma), tf.constant(layer.beta)
        statistics = Statistics(layer.running_mean, layer.running_var, layer.weight_of_history)
        for step in steps:
            y, gradients = function(
                tf.constant(step.x),
                gamma,
                beta,
                statistics,
                dy=None if step.dy is None else tf.constant(step.dy),
                training=step.training,
                axis=layer.channel_axis % step.x.ndim,
                epsilon=layer.epsilon,
            )
            answer = {"y": y.numpy()}
            if gradients is not None:
                for name, gradient in zip(GRADIENTS, gradients, strict=True):
                    answer[name] = gradient.numpy()
            mean, variance = statistics.running()
            yield {**answer, "running_mean": mean.numpy(), "running_var": variance.numpy()}
