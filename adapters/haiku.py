# /// script
# requires-python = ">=3.11"
# dependencies = ["dm-haiku==0.0.17", "jax==0.10.2", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "dm-haiku"
# devices = ["cpu", "gpu"]
# modes = ["jit", "eager"]
#
# [tool.batchnorm-conformance.gpu]
# dependencies = [
#     "dm-haiku==0.0.17", "jax[cuda13]==0.10.2", "numpy==2.4.6", "ml_dtypes==0.6.0",
# ]
# ///
"""Haiku: `haiku.BatchNorm` on JAX."""

import contextlib
import functools

import haiku as hk
import jax
import jax.numpy as jnp
import numpy as np

from adapters.harness.protocol import Declined, given

jax.config.update("jax_enable_x64", True)  # float64 layers stay float64

DOCS = "https://dm-haiku.readthedocs.io/en/latest/api.html#batchnorm"
AVERAGE_DOCS = "https://dm-haiku.readthedocs.io/en/latest/api.html#exponentialmovingaverage"
SOURCE = "haiku/_src/batch_norm.py"
DATA_FORMATS = {1: "channels_first", -1: "channels_last"}


def hello():
    versions = {"dm-haiku": hk.__version__, "jax": jax.__version__, "numpy": np.__version__}
    devices = ["cpu"]
    with contextlib.suppress(RuntimeError):  # JAX raises where it has no such platform
        devices += ["gpu"] if jax.devices("gpu") else []
    return {"versions": versions, "devices": devices}


def conventions(layer, shape):
    declared = {
        "running_variance": ("biased", f"{SOURCE}, BatchNorm.__call__: var_ema takes var as is"),
        "running_update": ("zero_debiased", f"{AVERAGE_DOCS}: the Adam debiasing procedure"),
        "momentum_meaning": ("weight_of_history", f"{DOCS}: decay rate"),
        "default_channel_axis": (-1, f"{DOCS}: data_format"),
        "bare_call": ("raises", f"{DOCS}: is_training has no default"),
        "empty_batch": ("nan", "jax.numpy.mean of no values is NaN"),
    }
    if layer.is_half:
        source = "haiku/_src/moving_averages.py: hidden is of the value's dtype"
        declared["statistics_dtype"] = ("input_dtype", source)
    return declared


def build(layer):
    if layer.weight_of_history is None:
        raise Declined("decay_rate has no default: there is no bare constructor")
    options = given(
        create_scale=True,
        create_offset=True,
        decay_rate=layer.weight_of_history,
        eps=layer.epsilon,
        data_format=layer.channel_axis and DATA_FORMATS[layer.channel_axis],
    )
    return hk.transform_with_state(lambda x, *args: hk.BatchNorm(**options)(x, *args))


def initial_state(module, layer, x):
    if layer.gamma is None:  # the layer's own: it must see a batch, and in training
        return module.init(jax.random.PRNGKey(0), x, True)
    shape = np.ones(x.ndim, int)
    shape[layer.axis(-1)] = len(layer.gamma)
    params = {"batch_norm": {"scale": layer.gamma.reshape(shape)}}
    params["batch_norm"]["offset"] = layer.beta.reshape(shape)
    averages = {"mean": layer.running_mean, "var": layer.running_var}
    state = {
        f"batch_norm/~/{name}_ema": {
            "counter": np.zeros((), np.int32),  # as in a new layer: no batch was seen
            "hidden": np.zeros(shape, layer.dtype),
            "average": average.reshape(shape),
        }
        for name, average in averages.items()
    }
    return params, state


def step_function(apply, params, state, x, dy, training):
    args = () if training is None else (training,)

    def forward(params, x):
        return apply(params, state, None, x, *args)

    if dy is None:
        return *forward(params, x), None
    y, pull_back, state = jax.vjp(forward, params, x, has_aux=True)
    return y, state, pull_back(dy)


jitted = functools.partial(jax.jit, static_argnames=("apply", "training"))(step_function)


def run(layer, steps):
    with jax.default_device(jax.devices(layer.device)[0]):
        module = build(layer)
        params, state = jax.device_put(initial_state(module, layer, jnp.asarray(steps[0].x)))
        function = jitted if layer.mode == "jit" else step_function
        for step in steps:
            x, dy = jax.device_put((step.x, step.dy))
            y, state, gradients = function(
                apply=module.apply, params=params, state=state, x=x, dy=dy, training=step.training
            )
            answer = {"y": np.asarray(y)}
            for name in ("mean", "var"):
                average = state[f"batch_norm/~/{name}_ema"]["average"]
                answer[f"running_{name}"] = np.ravel(average)
            if gradients is not None:
                changes, dx = gradients
                answer["dx"] = np.asarray(dx)
                answer["dgamma"] = np.ravel(changes["batch_norm"]["scale"])
                answer["dbeta"] = np.ravel(changes["batch_norm"]["offset"])
            yield answer
