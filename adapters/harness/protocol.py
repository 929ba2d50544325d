"""What crosses the pipe between the suite and a framework's process, and what an adapter sees.

This module and `wire` are the only ones that run in both interpreters, so they need nothing but
NumPy >= 1.17 and Python >= 3.8.

An adapter is one file with three functions:

`hello()` returns `{"versions": {package: version}, "devices": [name, ...]}`: what runs, and the
devices that this machine offers to it.

`conventions(layer, shape)` returns `{field: (option, source)}` for every convention in which the
real layer, so configured and given an input of this shape, differs from the canonical one. The
source says where the framework promises it: a documentation page or a source file.

`run(layer, steps)` builds the real layer, and yields for each step a dict of arrays: `y`,
`running_mean`, `running_var`, and `dx`, `dgamma`, `dbeta` where the step has an upstream gradient;
it may add `x`, the input as it is after the call, where a layer could write into it. A tensor that
the framework does not give, such as the gradients of one that only infers, is None.
What the layer raises passes through; `Declined` says that the framework offers no such layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

VERSION = 1


class Declined(Exception):
    """The framework has no layer for this configuration; the message says why, in one line."""


@dataclass(frozen=True)
class Layer:
    """The layer to build. None means: leave it to the layer's own default.

    `momentum` is the weight of the new batch; an adapter translates it to what its framework
    means. `raw_momentum`, where given, is passed on untranslated. `layer_rank` is the rank the
    layer is built for, where a framework has one class per rank (None: the rank of x). gamma,
    beta, running_mean, running_var: shape (channels,), in the layer's dtype; None: the initial
    state. `device` and `mode` are the target's.
    """

    dtype: str = "float32"
    channel_axis: int | None = 1
    epsilon: float | None = 1e-5
    momentum: float | None = 0.1
    raw_momentum: float | None = None
    layer_rank: int | None = None
    gamma: np.ndarray | None = None
    beta: np.ndarray | None = None
    running_mean: np.ndarray | None = None
    running_var: np.ndarray | None = None
    device: str = "cpu"
    mode: str = "eager"


@dataclass(frozen=True)
class Step:
    """One call: input x, upstream gradient dy of the same shape or None, and the mode.

    `training` is True, False, or None for a bare call that does not say.
    """

    x: np.ndarray
    dy: np.ndarray | None = None
    training: bool | None = True
