# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "jax==0.10.2", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "keras"
# devices = ["cpu", "gpu"]
# modes = ["jit", "eager"]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<3.12"
# dependencies = [
#     "keras==3.0.0", "jax==0.10.2", "numpy==2.4.6", "ml_dtypes==0.6.0", "packaging==26.2",
# ]
# ///
"""Keras 3 on JAX: `keras.layers.BatchNormalization`, called without state."""

import contextlib
import os

os.environ["KERAS_BACKEND"] = "jax"

import jax
import keras
import numpy as np

from adapters.harness.protocol import given
from adapters.keras import build
from adapters.keras import conventions as common_conventions

jax.config.update("jax_enable_x64", True)  # float64 layers stay float64


def hello():
    versions = {"keras": keras.__version__, "jax": jax.__version__, "numpy": np.__version__}
    devices = ["cpu"]
    with contextlib.suppress(RuntimeError):  # JAX raises where it has no such platform
        devices += ["gpu"] if jax.devices("gpu") else []
    return {"versions": versions, "devices": devices}


def conventions(layer, shape):
    declared = common_conventions(layer, shape)
    declared["empty_batch"] = ("nan", "jax.numpy.mean of no values is NaN")
    return declared


def step_function(module):
    """Return the pure function of one step: y, the new statistics, and the gradients."""

    def step(parameters, statistics, x, dy, training):
        options = given(training=training)

        def forward(parameters, x):
            return module.stateless_call(parameters, statistics, x, **options)

        if dy is None:
            return *forward(parameters, x), None
        y, pull_back, statistics_after = jax.vjp(forward, parameters, x, has_aux=True)
        return y, statistics_after, pull_back(dy)

    return step


def run(layer, steps):
    with jax.default_device(jax.devices(layer.device)[0]):
        module = build(layer, steps[0].x.shape)
        parameters = [module.gamma.value, module.beta.value]
        statistics = [module.moving_mean.value, module.moving_variance.value]
        function = step_function(module)
        if layer.mode == "jit":
            function = jax.jit(function, static_argnames="training")
        for step in steps:
            x, dy = jax.device_put((step.x, step.dy))
            y, statistics, gradients = function(
                parameters, statistics, x, dy, training=step.training
            )
            answer = {"y": y, "running_mean": statistics[0], "running_var": statistics[1]}
            if gradients is not None:
                (answer["dgamma"], answer["dbeta"]), answer["dx"] = gradients
            yield {name: np.asarray(array) for name, array in answer.items()}
