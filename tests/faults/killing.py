"""A plugin, `-p tests.faults.killing`: a worker of -n is killed once, before some case."""

import os
import signal
from pathlib import Path

CASE = "MINIATURE_KILLED_BEFORE"
TRACE = "MINIATURE_KILLED"


def pytest_runtest_setup(item):
    if hasattr(item.config, "workerinput") and os.environ[CASE] in item.nodeid:
        trace = Path(os.environ[TRACE])
        if not trace.exists():
            trace.touch()
            os.kill(os.getpid(), signal.SIGKILL)
