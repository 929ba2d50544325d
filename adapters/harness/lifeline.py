"""A process that does not outlive its parent: `python lifeline.py PARENT-PID COMMAND...`.

Linux only; elsewhere the command just runs.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent():
    """Let the kernel kill this process when the thread that started it is gone.

    The bond outlives an exec, but no fork: what this process starts is not bound by it.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    die_with_parent()
    if os.getppid() != int(sys.argv[1]):  # it died before the bond was made
        sys.exit(1)
    os.execvp(sys.argv[2], sys.argv[2:])
