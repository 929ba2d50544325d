"""A host in a process of its own, `python -m tests.faults.hosting`, to be stopped and killed.

It runs the plan on an adapter with a deadline, in an interpreter where one is named, and prints how
each case ended, a line at a time.
"""

import sys
from pathlib import Path

from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from tests.faults.driving import PLAN, request, target_of


def main(adapter: str, deadline: str, python: str = sys.executable) -> None:
    target = target_of(adapter)
    pythons = {target.implementation.name: Path(python)}
    with Host(Settings(deadline=float(deadline)), pythons=pythons) as host:
        host.start(target, {name: lambda name=name: request(name) for name in PLAN})
        print("started", flush=True)
        for name in PLAN:
            print(f"{name}: {host.observe(target, name).ended}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
