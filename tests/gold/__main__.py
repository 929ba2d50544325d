"""Make tests/gold/records.jsonl again: `python -m tests.gold`.

A real run through the real harness, in the environments of the frameworks; it takes four minutes.
What only this machine has is taken out of the file, as text, before it is kept:

the project's folder            .
the folder of the run           reports/gold
the cache of environments       cache
the folder of the interpreter   bin
the folder of its libraries     lib
the kernel of the machine       its name and architecture alone

A path of this machine that is left after that is an error, and nothing is kept.
"""

import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from adapters.harness.environments import cache_folder
from records.file import FILE_NAME, read_run
from tests.faults.miniature import FAULT, STRUCK_DTYPE
from tests.gold import FOLDER

ROOT = FOLDER.parent.parent
IMPLEMENTATIONS = "pytorch,keras,flax,gluon,onnxruntime,pytorch==0.0.7,pytorch-functional"
ADAPTERS = [
    FOLDER / "wrong_layer.py",
    *(ROOT / "tests" / "faults" / "adapters" / f"{name}.py" for name in ("dying", "garbling")),
    *(ROOT / "tests" / "faults" / "adapters" / f"{name}.py" for name in ("hanging", "malforming")),
]
FAULTS = "exit_at_once,garbage,hold_the_gil,raises"
"""A fault of each of these adapters; they strike the cases in float64."""

CASES = (
    "one-value-per-channel-in-training-float32",
    "an-empty-batch-in-training-float32",
    "a-mean-of-10-standard-deviations-float32",
    "a-mean-of-1000-standard-deviations-float32",
    "a-forward-pass-alone-moves-the-statistics-float32",
    "a-mean-of-10-standard-deviations-float16",
    "two-values-per-channel-separate-the-divisors-bfloat16",
    "inference-uses-the-running-statistics-float64",
    "a-negative-gamma-flips-the-sign-float64",
    "zeros-answer-beta-float64",
    "one-channel-float64",
    "an-odd-number-of-values-per-channel-float64",
    "two-exact-values-settle-divisor-and-momentum-float64",
    "the-5x5-matrix-of-the-primer-float64",
)
"""More in float64 than a target has restarts."""

MACHINE_PATH = re.compile(
    r"(?<![\w.~:/-])/(?:tmp|root|home|work|usr|var|opt|Users|private)\b[^\s\"]*"
)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command(folder), cwd=ROOT, check=False, env=environment())
        if done.returncode != 1:  # there are findings, and nothing worse
            print(f"error: pytest ended with {done.returncode}", file=sys.stderr)
            return 1
        text = neutral(Path(folder, FILE_NAME).read_text(encoding="utf-8"), folder)
    if left := MACHINE_PATH.search(text):
        print(f"error: a path of this machine is left: {left[0]}", file=sys.stderr)
        return 1
    (FOLDER / FILE_NAME).write_text(text, encoding="utf-8")
    run = read_run(FOLDER)
    print(f"{FOLDER / FILE_NAME}: {len(run.verdicts)} verdicts, {len(text.encode()):,} bytes")
    return 0


def command(folder: str) -> list[str]:
    """Return the run: every chosen case, and the measurement of each target."""
    return [
        *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--report={folder}"),
        *("--implementation", IMPLEMENTATIONS, "--deadline=30"),
        *(f"--adapter={path}" for path in ADAPTERS),
        f"--python=pytorch-functional={sys.executable}",  # which has no PyTorch
        *("-k", " or ".join(["test_measured_conventions", *CASES])),
    ]


def environment() -> dict[str, str]:
    return {**os.environ, FAULT: FAULTS, STRUCK_DTYPE: "float64"}


def neutral(text: str, folder: str) -> str:
    """Return the records without what only this machine has."""
    places = {
        folder: "reports/gold",
        str(ROOT): ".",
        str(cache_folder()): "cache",
        str(Path(sys.executable).parent): "bin",
        sysconfig.get_path("purelib"): "lib",
        sysconfig.get_path("stdlib"): "lib",
        platform.platform(): f"{platform.system()}-{platform.machine()}",
    }
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place, places[place])
    return text


if __name__ == "__main__":
    sys.exit(main())
