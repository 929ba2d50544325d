# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.13.0", "numpy==2.4.6", "ml_dtypes==0.6.0"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "torch"
# devices = ["cpu", "gpu"]
# modes = ["eager"]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<2.3"  # built against NumPy 1
# requires-python = ">=3.10,<3.12"
# dependencies = ["torch==2.0.1", "numpy==1.26.4", "ml_dtypes==0.5.4"]
# ///
"""PyTorch's function: `torch.nn.functional.batch_norm`, on vectors that the caller holds.

It has no state of its own. Where a case leaves the state to the layer, weight and bias are left to
the function, which then does without; the running statistics, which it demands, start at 0 and 1
as the caller's choice.
"""

from types import SimpleNamespace

import torch

from adapters import pytorch
from adapters.harness.protocol import given
from adapters.pytorch import hello  # noqa: F401 (one of an adapter's three functions)

DOCS = "https://docs.pytorch.org/docs/2.13/generated/torch.nn.functional.batch_norm.html"


def conventions(layer, shape):
    declared = pytorch.conventions(layer, shape)
    del declared["layer_rank"]  # one function for every rank
    declared["bare_call"] = ("infers", f"{DOCS}: training=False")
    if "statistics_dtype" in declared:
        declared["statistics_dtype"] = ("input_dtype", "the caller's tensors, updated in place")
    return declared


def state_of(layer, channels):
    device, dtype = pytorch.device_of(layer), getattr(torch, layer.dtype)
    state = SimpleNamespace(
        weight=None,
        bias=None,
        running_mean=torch.zeros(channels, dtype=dtype, device=device),
        running_var=torch.ones(channels, dtype=dtype, device=device),
    )
    for name, vector in layer.vectors_for(*vars(state)):
        tensor = pytorch.to_torch(vector, device)
        setattr(state, name, tensor.requires_grad_(name in ("weight", "bias")))
    return state


def run(layer, steps):
    axis = layer.axis()
    state = state_of(layer, steps[0].x.shape[axis])

    def call(x, training):
        options = given(training=training, **pytorch.options_of(layer))
        return torch.nn.functional.batch_norm(x, **vars(state), **options)

    yield from pytorch.answers(layer, steps, axis, state, call)
