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
# modes = ["eager", "autocast", "cumulative"]
#
# [tool.batchnorm-conformance.layer]
# name = "PyTorch"
# source = "https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm2d.html"
# epsilon = "eps"
# momentum = "momentum"
#
# [[tool.batchnorm-conformance.older]]
# versions = "<2.3"  # built against NumPy 1
# requires-python = ">=3.10,<3.12"
# dependencies = ["torch==2.0.1", "numpy==1.26.4", "ml_dtypes==0.5.4"]
# ///
"""PyTorch: `torch.nn.BatchNorm1d`, `BatchNorm2d` and `BatchNorm3d`, by the rank of the input.

eager       the module in the case's dtype: one in half precision is a module under `.half()`
autocast    the module stays float32 for half-precision inputs, under `torch.autocast`
cumulative  momentum=None, the plain average of all batches
"""

import contextlib

import numpy as np
import torch

from adapters.harness.protocol import Declined, given

CLASSES = {
    2: torch.nn.BatchNorm1d,
    3: torch.nn.BatchNorm1d,
    4: torch.nn.BatchNorm2d,
    5: torch.nn.BatchNorm3d,
}
DOCS = "https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm2d.html"
FUNCTIONAL = "torch/nn/functional.py, batch_norm"
# On the CPU before 2.2: no float16 in the layer, and none under autocast.
NO_SUCH_DTYPE = ("not implemented for 'Half'", "AutocastCPU only support Bfloat16")
VERSION = tuple(map(int, torch.__version__.split(".")[:2]))


def hello():
    devices = ["cpu"] + (["gpu"] if torch.cuda.is_available() else [])
    kernels = getattr(torch.backends, "cpu", None)  # not before 2.0
    return {
        "versions": {"torch": torch.__version__, "numpy": np.__version__},
        "devices": devices,
        "threads": torch.get_num_threads(),
        "instructions": kernels.get_cpu_capability() if kernels else "",
    }


def conventions(layer, shape):
    declared = {
        "single_value": ("raises", f"{FUNCTIONAL}, _verify_batch_size"),
        "layer_rank": ("raises", "torch/nn/modules/batchnorm.py, _check_input_dim"),
        "bare_call": ("trains", "torch.nn.Module.training is True on a new module"),
    }
    if VERSION >= (2, 10):
        declared["zero_epsilon"] = ("raises", f"{FUNCTIONAL}: eps must be positive")
    if layer.is_half and layer.mode != "autocast":
        # Module.to(dtype) converts buffers with the parameters.
        declared["statistics_dtype"] = ("input_dtype", "torch/nn/modules/module.py, Module.to")
    if layer.mode == "cumulative":
        declared["running_update"] = ("cumulative", f"{DOCS}: momentum=None")
    return declared


def device_of(layer):
    return "cuda" if layer.device == "gpu" else layer.device


def to_torch(array, device):
    if array.dtype.name == "bfloat16":  # torch reads the bits; it does not know NumPy's type
        return torch.tensor(array.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.tensor(array).to(device)


def to_numpy(tensor):
    tensor = tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
    if tensor.dtype == torch.bfloat16:
        import ml_dtypes

        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def options_of(layer):
    """Return the layer's numbers under torch's names."""
    return given(eps=layer.epsilon, momentum=layer.weight_of_batch)


def build(cls, layer, channels, **options):
    dtype = "float32" if layer.mode == "autocast" and layer.is_half else layer.dtype
    module = cls(channels, **{**options_of(layer), **options})
    module = module.to(device_of(layer), getattr(torch, dtype))
    vectors = layer.vectors_for("weight", "bias", "running_mean", "running_var")
    state = {name: to_torch(vector, "cpu") for name, vector in vectors}
    module.load_state_dict(state, strict=False)
    return module


def autocast(layer):
    if layer.mode != "autocast":
        return contextlib.nullcontext()
    # A float32 or float64 layer runs under the device's own choice of a half-precision dtype.
    dtype = getattr(torch, layer.dtype) if layer.is_half else None
    return torch.autocast(device_of(layer), dtype=dtype)


def answers(layer, steps, axis, state, call):
    """Yield what `call(x, training)` answers, with the gradients and statistics in `state`."""
    for step in steps:
        # Moving the axis without copying gives the strides of torch.channels_last.
        x = to_torch(step.x, device_of(layer)).movedim(axis, 1)
        x.requires_grad_(step.dy is not None)
        parameters = {"dgamma": state.weight, "dbeta": state.bias}
        for parameter in parameters.values():
            if parameter is not None:
                parameter.grad = None
        try:
            with autocast(layer):
                y = call(x, step.training)
        except RuntimeError as error:
            if any(words in str(error) for words in NO_SUCH_DTYPE):
                raise Declined(str(error)) from None
            raise
        answer = {"y": to_numpy(y.movedim(1, axis))}
        if step.dy is not None:
            y.backward(to_torch(step.dy, device_of(layer)).movedim(axis, 1))
            answer["dx"] = to_numpy(x.grad.movedim(1, axis))
            for name, parameter in parameters.items():
                answer[name] = None if parameter is None else to_numpy(parameter.grad)
        answer["x"] = to_numpy(x.movedim(1, axis))
        answer["running_mean"] = to_numpy(state.running_mean)
        answer["running_var"] = to_numpy(state.running_var)
        yield answer


def call_of(module):
    def call(x, training):
        if training is not None:
            module.train(training)
        return module(x)

    return call


def run(layer, steps):
    axis = layer.axis()
    cls = CLASSES[layer.layer_rank or steps[0].x.ndim]
    options = {}
    if layer.mode == "cumulative":
        if layer.raw_momentum is not None:
            raise Declined("momentum=None asks for the cumulative average: no number is passed")
        options = {"momentum": None}
    module = build(cls, layer, steps[0].x.shape[axis], **options)
    yield from answers(layer, steps, axis, module, call_of(module))
