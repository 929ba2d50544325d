"""List the environments on the disk and what they take, or free some.

Each has its owner, the implementation whose header asks for it. 'own' is what no other folder
shares: uv links the files of a package from its own cache, which `uv cache prune` frees.

examples:
  python -m conformance environments
  python -m conformance environments --prune

exit status: 0
"""

import argparse
from dataclasses import asdict

from adapters.harness import disk, registry
from conformance.grammar import YES, add_json, print_json


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--prune",
        action="store_true",
        help="remove those that no header asks for: of other versions, older headers and adapters "
        "of your own; they are built again when they are needed (not while a run uses them)",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    found = disk.held(registry.implementations().values())
    removed = [one for one in found if options.prune and not one.owner and disk.remove(one)]
    if options.json:
        print_json(
            [{**asdict(one), "folder": str(one.folder), "removed": one in removed} for one in found]
        )
        return YES
    for one in found:
        verdict = one.owner or "no header asks for it"
        if options.prune and not one.owner:
            verdict = "removed" if one in removed else "kept: it is being built"
        print(f"{_megabytes(one.size)}  {_megabytes(one.own)} own  {one.folder}  {verdict}")
    print(f"{_megabytes(sum(one.size for one in found))} in {len(found)} environments", end="")
    gone = _megabytes(sum(one.own for one in removed)).strip()
    print(f", at least {gone} freed" if options.prune else "")
    return YES


def _megabytes(size: int) -> str:
    return f"{size / 2**20:7.0f} MB"
