"""What goes into the calls of the dumps: inputs of several kinds, always the same numbers."""

import numpy as np

from tests.independent_layer import inputs

ROWS, SMALL, IMAGES, MIDDLE, LARGE, LONG = (
    *((12, 3), (8, 3, 5, 5), (8, 4, 7, 7), (16, 4, 14, 14), (32, 4, 56, 56)),
    (1000, 1, 1000),
)
"""Shapes with 12, 200, 392, 3,136, 100,352 and a million values in a channel."""


def spread(shape, axis=1, dtype=np.float32):
    """Deviations from 0.01 to 3 and means of about 1."""
    return inputs(shape, axis, dtype)


def alike(shape, axis=1, dtype=np.float32):
    """Channels that are all alike, about 0 with deviation 1: a number can hide what is wrong."""
    random = np.random.default_rng(11)
    arrays = inputs(shape, axis, dtype)
    return arrays | {"x": random.normal(size=shape).astype(dtype)}


def pixels(shape, axis=1, dtype=np.float32):
    """Whole numbers from 0 to 255: sums of one sign, in which float32 drifts."""
    random = np.random.default_rng(12)
    arrays = inputs(shape, axis, dtype)
    return arrays | {"x": random.integers(0, 256, shape).astype(dtype)}


def activations(shape, axis=1, dtype=np.float32):
    """What a ReLU lets through, scaled by channel: half zeros, and no number below."""
    arrays = inputs(shape, axis, dtype)
    along = [1] * len(shape)
    along[axis] = shape[axis]
    scale = np.arange(1, shape[axis] + 1).reshape(along)
    return arrays | {"x": (scale * np.maximum(alike(shape, axis)["x"], 0)).astype(dtype)}


def offset(shape, axis=1, dtype=np.float32):
    """Means of a hundred times the deviation and more: a one-pass variance cancels."""
    return inputs(shape, axis, dtype, mean=100.0)


def drifting(shape, axis=1, dtype=np.float32):
    """Nearly equal terms: added one after the other, their roundings are of one sign."""
    random = np.random.default_rng(13)
    arrays = inputs(shape, axis, dtype)
    return arrays | {"x": (0.1 + 0.003 * random.normal(size=shape)).astype(dtype)}
