"""What crosses the pipe between the suite and a framework's process, and what an adapter sees.

This module, `wire` and `inputs` run in the framework's interpreter, so they need nothing but
NumPy >= 1.17 and Python >= 3.8. An adapter imports this one alone.

An adapter is one file with three functions:

`hello()` returns `{"versions": {package: version}, "devices": [name, ...]}`: what runs, and the
devices that this machine offers to it. Where the framework tells them, `threads` and `instructions`
are what it computes with.

`conventions(layer, shape)` returns `{field: (option, source)}` for every convention in which the
real layer, so configured and given an input of this shape, differs from the canonical one. The
source says where the framework promises it: a documentation page or a source file. It is also
asked for the default `Layer()` before any case.

`run(layer, steps)` builds the real layer, and yields for each step a dict of arrays: `y`,
`running_mean`, `running_var`, and `dx`, `dgamma`, `dbeta` where the step has an upstream gradient.
A tensor that the framework does not give, such as the gradients of one that only infers, is None.
What the layer raises passes through; `Declined` says that the framework offers no such layer.

Arrays that are yielded are copied at once, so a view of what the layer keeps will do. Arrays that
are handed out are the adapter's to read: the worker looks whether they were overwritten, and adds
what became of them to the answer. Where the layer works on a copy of x, the adapter yields that as
`x` after the call. `running_mean` and `running_var` may be updated in place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

VERSION = 1
GRADIENTS = ("dx", "dgamma", "dbeta")


class Declined(Exception):
    """The framework has no layer for this configuration; the message says why, in one line."""


def given(**options):
    """Return the options that are not None: what is left out is the layer's own choice."""
    return {name: value for name, value in options.items() if value is not None}


@dataclass(frozen=True)
class Layer:
    """The layer to build. None means: leave it to the layer's own default.

    `momentum` is the weight of the new batch and `raw_momentum` a number to be passed on as it is;
    `weight_of_batch` and `weight_of_history` heed both. `layer_rank` is the rank the layer is built
    for, where a framework has one class per rank (None: the rank of x). gamma, beta, running_mean,
    running_var: shape (channels,), in the layer's dtype; None: the initial state. `device` and
    `mode` are the target's.
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

    @property
    def is_half(self):
        """Whether the layer's dtype has 16 bits."""
        return self.dtype in ("float16", "bfloat16")

    @property
    def weight_of_batch(self):
        """The momentum to pass where it weighs the new batch; None where the default decides."""
        return self.momentum if self.raw_momentum is None else self.raw_momentum

    @property
    def weight_of_history(self):
        """The momentum to pass where it weighs the history; None where the default decides."""
        if self.raw_momentum is not None or self.momentum is None:
            return self.raw_momentum
        return 1.0 - self.momentum

    def axis(self, default=1):
        """Return the channel axis, where the layer's own is `default`."""
        return default if self.channel_axis is None else self.channel_axis

    def vectors_for(self, gamma, beta, running_mean, running_var):
        """Return the pairs (place, vector) of the vectors that are given, each with the place that
        the framework has for it: a variable, or its name."""
        places = (gamma, beta, running_mean, running_var)
        vectors = (self.gamma, self.beta, self.running_mean, self.running_var)
        return [pair for pair in zip(places, vectors) if pair[1] is not None]  # noqa: B905

    def state(self, channels):
        """Return gamma, beta, running_mean and running_var for a layer that has no state of its
        own: what is given, or 1, 0, 0 and 1."""
        state = [np.ones(channels), np.zeros(channels), np.zeros(channels), np.ones(channels)]
        for place, vector in self.vectors_for(*range(4)):
            state[place] = vector
        return state


@dataclass(frozen=True)
class Step:
    """One call: input x, upstream gradient dy of the same shape or None, and the mode.

    `training` is True, False, or None for a bare call that does not say.
    """

    x: np.ndarray
    dy: np.ndarray | None = None
    training: bool | None = True
