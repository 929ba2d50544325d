"""List the environments on the disk and what they take, or free some.

Each has its owner, the implementation whose header asks for it. 'own' is what no other folder
shares: uv links the files of a package from its own cache, which `uv cache prune` frees.

A lock, locks/NAME.txt beside an adapter, holds every package with its version and the hashes of its
files, and no address; `pytest --locked` installs nothing else. A package from a folder of your
own (PIP_FIND_LINKS) is locked with the hash of the file there.

examples:
  python -m conformance environments
  python -m conformance environments --prune
  python -m conformance environments --lock adapters/pytorch.py

exit status: 0, or 2 for a lock that cannot be made
"""

import argparse
from dataclasses import asdict
from pathlib import Path

from adapters.harness import disk, environments, locks, registry, trust
from conformance.grammar import YES, Failure, add_json, print_json


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--prune",
        action="store_true",
        help="remove those that no header asks for: of other versions, older headers and adapters "
        "of your own; they are built again when they are needed (not while a run uses them)",
    )
    parser.add_argument(
        "--lock",
        metavar="FILE",
        type=Path,
        help="write the lock of this adapter anew, and print its path",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    if options.lock:
        print(_lock(options.lock))
        return YES
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


def _lock(path: Path) -> Path:
    try:
        return locks.write(registry.read_own(path, shadow=True))
    except (registry.UsageError, environments.EnvironmentFailed) as error:
        raise Failure(str(error)) from None


def _remove(one: disk.Held) -> str:
    """Remove an environment; return why it was kept, or ""."""
    try:
        return "" if disk.remove(one) else "it is being built"
    except (trust.Strange, OSError) as error:
        return str(error)


def _megabytes(size: int) -> str:
    return f"{size / 2**20:7.0f} MB"
