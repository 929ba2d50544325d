"""docs/soundness.md says what the code gives: its figures are measured again, in part."""

import json

import numpy as np
import pytest

from docs.soundness import DRIFT, EPSILON, FILE, LONG, VALUE
from reference.scale import WIDEST
from reference.sums import OPERATIONS
from test_cases.cases import all_cases
from tests import soundness
from tests.mutants.catalogue import MUTANTS
from tests.mutants.test_correct_layers import LAYERS

FOUND = json.loads(FILE.read_text(encoding="utf-8"))
AGAIN = ("the paper's", "variance_algorithm=one_pass", "arithmetic=rounded_steps")
STALE = "docs/soundness.json is stale: run python -m tests.soundness, then python -m docs.generate"


def test_what_is_measured_is_what_there_is():
    """Every class of bounds, every correct layer, every mutant and every random case."""
    assert list(FOUND["widths"]) == list(soundness.classes()), STALE
    assert FOUND["layers"] == list(LAYERS), STALE
    assert FOUND["mutants"] == len(MUTANTS), STALE
    assert FOUND["tried"] == soundness.tried(), STALE
    assert FOUND["cases"] == soundness.CASES, STALE
    assert FOUND["alarms"] == 0


@pytest.mark.parametrize("name", AGAIN)
def test_the_widths_are_these(name):
    """The bounds of the catalogue are computed again: how many, how wide, and which are open."""
    told, fresh = FOUND["widths"][name], soundness.widths(soundness.classes()[name])
    assert told["tensors"] == fresh["tensors"], STALE
    for figure in ("median", "99%"):
        assert told[figure] == pytest.approx(fresh[figure], rel=1e-3), STALE
    assert told["open"].keys() == fresh["open"].keys(), STALE
    for case, tensors in fresh["open"].items():
        own = {tensor: float(width) for tensor, width in told["open"][case].items()}
        assert own == pytest.approx({name: float(one) for name, one in tensors.items()}, rel=1e-3)


def test_the_errors_are_these():
    """The first of the random cases, again: no alarm, and nothing farther than what is told."""
    ratios, alarms = soundness.errors(10)
    assert alarms == 0
    assert ratios.keys() == FOUND["errors"].keys()
    for name, own in ratios.items():
        assert max(own) <= FOUND["errors"][name][-1] * 1.1, STALE
        assert FOUND["errors"][name][0] == len(LAYERS) * FOUND["cases"]


def test_the_long_channel_is_the_catalogue_s():
    """What the page says of its sum is about these numbers."""
    case = all_cases()["a-long-constant-channel-has-no-variance-float32"]
    (step,) = case.inputs()
    assert (case.shape[0], case.epsilon) == (LONG, EPSILON)
    assert float(step.x[0, 2]) == pytest.approx(VALUE, rel=2**-24)
    in_pairs = (np.log2(LONG) + OPERATIONS) * 2**-24 * VALUE
    assert in_pairs < WIDEST * EPSILON**0.5 < DRIFT
