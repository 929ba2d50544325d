"""Ctrl-C, and Ctrl-C again before the first is dealt with: what is incomplete never looks whole.

In a run of the tests it is a handful of pairs, the same every time. With the variable
BATCHNORM_CONFORMANCE_INTERRUPTS it is as many as that says.
"""

import os
import random
import signal
import time

import pytest

from records.file import FILE_NAME, read_run
from tests.faults.whole_run import LIMIT, Running, chosen

PAIRS = int(os.environ.get("BATCHNORM_CONFORMANCE_INTERRUPTS", "4"))
FIRST, SECOND = 1.0, 0.04
"""Seconds within which the first follows the header of the records, and the second the first."""


@pytest.mark.parametrize("number", range(PAIRS))
def test_two_interrupts(token, tmp_path, number):
    """SIGINT at a random moment, and once more within 40 ms: a footer stands only where every
    planned pair has its verdict, and what is incomplete ends with no status 0."""
    chance = random.Random(number)
    adapter, _, report = chosen("sound", tmp_path)
    with Running(adapter, report, "--dtype=float64") as running:
        until = time.monotonic() + LIMIT
        while not (tmp_path / FILE_NAME).exists():
            assert time.monotonic() < until
            time.sleep(0.001)
        time.sleep(chance.uniform(0, FIRST))
        running.process.send_signal(signal.SIGINT)
        time.sleep(chance.uniform(0, SECOND))
        status = running.stop(signal.SIGINT)
    found = read_run(tmp_path)
    whole = len({record.case for record in found.verdicts}) == found.header.planned.pairs
    assert whole or not found.complete
    assert whole or status != 0
