"""A plugin, `-p tests.faults.known_elsewhere`: the known divergences come from another file."""

import os
from pathlib import Path

from suite.known import read_known

read_known.__defaults__ = (Path(os.environ["MINIATURE_KNOWN"]),)
