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

from adapters.harness import disk, registry, trust
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
    if not options.json:
        for one in found:
            owner = one.owner or "no header asks for it"
            print(f"{_megabytes(one.size)}  {_megabytes(one.own)} own  {one.folder}  {owner}")
        total = _megabytes(sum(one.size for one in found))
        print(f"{total} in {len(found)} environments", flush=True)
    kept = {one: _remove(one) for one in found if options.prune and not one.owner}
    if options.json:
        removed = {one.folder for one, reason in kept.items() if not reason}
        print_json(
            [
                {**asdict(one), "folder": str(one.folder), "removed": one.folder in removed}
                for one in found
            ]
        )
        return YES
    for one, reason in kept.items():
        print(f"{f'kept: {reason}' if reason else 'removed'}: {one.folder}")
    if options.prune:
        freed = sum(one.own for one, reason in kept.items() if not reason)
        print(f"at least {_megabytes(freed).strip()} freed")
    return YES


def _remove(one: disk.Held) -> str:
    """Remove an environment; return why it was kept, or ""."""
    try:
        return "" if disk.remove(one) else "it is being built"
    except (trust.Strange, OSError) as error:
        return str(error)


def _megabytes(size: int) -> str:
    return f"{size / 2**20:7.0f} MB"
