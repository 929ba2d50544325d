# /// script
# requires-python = ">=3.11"
# dependencies = ["tf-keras==2.21.0", "tensorflow==2.21.0", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "tf-keras"
# devices = ["cpu", "gpu"]
# modes = ["eager", "graph"]
#
# [tool.batchnorm-conformance.layer]
# name = "tf.keras 2"
# source = "https://keras.io/2/api/layers/normalization_layers/batch_normalization/"
# epsilon = "epsilon"
# momentum = "momentum"
# settings = { running_variance = { biased = "fused=False" } }
#
# [[tool.batchnorm-conformance.older]]
# versions = "<2.16"
# dependencies = ["tf-keras==2.15.1", "tensorflow==2.15.1", "numpy==1.26.4"]
# requires-python = ">=3.11,<3.12"
#
# [[tool.batchnorm-conformance.older]]
# versions = "<2.17"
# dependencies = ["tf-keras==2.16.0", "tensorflow==2.16.2", "numpy==1.26.4"]
# requires-python = ">=3.11,<3.13"
#
# [[tool.batchnorm-conformance.older]]
# versions = "<2.18"
# dependencies = ["tf-keras==2.17.0", "tensorflow==2.17.1", "numpy==1.26.4"]
# requires-python = ">=3.11,<3.13"
#
# [[tool.batchnorm-conformance.older]]
# versions = "<2.19"
# dependencies = ["tf-keras==2.18.0", "tensorflow==2.18.1", "numpy==1.26.4"]
# requires-python = ">=3.11,<3.13"
#
# [[tool.batchnorm-conformance.older]]
# versions = "<2.20"
# dependencies = ["tf-keras==2.19.0", "tensorflow==2.19.1", "numpy==1.26.4"]
# requires-python = ">=3.11,<3.13"
#
# [[tool.batchnorm-conformance.older]]
# versions = "<2.21"
# dependencies = ["tf-keras==2.20.1", "tensorflow==2.20.0", "numpy==1.26.4"]
# ///
"""Keras 2 on TensorFlow: `tf_keras.layers.BatchNormalization`."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
import tf_keras

from adapters.harness.protocol import GRADIENTS, given

SOURCE = "tf_keras/src/layers/normalization/batch_normalization.py"
DOCS = "https://keras.io/2/api/layers/normalization_layers/batch_normalization/"


def hello():
    versions = {
        "tf-keras": tf_keras.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
    }
    gpus = ["gpu"] if tf.config.list_physical_devices("GPU") else []
    return {"versions": versions, "devices": ["cpu", *gpus]}


def is_fused(layer, shape):
    """Say whether the layer takes the fused operator, as its `fused=None` decides: there is one for
    images and volumes with their channels first or last, and none in float64."""
    axis = layer.axis(default=-1) % len(shape)
    return len(shape) in (4, 5) and axis in (1, len(shape) - 1) and layer.dtype != "float64"


def conventions(layer, shape):
    declared = {
        "momentum_meaning": ("weight_of_history", DOCS),
        "default_epsilon": (1e-3, DOCS),
        "default_momentum": (1.0 - 0.99, DOCS),
        "default_channel_axis": (-1, DOCS),
        "bare_call": ("infers", f"{DOCS}: training defaults to inference outside fit()"),
        "empty_batch": ("nan", f"{SOURCE}: _support_zero_size_input is False without a strategy"),
    }
    if not is_fused(layer, shape):
        declared["running_variance"] = ("biased", f"{SOURCE}, _calculate_mean_and_var")
    return declared


def build(layer, shape):
    options = given(
        axis=layer.channel_axis, epsilon=layer.epsilon, momentum=layer.weight_of_history
    )
    module = tf_keras.layers.BatchNormalization(dtype=layer.dtype, **options)
    module.build(shape)
    variables = (module.gamma, module.beta, module.moving_mean, module.moving_variance)
    for variable, value in layer.vectors_for(*variables):
        variable.assign(value.astype(variable.dtype.as_numpy_dtype))
    return module


def call(module, x, dy, training):
    """Return y and, where there is an upstream gradient, the gradients of x, gamma and beta."""
    options = given(training=training)
    if dy is None:
        return module(x, **options), None
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = module(x, **options)
    return y, tape.gradient(y, [x, module.gamma, module.beta], output_gradients=dy)


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
