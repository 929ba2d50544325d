"""A call in which everything shows: what a convention changes at all, whatever some data hide.

Its channels differ in every way that a convention looks at: the deviations run over two magnitudes,
a gamma is negative, and the running statistics are far from the batch's.
"""

from functools import cache, lru_cache

import numpy as np

from diagnosis.judgement import RUNNING
from diagnosis.parts import of_channels, of_samples
from diagnosis.question import Question, partial_answer
from reference.conventions import CANONICAL
from reference.expected import expect
from reference.layer import Layer, Step

SHAPE = (4, 3, 2)
EPSILON, WEIGHT = 1e-2, 0.25


@lru_cache
def specimen(
    training: bool | None = True,
    backward: bool = True,
    known: frozenset[str] = frozenset(RUNNING),
    dtype: str = "float64",
) -> tuple[Layer, Step]:
    """Return a layer and one call of it; running statistics that are not known are NaN."""
    random = np.random.default_rng(3)
    spread = np.array([0.05, 1.0, 6.0])[:, None]
    x, dy = random.normal(size=(2, *SHAPE)) * spread + np.array([0.5, -2.0, 9.0])[:, None]
    state = {
        "gamma": [-1.5, 0.5, 2.0],
        "beta": [0.25, -1.0, 3.0],
        "running_mean": [-4.0, 8.0, 1.0],
        "running_var": [0.5, 16.0, 2.0],
    }
    state |= {name: [np.nan] * 3 for name in RUNNING if name not in known}
    gamma, beta, mean, var = (np.array(vector, dtype) for vector in state.values())
    layer = Layer(dtype, 1, EPSILON, WEIGHT, None, None, gamma, beta, mean, var)
    return layer, Step(x.astype(dtype), dy.astype(dtype) if backward else None, training)


@cache
def mixes(field: str, option: str) -> frozenset[str]:
    """Return what an option mixes, "channels" or "samples": no part of those is judged alone."""
    layer, step = specimen()
    conventions = CANONICAL.but(**{field: option})
    y = expect(layer, [step], conventions)[0].tensors["y"].value
    whole = Question(layer, [step], partial_answer({"y": y}), conventions)
    parts = {"channels": of_channels(whole, [0, 1]), "samples": of_samples(whole, 2)}
    return frozenset(name for name, part in parts.items() if not part.fits(part.usual))
