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
"""PyTorch's `torch.nn.SyncBatchNorm` in one process, where it has nobody to synchronise with.

Without a process group it calls torch.nn.functional.batch_norm. So it does in a group of one rank
on a GPU; on the CPU such a group makes it refuse to train ("SyncBatchNorm expected input tensor to
be on GPU"), and its own kernels, for two ranks and more, exist for GPUs only.
"""

import torch

from adapters import pytorch


def hello():
    greeting = pytorch.hello()
    if pytorch.VERSION < (2, 0):  # forward raises for every input that is not on a GPU
        greeting["devices"].remove("cpu")
    return greeting


def conventions(layer, shape):
    declared = pytorch.conventions(layer, shape)
    del declared["layer_rank"]  # one class for every rank
    return declared


def run(layer, steps):
    axis = layer.axis()
    module = pytorch.build(torch.nn.SyncBatchNorm, layer, steps[0].x.shape[axis])
    yield from pytorch.answers(layer, steps, axis, module, pytorch.call_of(module))
