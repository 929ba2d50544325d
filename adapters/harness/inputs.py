"""The arrays that a case hands to an adapter, and what became of them.

A layer that shares memory with NumPy can write into what it is given: its own arithmetic is wrong
by then, or its caller's next. Which of the two wrote, adapter or layer, cannot be seen from here;
an adapter in NumPy has no reason to, so what was overwritten is told of the layer.
"""

import numpy as np

from adapters.harness.protocol import Layer, Step

VECTORS = {
    "gamma": "gamma",
    "beta": "beta",
    "running_mean": "previous_mean",
    "running_var": "previous_var",
}
"""The layer's vectors, and what they are called after a call."""


class Inputs:
    """The layer and the steps of a request, in arrays of their own that can be written into."""

    def __init__(self, request):
        self._layer, self._steps = request["layer"], request["steps"]
        self.layer = Layer(**_copied(self._layer))
        self.steps = [Step(**_copied(step)) for step in self._steps]

    def answer(self, number, tensors):
        """Return the tensors of a step in arrays of their own, with the inputs that changed in it.

        Those of a live layer would change with its next step. Statistics that were updated in
        place, and are answered so, are as they should be.
        """
        if not isinstance(tensors, dict):
            return tensors
        tensors = _copied(tensors)
        if number < len(self.steps):
            for name, before in self._steps[number].items():
                _tell(tensors, name, before, getattr(self.steps[number], name))
        for name, told_as in VECTORS.items():
            vector = getattr(self.layer, name)
            if not _same(vector, tensors.get(name)):
                _tell(tensors, told_as, self._layer[name], vector)
        return tensors


def _tell(tensors, name, before, after):
    if not _same(before, after):
        tensors[name] = after.copy()


def _copied(values):
    return {
        name: value.copy() if isinstance(value, np.ndarray) else value
        for name, value in values.items()
    }


def _same(one, other):
    """Say whether two arrays hold the same bits; whatever else is handed out cannot change."""
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return one is other
    return one.dtype == other.dtype and one.tobytes() == other.tobytes()
