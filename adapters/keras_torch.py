# /// script
# requires-python = ">=3.11"
# dependencies = ["keras==3.15.1", "torch==2.13.0", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "keras"
# devices = ["cpu", "gpu"]
# modes = ["eager"]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<3.12"
# dependencies = [
#     "keras==3.0.0", "torch==2.13.0", "numpy==2.4.6", "ml_dtypes==0.6.0", "packaging==26.2",
# ]
# ///
"""Keras 3 on PyTorch: `keras.layers.BatchNormalization`."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch

from adapters.harness.protocol import GRADIENTS, given
from adapters.keras import build
from adapters.keras import conventions as common_conventions
from adapters.pytorch import device_of, to_numpy, to_torch

MOMENTS = "keras/src/backend/torch/nn.py, moments"


def hello():
    versions = {"keras": keras.__version__, "torch": torch.__version__, "numpy": np.__version__}
    return {"versions": versions, "devices": ["cpu"] + ["gpu"] * torch.cuda.is_available()}


def conventions(layer, shape):
    declared = common_conventions(layer, shape)
    declared["empty_batch"] = ("nan", "torch.mean of no values is NaN")
    declared["variance_algorithm"] = (
        "one_pass",
        f"{MOMENTS}: Var = E[|x|^2] - |E[x]|^2, faster but less numerically stable",
    )
    return declared


def placed_on(layer):
    """Return the context in which Keras puts what it makes on the layer's device."""
    if hasattr(keras, "device"):
        return keras.device(f"{layer.device}:0")
    from keras.src.backend.torch.core import device_scope  # not public in Keras 3.0

    return device_scope(device_of(layer))


def run(layer, steps):
    with placed_on(layer):
        module = build(layer, steps[0].x.shape)
        for step in steps:
            x = to_torch(step.x, device_of(layer)).requires_grad_(step.dy is not None)
            y = module(x, **given(training=step.training))
            answer = {"y": to_numpy(y)}
            if step.dy is not None:
                sources = [x, module.gamma.value, module.beta.value]
                gradients = torch.autograd.grad(y, sources, to_torch(step.dy, device_of(layer)))
                for name, gradient in zip(GRADIENTS, gradients, strict=True):
                    answer[name] = to_numpy(gradient)
            answer["x"] = to_numpy(x)
            answer["running_mean"] = to_numpy(module.moving_mean.value)
            answer["running_var"] = to_numpy(module.moving_variance.value)
            yield answer
