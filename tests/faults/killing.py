"""A plugin, `-p tests.faults.killing`: a worker of -n is killed where it is to run some case."""

import os
import signal

CASE = "MINIATURE_KILLS"


def pytest_runtest_setup(item):
    if hasattr(item.config, "workerinput") and os.environ[CASE] in item.nodeid:
        os.kill(os.getpid(), signal.SIGKILL)
