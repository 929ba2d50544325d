"""`python -m conformance COMMAND` here, or `python /path/to/checkout/conformance COMMAND` anywhere.

The second starts the folder, whose place on the module path the checkout then takes.
"""

import os
import sys
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from conformance.command_line import main
from conformance.terminal import Visible

if __name__ == "__main__":
    sys.stdout, sys.stderr = Visible(sys.stdout), Visible(sys.stderr)
    program = "python -m conformance" if __package__ else f"python {sys.argv[0]}"
    try:
        status = main(sys.argv[1:], program)
        sys.stdout.flush()
    except BrokenPipeError:  # `… | head` has read enough; nothing is left to flush at the end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)
