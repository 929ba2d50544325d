"""The arrays of a dump: what each is, and what can be wrong with one."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from diagnosis.judgement import RUNNING
from diagnosis.question import GRADIENTS
from explain.narrow import BITS, blocks, holds
from explain.stored import Stored

REQUIRED = {
    "x": "the input of the layer",
    "y": "the output of the layer",
}
OPTIONAL = {
    "gamma": "the scale, shape (channels,); ones for a layer without one",
    "beta": "the shift, shape (channels,); zeros for a layer without one",
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
LIKE_X = ("x", "y", "dy", "dx")
STATE = tuple(f"{name}_before" for name in RUNNING)
CALLS = ("calls", "calls_before", "calls_after")
NUMBERS = ("epsilon", "momentum")
SCALARS = (*NUMBERS, *CALLS)
DTYPES = ("float16", "bfloat16", "float32", "float64")
NEEDS = (
    *((name, "dy") for name in GRADIENTS),
    *((f"{name}_after", f"{name}_before") for name in RUNNING),
    ("dgamma", "gamma"),
)


def kind_of(name: str, stored: Stored) -> str:
    """Return the dtype of an array's numbers; 16 bits without a format are those of bfloat16."""
    return "bfloat16" if name not in SCALARS and stored.dtype in BITS else stored.dtype


def unfit(name: str, stored: Stored) -> list[str]:
    """Say what is wrong with the form of one array taken alone."""
    kind = kind_of(name, stored)
    if name in SCALARS:
        if stored.size != 1 or not kind.startswith(("float", "int", "uint")):
            return [f"{name} should be one number, but it is {kind} {stored.shape}"]
    elif kind not in DTYPES:
        return [f"{name} has the dtype {kind}, should be one of {listed(DTYPES)}"]
    return []


def unfit_numbers(name: str, array: np.ndarray) -> list[str]:
    """Say what is wrong with the numbers of one array."""
    if name in SCALARS:
        if not np.isfinite(array).all() or array.item() < 0:
            return [f"{name} is {array.item()}, should be a number from 0 on"]
        return []
    if all(np.isfinite(block).all() for block in blocks(array)):
        return []
    wrong = ~np.isfinite(array)
    first = tuple(map(int, np.argwhere(wrong)[0]))
    return [f"{name}[{listed(first)}] is {array[first]}: {int(wrong.sum())} not finite in all"]


def wrong_dtypes(arrays: Mapping[str, np.ndarray], kinds: Mapping[str, str]) -> list[str]:
    """Say where an array cannot be what the layer computed with."""
    own = kinds["x"]
    lines = [
        f"{name} is {kinds[name]} but x is {own}: save both as the layer got and gave them"
        for name in LIKE_X
        if name in arrays and kinds[name] != own
    ]
    widest = np.promote_types(arrays["x"].dtype, np.float32)
    for name in ("gamma", "beta", *STATE):
        with np.errstate(over="ignore"):
            if name in arrays and np.any(arrays[name].astype(widest) != arrays[name]):
                lines.append(
                    f"{name} holds {kinds[name]} numbers that {widest.name} rounds: "
                    f"save it as the {own} layer held it"
                )
    if np.any(arrays.get("running_var_before", np.zeros(1)) < 0):
        lines.append("running_var_before holds a negative number")
    return lines


def not_of_dtype(arrays: Mapping[str, np.ndarray], dtype: str) -> Iterator[str]:
    """Say which arrays hold numbers that the dtype a layer is said to have has not."""
    for name in LIKE_X:
        if name in arrays and not holds(arrays[name], dtype):
            yield f"{name} holds numbers that {dtype} has not: --dtype {dtype} cannot be right"


def listed(items: Sequence) -> str:
    """Return the items, separated by commas."""
    return ", ".join(map(str, items))
