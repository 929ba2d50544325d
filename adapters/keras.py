# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "tensorflow==2.21.0", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "keras"
# devices = ["cpu", "gpu"]
# modes = ["eager", "graph"]
#
# [tool.batchnorm-conformance.layer]
# name = "Keras 3"
# source = "https://keras.io/api/layers/normalization_layers/batch_normalization/"
# epsilon = "epsilon"
# momentum = "momentum"
#
# [tool.batchnorm-conformance.gpu]
# dependencies = [
#     "keras==3.15.1", "tensorflow[and-cuda]==2.21.0", "numpy==2.4.6", "ml_dtypes==0.6.0",
# ]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<3.12"
# dependencies = ["keras==3.0.0", "tensorflow==2.16.2", "numpy==1.26.4"]
# requires-python = ">=3.11,<3.13"
# ///
"""Keras 3 on TensorFlow: `keras.layers.BatchNormalization`."""

import os
import sys

if "keras" not in sys.modules:  # otherwise a variant on another backend shares this file
    os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

import keras
import numpy as np

from adapters.harness.protocol import GRADIENTS, given

SOURCE = "keras/src/layers/normalization/batch_normalization.py"
DOCS = "https://keras.io/api/layers/normalization_layers/batch_normalization/"


def hello():
    versions = {"keras": keras.__version__, "tensorflow": tf.__version__, "numpy": np.__version__}
    gpus = ["gpu"] if tf.config.list_physical_devices("GPU") else []
    return {"versions": versions, "devices": ["cpu", *gpus]}


def conventions(layer, shape):
    declared = {
        "running_variance": ("biased", f"{SOURCE}, call: moving_variance takes the moments as is"),
        "momentum_meaning": ("weight_of_history", DOCS),
        "default_epsilon": (1e-3, DOCS),
        "default_momentum": (1.0 - 0.99, DOCS),
        "default_channel_axis": (-1, DOCS),
        "bare_call": ("infers", f"{DOCS}: training defaults to inference outside fit()"),
        "empty_batch": ("nan", "tf.nn.moments: the mean of no values is NaN"),
    }
    if keras.__version__ in ("3.0.0", "3.0.1", "3.0.2"):
        source = "keras/src/backend, nn.py, moments: Var = E[|x|^2] - |E[x]|^2"
        declared["variance_algorithm"] = ("one_pass", source)
    if layer.is_half:
        declared["statistics_dtype"] = ("input_dtype", "keras/src/dtype_policies: variable_dtype")
    return declared


def build(layer, shape):
    options = given(
        axis=layer.channel_axis, epsilon=layer.epsilon, momentum=layer.weight_of_history
    )
    module = keras.layers.BatchNormalization(dtype=layer.dtype, **options)
    module.build(shape)
    variables = (module.gamma, module.beta, module.moving_mean, module.moving_variance)
    for variable, value in layer.vectors_for(*variables):
        variable.assign(value)
    return module


def call(module, x, dy, training):
    """Return y and, where there is an upstream gradient, the gradients of x, gamma and beta."""
    options = given(training=training)
    if dy is None:
        return module(x, **options), None
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = module(x, **options)
    sources = [x, module.gamma.value, module.beta.value]
    return y, tape.gradient(y, sources, output_gradients=dy)


def run(layer, steps):
    with tf.device(layer.device.upper() + ":0"):
        module = build(layer, steps[0].x.shape)
        step_function = tf.function(call) if layer.mode == "graph" else call
        for step in steps:
            x = tf.constant(step.x)
            dy = None if step.dy is None else tf.constant(step.dy)
            y, gradients = step_function(module, x, dy, step.training)
            answer = {"y": y.numpy()}
            if gradients is not None:
                for name, gradient in zip(GRADIENTS, gradients, strict=True):
                    answer[name] = gradient.numpy()
            answer["running_mean"] = module.moving_mean.numpy()
            answer["running_var"] = module.moving_variance.numpy()
            yield answer
