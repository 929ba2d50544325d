"""How the tests of `explain` write a dump, read it and run the command."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from explain.explain import explain
from explain.reading import read_dump

ROOT = Path(__file__).parent.parent


def save_in(folder):
    """Return a function that writes arrays to an npz file of a folder and returns its path."""

    def save(arrays, name="dump.npz"):
        np.savez(folder / name, **arrays)
        return folder / name

    return save


def explained(path, **options):
    """Read a file and explain it."""
    return explain(read_dump(path, **options))


def options_of(one):
    """Return what was found of each convention."""
    return {finding.what: finding.option for finding in one.findings}


def run(*arguments):
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "conformance", "explain", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
