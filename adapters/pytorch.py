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
# ///
"""PyTorch: `torch.nn.BatchNorm1d`, `BatchNorm2d` and `BatchNorm3d`, by the rank of the input."""

import numpy as np
import torch

CLASSES = {
    2: torch.nn.BatchNorm1d,
    3: torch.nn.BatchNorm1d,
    4: torch.nn.BatchNorm2d,
    5: torch.nn.BatchNorm3d,
}
DOCS = "https://docs.pytorch.org/docs/2.13/generated/torch.nn.BatchNorm2d.html"
FUNCTIONAL = "torch/nn/functional.py, batch_norm"


def hello():
    devices = ["cpu"] + (["gpu"] if torch.cuda.is_available() else [])
    return {"versions": {"torch": torch.__version__, "numpy": np.__version__}, "devices": devices}


def conventions(layer, shape):
    declared = {
        "single_value": ("raises", f"{FUNCTIONAL}, _verify_batch_size"),
        "zero_epsilon": ("raises", f"{FUNCTIONAL}: eps must be positive during training"),
        "layer_rank": ("raises", "torch/nn/modules/batchnorm.py, _check_input_dim"),
        "bare_call": ("trains", "torch.nn.Module.training is True on a new module"),
    }
    if layer.dtype in ("float16", "bfloat16"):
        # Module.to(dtype) converts buffers with the parameters.
        declared["statistics_dtype"] = ("input_dtype", "torch/nn/modules/module.py, Module.to")
    return declared


def device_of(layer):
    return "cuda" if layer.device == "gpu" else layer.device


def to_torch(array, device):
    if array.dtype.name == "bfloat16":  # torch reads the bits; it does not know NumPy's type
        return torch.tensor(array.view(np.int16)).view(torch.bfloat16).to(device)
    return torch.tensor(array).to(device)


def to_numpy(tensor):
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        import ml_dtypes

        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy().copy()


def build(layer, x_rank, channels):
    options = {"eps": layer.epsilon, "momentum": layer.momentum}
    if layer.raw_momentum is not None:
        options["momentum"] = layer.raw_momentum
    options = {name: value for name, value in options.items() if value is not None}
    module = CLASSES[layer.layer_rank or x_rank](channels, **options)
    module = module.to(device_of(layer), getattr(torch, layer.dtype))
    given = {
        "weight": layer.gamma,
        "bias": layer.beta,
        "running_mean": layer.running_mean,
        "running_var": layer.running_var,
    }
    state = {name: to_torch(array, "cpu") for name, array in given.items() if array is not None}
    module.load_state_dict(state, strict=False)
    return module


def run(layer, steps):
    # A bare constructor has its channels along axis 1, whatever the input's layout.
    axis = 1 if layer.channel_axis is None else layer.channel_axis
    module = build(layer, steps[0].x.ndim, steps[0].x.shape[axis])
    for step in steps:
        # Moving the axis without copying gives the strides of torch.channels_last.
        x = to_torch(step.x, device_of(layer)).movedim(axis, 1)
        x.requires_grad_(step.dy is not None)
        if step.training is not None:
            module.train(step.training)
        module.zero_grad()
        y = module(x)
        answer = {"y": to_numpy(y.movedim(1, axis))}
        if step.dy is not None:
            y.backward(to_torch(step.dy, device_of(layer)).movedim(axis, 1))
            answer["dx"] = to_numpy(x.grad.movedim(1, axis))
            answer["dgamma"] = to_numpy(module.weight.grad)
            answer["dbeta"] = to_numpy(module.bias.grad)
        answer["x"] = to_numpy(x.movedim(1, axis))
        answer["running_mean"] = to_numpy(module.running_mean)
        answer["running_var"] = to_numpy(module.running_var)
        yield answer
