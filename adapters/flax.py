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
# [tool.batchnorm-conformance.layer]
# name = "Flax"
# source = "https://flax-linen.readthedocs.io/en/latest/api_reference/flax.linen/layers.html"
# epsilon = "epsilon"
# momentum = "momentum"
# settings = { variance_algorithm = { two_pass = "use_fast_variance=False" } }
#
# [tool.batchnorm-conformance.gpu]
# dependencies = [
#     "flax==0.12.8", "jax[cuda13]==0.10.2", "numpy==2.4.6", "ml_dtypes==0.6.0",
# ]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<0.7"
# dependencies = [
#     "flax", "jax==0.4.13", "jaxlib==0.4.13",
#     "numpy==1.24.4", "scipy==1.10.1", "ml_dtypes==0.2.0",
# ]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<0.8"
# dependencies = [
#     "flax", "jax==0.4.20", "jaxlib==0.4.20",
#     "numpy==1.26.4", "scipy==1.11.4", "ml_dtypes==0.3.2",
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
"""Flax: `flax.linen.BatchNorm` on JAX."""

import contextlib
import functools

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from adapters.harness.protocol import given

jax.config.update("jax_enable_x64", True)  # float64 layers stay float64

DOCS = "https://flax-linen.readthedocs.io/en/latest/api_reference/flax.linen/layers.html"
SOURCE = "flax/linen/normalization.py"


def hello():
    versions = {"flax": flax.__version__, "jax": jax.__version__, "numpy": np.__version__}
    devices = ["cpu"]
    with contextlib.suppress(RuntimeError):  # JAX raises where it has no such platform
        devices += ["gpu"] if jax.devices("gpu") else []
    return {"versions": versions, "devices": devices}


def conventions(layer, shape):
    return {
        "running_variance": ("biased", f"{SOURCE}, BatchNorm.__call__ keeps _compute_stats' var"),
        "momentum_meaning": ("weight_of_history", f"{DOCS}: decay rate"),
        "default_momentum": (1.0 - 0.99, DOCS),
        "default_channel_axis": (-1, DOCS),
        "variance_algorithm": ("one_pass", f"{DOCS}: use_fast_variance=True is the default"),
        "bare_call": ("raises", f"{SOURCE}: use_running_average must be given once"),
        "empty_batch": ("nan", "jax.numpy.mean of no values is NaN"),
    }


def constructor_options(layer):
    return given(
        axis=layer.channel_axis,
        epsilon=layer.epsilon,
        momentum=layer.weight_of_history,
        dtype=layer.dtype,
        param_dtype=jnp.promote_types(layer.dtype, jnp.float32),
    )


def initial_state(module, layer, x):
    if layer.gamma is None:  # the layer's own
        return module.init(jax.random.PRNGKey(0), x, use_running_average=True)
    dtype = module.param_dtype
    state = {
        "params": {"scale": layer.gamma, "bias": layer.beta},
        "batch_stats": {"mean": layer.running_mean, "var": layer.running_var},
    }
    return {
        kind: {name: np.asarray(array, dtype) for name, array in entries.items()}
        for kind, entries in state.items()
    }


def step_function(module, variables, x, dy, training):
    options = {} if training is None else {"use_running_average": not training}

    def forward(params, x):
        y, changed = module.apply(
            {"params": params, "batch_stats": variables["batch_stats"]},
            x,
            mutable=["batch_stats"],
            **options,
        )
        return y, changed["batch_stats"]

    if dy is None:
        y, statistics = forward(variables["params"], x)
        return y, statistics, None
    y, pull_back, statistics = jax.vjp(forward, variables["params"], x, has_aux=True)
    return y, statistics, pull_back(dy)


jitted = functools.partial(jax.jit, static_argnames=("module", "training"))(step_function)


def run(layer, steps):
    with jax.default_device(jax.devices(layer.device)[0]):
        module = nn.BatchNorm(**constructor_options(layer))
        variables = jax.device_put(initial_state(module, layer, steps[0].x))
        function = jitted if layer.mode == "jit" else step_function
        for step in steps:
            x, dy = jax.device_put((step.x, step.dy))
            y, statistics, gradients = function(
                module=module, variables=variables, x=x, dy=dy, training=step.training
            )
            variables = {"params": variables["params"], "batch_stats": statistics}
            answer = {"y": y, "running_mean": statistics["mean"], "running_var": statistics["var"]}
            if gradients is not None:
                parameters, answer["dx"] = gradients
                answer["dgamma"], answer["dbeta"] = parameters["scale"], parameters["bias"]
            yield {name: np.asarray(array) for name, array in answer.items()}
