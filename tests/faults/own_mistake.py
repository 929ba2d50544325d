"""A plugin, `-p tests.faults.own_mistake`: the suite raises what a framework says, past its doors.

What the variable FAULT names is done with it: `raise`, `skip` or `print`.
"""

import os

import pytest

from suite import judging
from tests.faults.adapters.malicious import ESCAPES
from tests.faults.miniature import FAULT

JUDGEMENTS = judging.judgements


def judgements(case, observation, expectations=None):
    if expectations is None:  # the mistake itself is put on record
        return JUDGEMENTS(case, observation)
    how = os.environ[FAULT]
    if how == "skip":
        pytest.skip(ESCAPES)
    if how == "print":
        print(ESCAPES)
    raise ValueError(ESCAPES)


judging.judgements = judgements
