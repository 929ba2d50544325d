"""A dump: the arrays of one call of a BatchNorm layer, as a question about conventions."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from diagnosis.question import Question
from reference.layer import Layer, Step, axis_of


@dataclass(frozen=True)
class Dump:
    """One call of a layer, read from a file, as a question whose numbers are not known.

    The layer has the epsilon that the file gives, and as its `raw_momentum` the number passed to
    the layer, whatever the layer means by it; `ignored` are names in the file that mean nothing.
    `notes` say what was understood without being said. `counted` is how many batches the layer's
    own counter moved by, where the file has it from before and after the call.
    """

    name: str
    question: Question
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    counted: int | None = None

    @property
    def layer(self) -> Layer:
        return self.question.layer

    @property
    def step(self) -> Step:
        return self.question.steps[0]

    @property
    def answer(self) -> Mapping[str, np.ndarray]:
        """The tensors that came out, by the names of `reference.expected.TENSORS`."""
        return self.question.answered.steps[0]

    @property
    def gamma(self) -> np.ndarray:
        return np.asarray(self.layer.gamma)

    @property
    def channel_axis(self) -> int:
        return axis_of(self.layer, self.question.declared)

    @property
    def count(self) -> int:
        """The number of values per channel."""
        return self.step.x.size // self.step.x.shape[self.channel_axis]

    def read_as(
        self,
        *,
        training: bool | None = None,
        channel_axis: int | None = None,
        dtype: str | None = None,
        notes: tuple[str, ...] = (),
    ) -> "Dump":
        """Return the same arrays as a call in another mode, of another dtype, or with the channels
        elsewhere, and with more notes."""
        mode = self.step.training if training is None else training
        axis = self.channel_axis if channel_axis is None else channel_axis
        layer = replace(self.layer, channel_axis=axis, dtype=dtype or self.layer.dtype)
        question = replace(self.question, layer=layer, steps=[replace(self.step, training=mode)])
        return replace(self, question=question, notes=(*self.notes, *notes))
