# /// script
# requires-python = ">=3.11"
# dependencies = ["equinox==0.13.8", "jax==0.10.2", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "equinox"
# devices = ["cpu", "gpu"]
# modes = ["batch", "ema"]
#
# [tool.batchnorm-conformance.gpu]
# dependencies = [
#     "equinox==0.13.8", "jax[cuda13]==0.10.2", "numpy==2.4.6", "ml_dtypes==0.6.0",
# ]
# ///
"""Equinox: `equinox.nn.BatchNorm` on JAX, in both of its modes, under `jax.jit`."""

import contextlib

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from adapters.harness.protocol import Declined, given

jax.config.update("jax_enable_x64", True)  # float64 layers stay float64

DOCS = "https://docs.kidger.site/equinox/api/nn/normalisation/"
SOURCE = "equinox/nn/_batch_norm.py"
EMPTY = "https://docs.jax.dev/en/latest/_autosummary/jax.numpy.empty.html"


def hello():
    versions = {"equinox": eqx.__version__, "jax": jax.__version__, "numpy": np.__version__}
    devices = ["cpu"]
    with contextlib.suppress(RuntimeError):  # JAX raises where it has no such platform
        devices += ["gpu"] if jax.devices("gpu") else []
    return {"versions": versions, "devices": devices}


def conventions(layer, shape):
    declared = {
        "running_variance": ("biased", f"{SOURCE}, _stats; of mode='batch' {DOCS} says unbiased"),
        "momentum_meaning": ("weight_of_history", f"{SOURCE}: momentum * running_mean"),
        "default_momentum": (1.0 - 0.99, DOCS),
        "empty_batch": ("nan", "jax.numpy.mean of no values is NaN"),
    }
    if layer.is_half:
        declared["statistics_dtype"] = ("input_dtype", f"{DOCS}: dtype")
    if layer.mode == "ema":
        filled = f"{DOCS}: batch statistics fill in the running ones until they are populated"
        declared["running_update"] = ("first_batch_replaces", filled)
        declared["initial_running_var"] = ("zero", f"{SOURCE}: jnp.empty; {EMPTY}: always zeros")
    return declared


def build(layer, channels):
    options = given(eps=layer.epsilon, momentum=layer.weight_of_history)
    module, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(
        channels, axis_name="batch", dtype=layer.dtype, mode=layer.mode, **options
    )
    if layer.gamma is not None:
        parameters = (jnp.asarray(layer.gamma), jnp.asarray(layer.beta))
        module = eqx.tree_at(lambda one: (one.weight, one.bias), module, parameters)
        # Whether and how many batches were seen stays as in a new layer: none.
        statistics = (jnp.asarray(layer.running_mean), jnp.asarray(layer.running_var))
        state = state.set(statistics_index(module), statistics)
    return module, state


def statistics_index(module):
    return module.ema_state_index if module.mode == "ema" else module.batch_state_index


@eqx.filter_jit
def step_function(module, state, x, dy, inference):
    def forward(parameters, x):
        own = eqx.tree_at(lambda one: (one.weight, one.bias), module, parameters)
        call = jax.vmap(
            lambda x, state: own(x, state, inference=inference),
            axis_name="batch",
            in_axes=(0, None),
            out_axes=(0, None),
        )
        return call(x, state)

    parameters = (module.weight, module.bias)
    if dy is None:
        return *forward(parameters, x), None
    y, pull_back, state = jax.vjp(forward, parameters, x, has_aux=True)
    return y, state, pull_back(dy)


def run(layer, steps):
    if layer.channel_axis == -1 and steps[0].x.ndim > 2:
        raise Declined("equinox.nn.BatchNorm has its channels first")
    with jax.default_device(jax.devices(layer.device)[0]):
        module, state = build(layer, steps[0].x.shape[1])
        for step in steps:
            x, dy = jax.device_put((step.x, step.dy))
            inference = None if step.training is None else not step.training
            y, state, gradients = step_function(module, state, x, dy, inference)
            mean, var = state.get(statistics_index(module))
            answer = {"y": y, "running_mean": mean, "running_var": var}
            if gradients is not None:
                (answer["dgamma"], answer["dbeta"]), answer["dx"] = gradients
            yield {name: np.asarray(array) for name, array in answer.items()}
