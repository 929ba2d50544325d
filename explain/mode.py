"""Whether a layer trained: recognised by what y was normalised by, where nobody said."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from diagnosis import parts
from diagnosis.combinations import Combinations
from diagnosis.judgement import RUNNING
from explain.checks import listed
from explain.dump import Dump

EVALUATED = (
    "y is normalised by the running statistics, and nothing in the file moved them: "
    "read as a call of an evaluated or frozen layer; --training reads it otherwise"
)


def recognised(dump: Dump, arrays: Mapping[str, np.ndarray], training: bool | None) -> Dump:
    """Return a training call in the mode that was said, or that its arrays show.

    Running statistics that are not said to be of before or of after the call are those of an
    evaluated layer, which they stay; of a layer that trains they tell nothing.
    """
    plain = {name: arrays[name] for name in RUNNING if name in arrays}
    evaluated = _with_state(dump, plain).read_as(training=False)
    if training is False:
        return evaluated
    if training is None and _was_evaluated(evaluated):
        return replace(evaluated, notes=(*dump.notes, EVALUATED))
    if not plain:
        return dump
    names = " and ".join(plain)
    sides = listed([f"{name}_{when}" for name in plain for when in ("before", "after")])
    note = f"{names} of before the call, or of after? That tells nothing: name them {sides}"
    return replace(dump, notes=(*dump.notes, note))


def _with_state(dump: Dump, plain: Mapping[str, np.ndarray]) -> Dump:
    mean, var = (plain.get(name, getattr(dump.layer, name)) for name in RUNNING)
    layer = replace(dump.layer, running_mean=mean, running_var=var)
    return replace(dump, question=replace(dump.question, layer=layer))


def _was_evaluated(dump: Dump) -> bool:
    """Say whether y follows from the running statistics, which stay, and from no batch's."""
    before = {name: getattr(dump.layer, name) for name in RUNNING}
    after = {name: dump.answer[name] for name in RUNNING if name in dump.answer}
    if any(one is None for one in before.values()) or (
        any(not np.array_equal(one, before[name]) for name, one in after.items())
    ):
        return False
    trained = parts.opening(dump.read_as(training=True).question)
    part = parts.of_telling_channels(trained)
    fits = Combinations(part, part.declared).fits
    return bool(fits) and all(fit.conventions.normalizer == "running" for fit in fits)
