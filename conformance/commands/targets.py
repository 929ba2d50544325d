"""List what can be tested: versions, devices, modes, and what is built.

A target is one implementation on one device in one mode; the first of each is what pytest takes
where --device and --mode do not say. An environment that is not built is built when it is first
needed. `threads` is how many a target computes with, unless pytest --threads says otherwise;
`kernels` is the widest instruction set of this processor, with the settings of your shell that hold
the target's libraries to another, such as ATEN_CPU_CAPABILITY=avx2. NAME is spelled as for
`pytest --implementation`, with or without a version.

examples:
  python -m conformance targets
  python -m conformance targets keras 'pytorch==2.9.1'
  python -m conformance targets --json

exit status: 0, or 2 for an unknown NAME
"""

import argparse

from adapters.harness import registry
from conformance.grammar import YES, Failure, add_json, print_json
from suite.targets import rows_of, table_of


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", metavar="NAME", nargs="*", help="only these (default: all)")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    try:
        chosen = registry.choose(",".join(options.names or ["all"]))
    except registry.UsageError as error:
        raise Failure(str(error)) from None
    rows = rows_of(chosen)
    if options.json:
        print_json(rows)
    else:
        print(table_of(rows))
    return YES
