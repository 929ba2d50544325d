"""A process that does not outlive its parent, on Linux."""

import ctypes
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Let the kernel kill this process when the thread that started it is gone.

    The bond outlives an exec, but no fork: what this process starts is not bound by it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
