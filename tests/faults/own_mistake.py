"""A plugin, `-p tests.faults.own_mistake`: the suite raises what a framework says, past its doors.

What the variable FAULT names is done with it: `raise`, `skip` or `print`.
"""

import os

import pytest

from suite import run
from tests.faults.adapters.malicious import ESCAPES
from tests.faults.miniature import FAULT


def judgements(case, observation, expectations):
    how = os.environ[FAULT]
    if how == "skip":
        pytest.skip(ESCAPES)
    if how == "print":
        print(ESCAPES)
    raise ValueError(ESCAPES)


run.judgements = judgements
