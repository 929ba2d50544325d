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
# [tool.batchnorm-conformance.layer]
# name = "Gluon"
# source = "https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/nn/index.html"
# epsilon = "epsilon"
# momentum = "momentum"
# settings = { scale = { ones = "scale=False" } }
#
# [[tool.batchnorm-conformance.older]]
# versions = "<1.9.1"
# requires-python = ">=3.8,<3.12"
# dependencies = ["mxnet==1.9.0", "numpy==1.23.5"]
# ///
"""Apache MXNet: `mxnet.gluon.nn.BatchNorm`.

eager       called on arrays, operator by operator
hybridized  the same after hybridize(): a cached graph
symbolic    called on a symbol, which is bound to an executor
"""

import contextlib
import warnings

import numpy as np

warnings.filterwarnings("ignore", message=".*np.bool.*|.*overwritten.*")

import mxnet as mx  # noqa: E402
from mxnet import autograd  # noqa: E402

from adapters.harness.protocol import Declined, given  # noqa: E402

DOCS = "https://mxnet.apache.org/versions/1.9.1/api/python/docs/api/gluon/nn/index.html"
SOURCE = "src/operator/nn/batch_norm.cc"
NO_KERNEL = "could not create a primitive descriptor iterator"
VERSION = tuple(map(int, mx.__version__.split(".")[:2]))


def hello():
    versions = {"mxnet": mx.__version__, "numpy": np.__version__}
    return {"versions": versions, "devices": ["cpu"] + ["gpu"] * bool(mx.context.num_gpus())}


def conventions(layer, shape):
    return {
        "running_variance": ("biased", f"{SOURCE}, BatchNormBackwardImpl: sum / itemCount"),
        "running_update": ("on_backward", f"{SOURCE}, BatchNormBackwardImpl"),
        "momentum_meaning": ("weight_of_history", f"{SOURCE}, BatchNormBackwardImpl"),
        "bare_call": ("infers", f"{DOCS}: training mode is on inside autograd.record() only"),
        "empty_batch": ("raises", f"{SOURCE}: zero-size input"),
    }


def options_of(layer):
    """Return the layer's numbers under Gluon's names."""
    return given(axis=layer.channel_axis, epsilon=layer.epsilon, momentum=layer.weight_of_history)


def context_of(layer):
    return mx.cpu() if layer.device == "cpu" else mx.gpu()


def build(cls, layer, channels, **options):
    if layer.dtype == "bfloat16" and VERSION < (1, 7):
        raise Declined("MXNet 1.6 has no bfloat16")
    block = cls(in_channels=channels, **options)
    block.initialize(ctx=context_of(layer))
    if layer.dtype != "bfloat16":  # its parameters are float32 anyway, as they are for float16
        block.cast(layer.dtype)
    if layer.mode == "hybridized":
        block.hybridize()
    parameters = (block.gamma, block.beta, block.running_mean, block.running_var)
    for parameter, value in layer.vectors_for(*parameters):
        parameter.set_data(mx.nd.array(widened(value), dtype=parameter.dtype))
    return block


def widened(array):
    """Return bfloat16 bits as float32; MXNet knows them as a NumPy record of one uint16."""
    if array.dtype.names is None:
        return array
    return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)


@contextlib.contextmanager
def kernels():
    """Decline what oneDNN has no kernel for on this processor: bfloat16 wants AVX-512."""
    try:
        yield
    except mx.MXNetError as error:
        if NO_KERNEL not in str(error):
            raise
        raise Declined(f"oneDNN has no kernel for it on this processor: {NO_KERNEL}") from None


def imperative(layer, steps, call, vectors):
    """Yield what `call(x)` answers; vectors are gamma, beta and the running statistics."""
    with kernels():
        yield from _imperative(layer, steps, call, vectors)


def _imperative(layer, steps, call, vectors):
    context = context_of(layer)
    gamma, beta, running_mean, running_var = vectors
    for step in steps:
        x = mx.nd.array(step.x, ctx=context, dtype=step.x.dtype)
        answer = {}
        if step.training is None:
            y = call(x)
        elif step.dy is None:
            with autograd.record(train_mode=step.training):
                y = call(x)
        else:
            x.attach_grad()
            with autograd.record(train_mode=step.training):
                y = call(x)
            dy = mx.nd.array(step.dy, ctx=context, dtype=step.dy.dtype)
            y.backward(dy, train_mode=step.training)
            answer["dx"] = x.grad.asnumpy()
            answer["dgamma"], answer["dbeta"] = gamma.grad.asnumpy(), beta.grad.asnumpy()
        answer["y"], answer["x"] = y.asnumpy(), x.asnumpy()
        answer["running_mean"] = running_mean.asnumpy()
        answer["running_var"] = running_var.asnumpy()
        yield answer


def symbolic(layer, steps, block):
    """Yield what the block's symbol answers, bound to an executor."""
    context = context_of(layer)
    symbol = block(mx.sym.var("data"))
    vectors = {name: parameter.data() for name, parameter in block.collect_params().items()}
    data = mx.nd.zeros(steps[0].x.shape, ctx=context, dtype=steps[0].x.dtype)
    arguments = {name: vectors.get(name, data) for name in symbol.list_arguments()}
    statistics = {name: vectors[name] for name in symbol.list_auxiliary_states()}
    gradients = {name: mx.nd.zeros_like(array) for name, array in arguments.items()}
    executor = symbol.bind(context, arguments, args_grad=gradients, aux_states=statistics)
    for step in steps:
        x = mx.nd.array(step.x, ctx=context, dtype=step.x.dtype)
        options = {} if step.training is None else {"is_train": step.training}
        (y,) = executor.forward(data=x, **options)
        answer = {"y": y.asnumpy(), "x": data.asnumpy()}
        if step.dy is not None:
            executor.backward(mx.nd.array(step.dy, ctx=context, dtype=step.dy.dtype), **options)
            answer["dx"] = gradients["data"].asnumpy()
            answer["dgamma"] = gradients[block.gamma.name].asnumpy()
            answer["dbeta"] = gradients[block.beta.name].asnumpy()
        answer["running_mean"] = statistics[block.running_mean.name].asnumpy()
        answer["running_var"] = statistics[block.running_var.name].asnumpy()
        yield answer


def answers(layer, steps, block):
    if layer.mode == "symbolic":
        with kernels():
            yield from symbolic(layer, steps, block)
        return
    parameters = (block.gamma, block.beta, block.running_mean, block.running_var)
    yield from imperative(layer, steps, block, [parameter.data() for parameter in parameters])


def run(layer, steps):
    channels = steps[0].x.shape[layer.axis()]
    block = build(mx.gluon.nn.BatchNorm, layer, channels, **options_of(layer))
    yield from answers(layer, steps, block)
