# /// script
# requires-python = ">=3.8,<3.12"
# dependencies = ["mxnet==1.9.1", "numpy==1.23.5"]
#
# [tool.uv]
# exclude-newer = "2026-11-20T00:00:00Z"
#
# [tool.batchnorm-conformance]
# package = "mxnet"
# devices = ["cpu", "gpu"]
# modes = ["eager", "hybridized", "symbolic"]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<1.9.1"
# requires-python = ">=3.8,<3.12"
# dependencies = ["mxnet==1.9.0", "numpy==1.23.5"]
# ///
"""MXNet's `mxnet.gluon.contrib.nn.SyncBatchNorm`, on one device.

Its operator is another one than BatchNorm's, with an arithmetic of its own.
"""

from mxnet.gluon.contrib.nn import SyncBatchNorm

from adapters import gluon
from adapters.harness.protocol import Declined

SOURCE = "src/operator/contrib/sync_batch_norm-inl.h"
hello = gluon.hello


def conventions(layer, shape):
    return {
        **gluon.conventions(layer, shape),
        "running_variance": ("biased", f"{SOURCE}, Backward: moving_var takes var as is"),
        "running_update": ("on_backward", f"{SOURCE}, Backward"),
        "momentum_meaning": ("weight_of_history", f"{SOURCE}, Backward"),
        "variance_algorithm": ("one_pass", f"{SOURCE}, Forward: var - square(mean)"),
    }


def run(layer, steps):
    if layer.dtype != "float32":
        raise Declined(f"the operator is written for float32 alone: real_t in {SOURCE}")
    rank = steps[0].x.ndim
    if layer.axis() % rank != 1:
        raise Declined("SyncBatchNorm has no argument for the axis: its channels are along axis 1")
    options = gluon.options_of(layer)
    options.pop("axis", None)
    block = gluon.build(SyncBatchNorm, layer, steps[0].x.shape[1], num_devices=1, **options)
    yield from gluon.answers(layer, steps, block)
