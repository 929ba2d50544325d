"""A layer and its calls: configuration, state, inputs, and what is meant where one is left out."""

from dataclasses import dataclass

import numpy as np

from .conventions import CANONICAL, Conventions


@dataclass(frozen=True)
class Layer:
    """A layer's configuration and state. None leaves the choice to the layer's own default.

    `momentum` is the weight of the new batch; `raw_momentum` is the number handed to the layer as
    its `momentum`, whatever the layer means by it. gamma, beta, running_mean and running_var have
    shape (channels,). `layer_rank` is the rank the layer is built for, None for that of x.
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


@dataclass(frozen=True)
class Step:
    """One call of the layer: an input, an upstream gradient (None: no backward), a mode.

    `training` is True, False, or None for a bare call, `layer(x)`.
    """

    x: np.ndarray
    dy: np.ndarray | None = None
    training: bool | None = True


def axis_of(layer: Layer, conventions: Conventions) -> int:
    """Return the channel axis: the one given, or the constructor's own."""
    return conventions.default_channel_axis if layer.channel_axis is None else layer.channel_axis


def epsilon_of(layer: Layer, conventions: Conventions) -> float:
    """Return epsilon as the layer holds it: the one given, or the constructor's own."""
    number = conventions.default_epsilon if layer.epsilon is None else layer.epsilon
    return _float32(number) if _numbers(layer, conventions) == "float32" else number


def weight_of_batch(layer: Layer, conventions: Conventions) -> float:
    """Return the weight of the new batch: as given, as the raw number means, or by default."""
    if layer.raw_momentum is not None:
        handed = layer.raw_momentum
        weight = conventions.weight_of_batch(handed)
    else:
        weight = conventions.default_momentum if layer.momentum is None else layer.momentum
        handed = conventions.weight_of_batch(weight)  # its own inverse
    match _numbers(layer, conventions):
        case "float32" | "float32_momentum":
            return conventions.weight_of_batch(_float32(handed))
        case "float32_complement":
            return conventions.weight_of_batch(1.0 - _float32(1.0 - handed))
        case _:
            return weight


def _numbers(layer: Layer, conventions: Conventions) -> str:
    """Return what the layer's numbers are held in; to a narrower layer float32 is no narrower."""
    return conventions.numbers if layer.dtype == "float64" else CANONICAL.numbers


def _float32(number: float) -> float:
    return float(np.float32(number))


def trains(step: Step, conventions: Conventions) -> bool:
    """Say whether a call trains; a bare call does what the conventions say."""
    return conventions.bare_call == "trains" if step.training is None else step.training


def state_of(layer: Layer, channels: int, conventions: Conventions) -> tuple[np.ndarray, ...]:
    """Return gamma, beta, running mean and running variance, given or initial: (channels,) each."""
    zeros, ones = np.zeros(channels), np.ones(channels)
    own = (ones, zeros, zeros, zeros if conventions.initial_running_var == "zero" else ones)
    given = (layer.gamma, layer.beta, layer.running_mean, layer.running_var)
    return tuple(
        default if value is None else value for value, default in zip(given, own, strict=True)
    )
