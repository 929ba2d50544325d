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
# modes = ["eager"]
#
# [[tool.batchnorm-conformance.older]]
# versions = "<1.9.1"
# requires-python = ">=3.8,<3.12"
# dependencies = ["mxnet==1.9.0", "numpy==1.23.5"]
# ///
"""MXNet's operator: `mxnet.nd.BatchNorm`, on vectors that the caller holds.

It has no state of its own: where a case leaves the state to the layer, the caller starts from
gamma 1, beta 0, mean 0 and variance 1.
"""

import mxnet as mx
import numpy as np

from adapters import gluon

DOCS = "https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/ndarray/ndarray.html"
hello = gluon.hello


def conventions(layer, shape):
    return {
        **gluon.conventions(layer, shape),
        "scale": ("ones", f"{DOCS}: fix_gamma=True is the default"),
        # floats, printed with what a float makes of 0.001 and 0.9
        "default_epsilon": (0.0010000000474974513, f"{DOCS}: default=0.0010000000474974513"),
        "default_momentum": (1.0 - float(np.float32(0.9)), f"{DOCS}: default=0.899999976"),
    }


def run(layer, steps):
    channels = steps[0].x.shape[layer.axis()]
    # For half precision the operator wants its vectors in float32.
    dtype = "float64" if layer.dtype == "float64" else "float32"
    context = gluon.context_of(layer)
    vectors = [
        mx.nd.array(gluon.widened(vector), ctx=context, dtype=dtype)
        for vector in layer.state(channels)
    ]
    for parameter in vectors[:2]:
        parameter.attach_grad()
    options = gluon.options_of(layer)
    if "epsilon" in options:
        options["eps"] = options.pop("epsilon")

    def call(x):
        return mx.nd.BatchNorm(x, *vectors, **options)

    yield from gluon.imperative(layer, steps, call, vectors)
