# /// script
# requires-python = ">=3.10,<3.12"
# dependencies = [
#     "keras==0.2.0",
#     "theano==1.0.5",
#     "numpy==1.23.5",
#     "scipy==1.15.3",
#     "pyyaml==6.0.3",
#     "setuptools==59.8.0",
#     "six==1.17.0",
# ]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "keras"
# devices = ["cpu"]
# modes = ["mode-0", "mode-1"]
#
# [tool.batchnorm-conformance.layer]
# name = "Keras 0.2"
# source = "keras/layers/normalization.py"
# epsilon = "epsilon"
# momentum = "momentum"
# ///
"""Keras 0.2 on Theano: `keras.layers.normalization.BatchNormalization`, of September 2015.

`mode-0` and `mode-1` are the layer's own `mode`: featurewise, and samplewise normalization. Keras's
models no longer import; its layer alone does, and Theano compiles what it says, in Python.
"""

import importlib
import importlib.metadata
import os
import sys

os.environ.setdefault("THEANO_FLAGS", "blas.ldflags=,cxx=,device=cpu")

import numpy as np
import theano
import theano.tensor as T

from adapters.harness.protocol import GRADIENTS, Declined, given

SOURCE = "keras/layers/normalization.py"
PACKAGES = ("keras", "theano", "numpy")


def hello():
    versions = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"versions": versions, "devices": ["cpu"]}


def conventions(layer, shape):
    declared = {
        "normalizer": ("running", f"{SOURCE}, get_output: X - self.running_mean, train or not"),
        "epsilon_placement": ("both", f"{SOURCE}, build and get_output: epsilon is added in each"),
        "running_statistic": ("standard_deviation", f"{SOURCE}, build: running_std"),
        "running_variance": ("biased", f"{SOURCE}, build: T.mean((X - m) ** 2 + self.epsilon)"),
        "momentum_meaning": ("weight_of_history", f"{SOURCE}, build: mean_update"),
        "empty_batch": ("nan", f"{SOURCE}, build: X.mean of no values is NaN"),
        "bare_call": ("raises", f"{SOURCE}: get_output must be told train"),
        "default_epsilon": (1e-6, f"{SOURCE}, __init__"),
        "default_momentum": (1.0 - 0.9, f"{SOURCE}, __init__"),
    }
    if layer.mode == "mode-1":
        declared["normalizer"] = ("per_sample", f"{SOURCE}, get_output: mode 1 takes axis -1")
        declared["epsilon_placement"] = ("outside_sqrt", f"{SOURCE}, get_output: std + epsilon")
    if layer.dtype == "float16":
        source = "keras/utils/theano_utils.py, sharedX: dtype=theano.config.floatX"
        declared["statistics_dtype"] = ("input_dtype", source)
        source = "theano/scalar/basic.py, upcast_out: what is made of float16 is float16"
        declared["arithmetic"] = ("rounded_steps", source)
    return declared


def layer_class(dtype):
    """Return the layer of a fresh copy of Keras: it binds floatX where it is imported."""
    theano.config.floatX = dtype
    for name in [name for name in sys.modules if name.split(".")[0] == "keras"]:
        del sys.modules[name]
    return importlib.import_module("keras.layers.normalization").BatchNormalization


def build(layer, shape):
    if layer.dtype == "bfloat16":
        raise Declined("Theano has no bfloat16")
    if len(shape) != 2:
        raise Declined("it has a gamma and a statistic for each element of a sample, not a channel")
    options = given(epsilon=layer.epsilon, momentum=layer.weight_of_history)
    mode = int(layer.mode.removeprefix("mode-"))
    module = layer_class(layer.dtype)(mode=mode, input_shape=shape[1:], **options)
    variables = (module.gamma, module.beta, module.running_mean, module.running_std)
    for variable, value in layer.vectors_for(*variables):
        variable.set_value(value)
    return module


def compiled(module, training, backward):
    """Return one call as Keras compiles it for a model: in training with the layer's updates."""
    output = module.get_output(**given(train=training))
    inputs, outputs = [module.input], [output]
    if backward:
        dy = T.matrix()
        inputs.append(dy)
        sources = [module.input, module.gamma, module.beta]
        outputs += theano.grad(None, sources, known_grads={output: dy})
    return theano.function(inputs, outputs, updates=module.updates if training else [])


def run(layer, steps):
    module = build(layer, steps[0].x.shape)
    functions = {}
    for step in steps:
        call = step.training, step.dy is not None
        if call not in functions:
            functions[call] = compiled(module, *call)
        tensors = functions[call](step.x, *([] if step.dy is None else [step.dy]))
        answer = dict(zip(("y", *GRADIENTS), tensors))  # noqa: B905 (dy or none)
        if layer.gamma is None:  # the initial gamma is random, so nothing is known of these
            answer.update({name: None for name in ("y", "dx") if name in answer})
        elif "dx" in answer:  # Theano's is float32 for float16, in mode 1
            answer["dx"] = answer["dx"].astype(step.x.dtype)
        answer["x"] = np.array(step.x)
        answer["running_mean"] = module.running_mean.get_value()
        answer["running_var"] = module.running_std.get_value()
        yield answer
