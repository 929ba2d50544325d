"""Where the channels of a dump are: on which axis of x, and how each vector holds them."""

from collections.abc import Mapping

import numpy as np

from explain.checks import LIKE_X, STATE, listed
from explain.stored import DumpError, Stored

GIVEN = ("gamma", "beta", *STATE, "running_mean", "running_var")
"""What goes into a call: one number there is that of every channel."""
VECTORS = (*GIVEN, "dgamma", "dbeta", "running_mean_after", "running_var_after")


def misshapen(held: Mapping[str, Stored]) -> list[str]:
    """Say where the shapes of a dump's arrays do not fit together."""
    shape = held["x"].shape
    if len(shape) < 2:
        return [f"x has the shape {shape}, should have a sample axis and a channel axis"]
    if held["x"].size == 0:
        return [f"x is empty, its shape is {shape}: there is nothing to tell"]
    lines = [
        f"{name} has the shape {held[name].shape}, should have that of x, {shape}"
        for name in LIKE_X
        if name in held and held[name].shape != shape
    ]
    first, channels = "", None
    for name in VECTORS:
        if name not in held:
            continue
        own = held[name].shape
        if len(_lengths(own)) > 1:
            lines.append(f"{name} has the shape {own}, should have the shape (channels,)")
        elif _lengths(own) and channels is None:
            first, channels = name, own
        elif channels and _lengths(own) != _lengths(channels) and not _is_of_all(name, own):
            lines.append(f"{name} has the shape {own}, should have that of {first}, {channels}")
    return lines


def channel_axis(held: Mapping[str, Stored], asked: int | None) -> int:
    """Return the axis of x that holds the channels. Raises DumpError where that is not clear.

    It is the one asked for, or that of a vector with the rank of x, as (1, channels, 1, 1) is, or
    the only one as long as the vectors are.
    """
    shape = held["x"].shape
    name, channels = _channels(held)
    rank = len(shape)
    fitting = [axis for axis in range(1, rank) if channels in (None, shape[axis])]
    if asked is not None:
        axis = asked % rank if -rank <= asked < rank else None
        if axis in fitting:
            return axis
        if channels is None:
            raise DumpError(
                f"x {shape} cannot have its channels on axis {asked}, but on {listed(fitting)}"
            )
        where = f"; axis {listed(fitting)} has" if fitting else ""
        raise DumpError(
            f"{name} has {channels} channels, which axis {asked} of x {shape} has not{where}"
        )
    if not fitting:
        raise DumpError(f"{name} has {channels} channels, but no axis of x {shape} after the first")
    for vector in VECTORS:
        own = held[vector].shape if vector in held else ()
        if len(own) == rank and len(_lengths(own)) == 1 and own.index(channels) in fitting:
            return own.index(channels)
    if len(fitting) == 1:
        return fitting[0]
    axes = " and ".join(map(str, fitting))
    if channels is None:
        raise DumpError(
            f"nothing in the file has the shape (channels,), and x {shape} may have its channels "
            f"on the axes {axes}: say which with --channel-axis"
        )
    raise DumpError(
        f"{name} has {channels} channels, and so have the axes {axes} of x {shape}: "
        f"say which with --channel-axis"
    )


def as_vector(array: np.ndarray, channels: int) -> np.ndarray:
    """Return a vector of a dump with the shape (channels,)."""
    flat = array.reshape(-1)
    return flat if flat.size == channels else np.full(channels, flat[0])


def _channels(held: Mapping[str, Stored]) -> tuple[str, int | None]:
    """Return how many channels the vectors have, and the first that says so; None for unknown."""
    for name in VECTORS:
        if name in held and _lengths(held[name].shape):
            return name, _lengths(held[name].shape)[0]
    for name in VECTORS:
        if name in held and held[name].shape and 1 in held["x"].shape[1:]:
            return name, 1
    return "", None


def _lengths(shape: tuple[int, ...]) -> list[int]:
    """Return the lengths of a shape that are not 1."""
    return [length for length in shape if length != 1]


def _is_of_all(name: str, shape: tuple[int, ...]) -> bool:
    return name in GIVEN and not _lengths(shape)
