"""An adapter that is wrong late, in a few cases only, and declares what it does not do.

Until then it is sound, and its sound answers refute what would explain the wrong ones.
"""

from dataclasses import replace

from tests.mutants import layer as mutant
from tests.mutants.layer import hello

__all__ = ["conventions", "hello", "run"]

PROBED = (2, 3)
"""The shape of the probe that measures what the running variance divides by."""


def conventions(layer, shape):
    return {"running_variance": ("biased", "its author")} if shape == PROBED else {}


def run(layer, steps):
    wrong = layer.channel_axis == -1 and layer.dtype != "float16"
    return mutant.run(replace(layer, mode="scale=ones" if wrong else "correct"), steps)
