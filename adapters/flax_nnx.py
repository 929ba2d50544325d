# /// script
# requires-python = ">=3.11"
# dependencies = ["flax==0.12.8", "jax==0.10.2", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "flax"
# devices = ["cpu", "gpu"]
# modes = ["jit", "eager"]
#
# [tool.batchnorm-conformance.gpu]
# dependencies = [
#     "flax==0.12.8", "jax[cuda13]==0.10.2", "numpy==2.4.6", "ml_dtypes==0.6.0",
# ]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<0.10"
# dependencies = [
#     "flax", "jax==0.4.31", "jaxlib==0.4.31",
#     "numpy==1.26.4", "scipy==1.13.1", "ml_dtypes==0.4.1",
# ]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<0.12"
# dependencies = [
#     "flax", "jax==0.6.2", "jaxlib==0.6.2",
#     "numpy==2.2.6", "scipy==1.15.3", "ml_dtypes==0.5.1",
# ]
# ///
"""Flax NNX: `flax.nnx.BatchNorm` on JAX."""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from adapters import flax as linen  # the same package, devices and constructor options

try:
    from flax import nnx
except ImportError:  # before Flax 0.8.4
    from flax.experimental import nnx

DOCS = "https://flax.readthedocs.io/en/stable/api_reference/flax.nnx/nn/normalization.html"
SOURCE = "flax/nnx/nn/normalization.py"

hello = linen.hello


def conventions(layer, shape):
    declared = {
        "running_variance": ("biased", f"{SOURCE}, BatchNorm.__call__ keeps _compute_stats' var"),
        "momentum_meaning": ("weight_of_history", f"{DOCS}: decay rate"),
        "default_momentum": (1.0 - 0.99, DOCS),
        "default_channel_axis": (-1, DOCS),
        "variance_algorithm": ("one_pass", f"{DOCS}: use_fast_variance=True is the default"),
        "empty_batch": ("nan", "jax.numpy.mean of no values is NaN"),
    }
    if layer.is_half:
        # Variables, the statistics too, are cast to dtype before the layer computes with them.
        declared["arithmetic"] = ("rounded_normalization", f"{DOCS}: promote_dtype")
    if layer.dtype == "float64" and hasattr(nnx.Variable, "set_value"):
        # Before Flax 0.12 an update could change a variable's dtype.
        declared["statistics_dtype"] = ("always_float32", f"{SOURCE}, BatchNorm.__init__")
    return declared


def build(layer, shape):
    options = linen.constructor_options(layer)
    module = nnx.BatchNorm(shape[layer.axis(-1)], rngs=nnx.Rngs(0), **options)
    for variable, value in layer.vectors_for(module.scale, module.bias, module.mean, module.var):
        value = jnp.asarray(value, variable.dtype)  # a variable stays what it was made
        if hasattr(variable, "set_value"):
            variable.set_value(value)
        else:  # before Flax 0.12
            variable.value = value
    return module


def step_function(graph, params, statistics, x, dy, training):
    options = {} if training is None else {"use_running_average": not training}

    def forward(params, x):
        own = jax.tree_util.tree_map(lambda array: array, statistics)  # NNX: of this trace
        module = nnx.merge(graph, params, own)
        y = module(x, **options)
        return y, nnx.state(module, nnx.BatchStat)

    if dy is None:
        return *forward(params, x), None
    y, pull_back, statistics = jax.vjp(forward, params, x, has_aux=True)
    return y, statistics, pull_back(dy)


jitted = functools.partial(jax.jit, static_argnames=("graph", "training"))(step_function)


def run(layer, steps):
    with jax.default_device(jax.devices(layer.device)[0]):
        module = build(layer, steps[0].x.shape)
        graph, params, statistics = nnx.split(module, nnx.Param, nnx.BatchStat)
        function = jitted if layer.mode == "jit" else step_function
        for step in steps:
            x, dy = jax.device_put((step.x, step.dy))
            y, statistics, gradients = function(
                graph=graph,
                params=params,
                statistics=statistics,
                x=x,
                dy=dy,
                training=step.training,
            )
            module = nnx.merge(graph, params, statistics)
            answer = {"y": y, "running_mean": module.mean.value, "running_var": module.var.value}
            if gradients is not None:
                changes, answer["dx"] = gradients
                module = nnx.merge(graph, changes, statistics)
                answer["dgamma"], answer["dbeta"] = module.scale.value, module.bias.value
            yield {name: np.asarray(array) for name, array in answer.items()}
