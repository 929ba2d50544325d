"""Tell whether an adapter file itself is sound.

Starts the layer and checks what does not depend on BatchNorm: that it answers in the form that is
asked for, uses the state and the numbers that it is given, and keeps nothing from one case to the
next. It is tried in every mode, on its first device. What was looked at has a line each. An
environment is built from the file's header, unless --python says otherwise; without a header the
file runs in the interpreter that runs this command.

NAME is the file's name with - for _, the same as in `pytest --adapter=FILE --python NAME=PATH`.

examples:
  python -m conformance smoke my_layer.py
  python -m conformance smoke my_layer.py --python my-layer=/path/to/bin/python
  python -m conformance smoke adapters/keras.py adapters/keras_jax.py

exit status: 0 sound, 1 not, 2 cannot be tried
"""

import argparse
import contextlib
import sys
from pathlib import Path

from adapters.harness import registry
from adapters.harness.header import Implementation
from conformance.grammar import NO, YES, Failure, add_json, add_python, print_json
from suite.soundness import Soundness


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        type=Path,
        help="an adapter, such as adapters/pytorch.py or one of your own",
    )
    add_python(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    try:
        chosen = [registry.read_own(path, shadow=True) for path in options.files]
        pythons = registry.pythons(options.python, [one.name for one in chosen])
    except registry.UsageError as error:
        raise Failure(str(error)) from None
    with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
        found = [finding for one in chosen for finding in _tried(one, pythons.get(one.name))]
    if options.json:
        print_json(found)
    return YES if all(finding["sound"] for finding in found) else NO


def _tried(one: Implementation, python: Path | None) -> list[dict]:
    """Try one adapter in all its modes, saying each finding as it comes; return them all."""
    found = []
    for target in registry.targets([one], device=None, mode="all"):
        with Soundness(target, python) as soundness:
            for finding in soundness.findings():
                print(f"{target.name}: {finding}", flush=True)
                found.append({"target": target.name, **vars(finding), "sound": finding.sound})
    sound = all(finding["sound"] for finding in found)
    print(f"{one.path.name} is {'sound' if sound else 'not sound'}")
    return found
