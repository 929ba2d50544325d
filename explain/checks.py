"""The arrays of a dump: what each is, and what can be wrong with one."""

from collections.abc import Mapping, Sequence

import numpy as np

from diagnosis.judgement import RUNNING
from diagnosis.question import GRADIENTS

REQUIRED = {
    "x": "the input of the layer",
    "gamma": "the scale, shape (channels,); np.ones(channels) for a layer without one",
    "beta": "the shift, shape (channels,); np.zeros(channels) for a layer without one",
    "y": "the output of the layer",
}
OPTIONAL = {
    "dy": "the gradient with respect to y that was fed to backward",
    "dx": "the gradient with respect to x",
    "dgamma": "the gradient with respect to gamma",
    "dbeta": "the gradient with respect to beta",
    "running_mean_before": "the running mean before the call; zeros for a new layer",
    "running_var_before": "the running variance before the call; ones for a new layer",
    "running_mean_after": "the running mean after the call",
    "running_var_after": "the running variance after the call",
    "epsilon": "the number passed to the layer as its epsilon, if known",
    "momentum": "the number passed to the layer as its momentum, if known",
}
LIKE_X = ("y", "dy", "dx")
SCALARS = ("epsilon", "momentum")
DTYPES = ("float16", "float32", "float64")
NEEDS = (
    *((name, "dy") for name in GRADIENTS),
    *((f"{name}_after", f"{name}_before") for name in RUNNING),
)


def unfit(name: str, array: np.ndarray) -> list[str]:
    """Say what is wrong with one array taken alone."""
    if name in SCALARS:
        if array.size != 1 or array.dtype.kind not in "fiu":
            return [f"{name} should be one number, but it is {array.dtype.name} {array.shape}"]
        if not np.isfinite(array).all() or array.item() < 0:
            return [f"{name} is {array.item()}, should be a number from 0 on"]
        return []
    if array.dtype.name not in DTYPES:
        hint = "; bfloat16 kept as uint16 is not understood" if array.dtype.name == "uint16" else ""
        return [f"{name} has the dtype {array.dtype.name}, should be one of {listed(DTYPES)}{hint}"]
    wrong = ~np.isfinite(array)
    if wrong.any():
        first = tuple(map(int, np.argwhere(wrong)[0]))
        return [f"{name}[{listed(first)}] is {array[first]}: {int(wrong.sum())} not finite in all"]
    return []


def misshapen(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Say where the shapes of a dump's arrays do not fit together."""
    x, gamma = arrays["x"], arrays["gamma"]
    if x.ndim < 2:
        return [f"x has the shape {x.shape}, should have a sample axis and a channel axis"]
    if gamma.ndim != 1:
        return [f"gamma has the shape {gamma.shape}, should have the shape (channels,)"]
    lines = []
    for name, array in arrays.items():
        if name in SCALARS or name == "x":
            continue
        should = x.shape if name in LIKE_X else gamma.shape
        if array.shape != should:
            like = "x" if name in LIKE_X else "gamma"
            lines.append(
                f"{name} has the shape {array.shape}, should have that of {like}, {should}"
            )
    return lines


def wrong_dtypes(arrays: Mapping[str, np.ndarray]) -> list[str]:
    """Say where an array cannot be what the layer computed with."""
    own = arrays["x"].dtype
    lines = [
        f"{name} is {arrays[name].dtype.name} but x is {own.name}: "
        "save both as the layer got and gave them"
        for name in LIKE_X
        if name in arrays and arrays[name].dtype != own
    ]
    widest = np.promote_types(own, np.float32)
    for name in ("gamma", "beta", "running_mean_before", "running_var_before"):
        with np.errstate(over="ignore"):
            if name in arrays and np.any(arrays[name].astype(widest) != arrays[name]):
                lines.append(
                    f"{name} holds {arrays[name].dtype.name} numbers that {widest.name} rounds: "
                    f"save it as the {own.name} layer held it"
                )
    if np.any(arrays.get("running_var_before", np.zeros(1)) < 0):
        lines.append("running_var_before holds a negative number")
    return lines


def listed(items: Sequence) -> str:
    """Return the items, separated by commas."""
    return ", ".join(map(str, items))
