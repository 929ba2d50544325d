"""Adapters that answer in the wrong form, or with what is no number or was never written."""

import numpy as np

from tests.faults import miniature
from tests.faults.miniature import fault, hello, sound, striking

__all__ = ["conventions", "hello", "run"]


def conventions(layer, shape):
    if fault() == "unknown_convention" and miniature.is_struck(layer):
        return {"colour_of_the_layer": ("blue", "nowhere")}
    if fault() == "convention_without_source" and miniature.is_struck(layer):
        return {"running_variance": "biased"}
    return {}


def changed(layer, steps, **tensors):
    for answer in sound(layer, steps):
        yield {name: tensors.get(name, lambda own: own)(own) for name, own in answer.items()}


def not_a_number(layer, steps):
    return changed(layer, steps, y=lambda own: np.full_like(own, np.nan))


def nothing_written(layer, steps):
    return changed(layer, steps, **dict.fromkeys(("y", "dx", "dgamma", "dbeta"), np.zeros_like))


def wrong_shape(layer, steps):
    return changed(layer, steps, dx=lambda own: own.reshape(-1))


def wrong_dtype(layer, steps):
    return changed(layer, steps, y=lambda own: own.astype(np.float64))


def integers(layer, steps):
    return changed(layer, steps, y=lambda own: own.astype(np.int64))


def a_plain_number(layer, steps):
    return changed(layer, steps, running_mean=lambda own: float(own[0]))


def a_foreign_object(layer, steps):
    return changed(layer, steps, y=lambda own: object())


def missing_tensor(layer, steps):
    for answer in sound(layer, steps):
        del answer["running_var"]
        yield answer


def missing_step(layer, steps):
    return iter(())


def raises(layer, steps):
    raise ValueError("this adapter has a mistake")


run = striking(globals())
