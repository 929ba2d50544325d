"""`python -m adapters`: try an adapter file, and look after the environments on the disk."""

import argparse
import sys
from pathlib import Path

from adapters.harness import disk, registry
from suite.soundness import Soundness


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m adapters", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    smoke = commands.add_parser(
        "smoke",
        help="tell whether an adapter file itself is sound",
        description="Start the layer of an adapter file and check what does not depend on "
        "BatchNorm: that it answers in the form that is asked for, uses the state and the numbers "
        "that it is given, and keeps nothing from one case to the next. Exit status: 0 sound, "
        "1 not, 2 cannot be tried.",
    )
    smoke.add_argument("file", metavar="FILE", help="an adapter, such as adapters/pytorch.py")
    smoke.add_argument(
        "--python", metavar="PATH", help="run it with this interpreter; nothing is built for it"
    )
    environments = commands.add_parser(
        "environments",
        help="list the environments on the disk, or free some",
        description="List the environments that were built, whose they are, and what they take. "
        "'own' is what no other folder shares: uv links the files of a package from its own "
        "cache, which `uv cache prune` frees.",
    )
    environments.add_argument(
        "--prune",
        action="store_true",
        help="remove those that no header asks for: of other versions, older headers and adapters "
        "of your own; they are built again when they are needed (not while a run uses them)",
    )
    options = parser.parse_args()
    if options.command == "smoke":
        return try_adapter(options)
    return look_after_environments(options.prune)


def try_adapter(options: argparse.Namespace) -> int:
    path = Path(options.file)
    if options.python and not Path(options.python).is_file():
        print(f"error: --python {options.python}: there is no such file", file=sys.stderr)
        return 2
    try:
        one = registry.read_own(path, shadow=True)
    except registry.UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    sound = True
    for target in registry.targets([one], device=None, mode="all"):
        with Soundness(target, options.python and Path(options.python).absolute()) as soundness:
            for finding in soundness.findings():
                print(f"{target.name}: {finding}", flush=True)
                sound = sound and finding.sound
    print(f"{path.name} is {'sound' if sound else 'not sound'}")
    return 0 if sound else 1


def look_after_environments(prune: bool) -> int:
    found = disk.held(registry.implementations().values())
    gone = 0
    for one in found:
        verdict = one.owner or "no header asks for it"
        if prune and not one.owner:
            if disk.remove(one):
                gone += one.own
                verdict = "removed"
            else:
                verdict = "kept: it is being built"
        print(f"{_megabytes(one.size)}  {_megabytes(one.own)} own  {one.folder}  {verdict}")
    print(f"{_megabytes(sum(one.size for one in found))} in {len(found)} environments", end="")
    print(f", at least {_megabytes(gone).strip()} freed" if prune else "")
    return 0


def _megabytes(size: int) -> str:
    return f"{size / 2**20:7.0f} MB"


if __name__ == "__main__":
    sys.exit(main())
