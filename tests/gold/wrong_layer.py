"""A layer that is wrong in another way in each dtype, and makes a promise that it does not keep."""

from dataclasses import replace

from tests.mutants import layer as mutant
from tests.mutants.layer import hello

__all__ = ["conventions", "hello", "run"]

MISTAKES = {
    "float16": "momentum=0.5,scale=ones,statistics_gradient=blocked",  # no pair explains these
    "bfloat16": "dx_without_gamma",
    "float32": "momentum=0.2,single_value=raises",
    "float64": "running_variance=biased",
}


def conventions(layer, shape):
    return {"empty_batch": ("raises", "the word of its author")}


def run(layer, steps):
    return mutant.run(replace(layer, mode=MISTAKES[layer.dtype]), steps)
