"""Channel-major arrays: one layout, (channels, samples, positions), for every rank and axis.

The channel axis comes first and all that follows the sample axis is joined, so one set of equations
serves every tensor.
"""

import numpy as np

CHANNEL = (1, 2)
"""The axes of a channel's values, over which the running statistics are gathered."""
SAMPLE = (0, 2)
"""The axes of a sample's values."""


def channel_major(x: np.ndarray, channel_axis: int, dtype) -> np.ndarray:
    """Return x as a contiguous (channels, samples, positions) array of `dtype`."""
    moved = np.moveaxis(x, channel_axis, 0)
    positions = int(np.prod(moved.shape[2:]))
    return np.ascontiguousarray(moved, dtype=dtype).reshape(*moved.shape[:2], positions)


def from_channel_major(x: np.ndarray, channel_axis: int, shape: tuple[int, ...]) -> np.ndarray:
    """Undo `channel_major` for a tensor of the given shape."""
    axis = channel_axis % len(shape)
    moved = shape[axis], *shape[:axis], *shape[axis + 1 :]
    return np.moveaxis(x.reshape(moved), 0, axis)


def column(vector: np.ndarray) -> np.ndarray:
    """Return a (channels,) vector as (channels, 1, 1)."""
    return np.asarray(vector)[:, None, None]


def count_over(x: np.ndarray, axes: tuple[int, int]) -> int:
    """Return the number of values that a mean over these axes is taken of."""
    return x.shape[axes[0]] * x.shape[axes[1]]


def sum_of_products(a: np.ndarray, b: np.ndarray, axes: tuple[int, int]) -> np.ndarray:
    """Return the sum of a times b over CHANNEL or SAMPLE, the axes kept with length 1."""
    if a.dtype == np.longdouble:  # einsum adds long doubles one after the other; sum() pairs them
        return np.sum(a * b, axis=axes, keepdims=True)
    return np.expand_dims(np.einsum("cns,cns->c" if axes == CHANNEL else "cns,cns->n", a, b), axes)


def checked_axis(x: np.ndarray, channel_axis: int, *vectors: np.ndarray) -> int:
    """Return the channel axis counted from 0; ValueError where x or a (channels,) vector is not so.

    The channels can stand along any axis but the first, which holds the samples.
    """
    if x.ndim < 2:
        raise ValueError(f"x has rank {x.ndim}; BatchNorm needs a sample and a channel axis")
    if not -x.ndim <= channel_axis < x.ndim:
        raise ValueError(f"x of rank {x.ndim} has no axis {channel_axis}")
    axis = channel_axis % x.ndim
    if axis == 0:
        raise ValueError("axis 0 holds the samples and cannot be the channel axis")
    for vector in vectors:
        if np.shape(vector) != (x.shape[axis],):
            raise ValueError(
                f"x {x.shape} has {x.shape[axis]} channels along axis {axis}, "
                f"but a parameter has shape {np.shape(vector)}"
            )
    return axis
