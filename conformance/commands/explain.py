"""Say whose conventions and numbers reproduce the arrays of one call.

The arrays of a call of a BatchNorm layer, in a file, are all it needs: no framework and no layer.
The file is npz or safetensors, or one of torch.save where this Python has PyTorch. Frameworks' own
names are understood: weight, moving_variance, before.bn1.running_mean, weight.grad and so on.
Two files are compared: what to set to make one layer answer as the other, and what nothing sets.

A finding fits when every element of every array is within its rounding-error bound, which follows
from the data: an error/bound of 1 or less. No tolerance is chosen. Few values per channel, a
gamma with both signs and one channel of small variance tell most.

Write the file where the layer runs, for instance with PyTorch:

    bn = torch.nn.BatchNorm2d(3)
    before = {name: value.numpy().copy() for name, value in bn.named_buffers()}
    x = torch.randn(8, 3, 5, 5, requires_grad=True)
    y = bn(x)
    dy = torch.randn_like(y)
    y.backward(dy)
    np.savez("dump.npz",
             x=x.detach().numpy(), y=y.detach().numpy(),
             gamma=bn.weight.detach().numpy(), beta=bn.bias.detach().numpy(),
             dy=dy.numpy(), dx=x.grad.numpy(),
             dgamma=bn.weight.grad.numpy(), dbeta=bn.bias.grad.numpy(),
             running_mean_before=before["running_mean"], running_var_before=before["running_var"],
             running_mean_after=bn.running_mean.numpy(), running_var_after=bn.running_var.numpy())

examples:
  python -m conformance explain dump.npz
  python -m conformance explain pytorch.npz keras.npz      compare the two
  python -m conformance explain --inference --json dump.npz

exit status: 0 explained, 1 nothing fits, 2 the files or options are wrong, 3 explained, but not by
a clean fit: only under a looser bound, with bounds as wide as the values, with a number that nobody
writes, or with running statistics that stay in training
"""

import argparse
import sys

from conformance.grammar import NO, WRONG, YES, Failure, add_json, print_json
from explain.checks import DTYPES, OPTIONAL, REQUIRED, listed
from explain.comparison import compare
from explain.explain import Explained, explain
from explain.narrow import NARROW
from explain.reading import Dump, DumpError, read_dump
from explain.text import comparison_text, document_of, text_of

LOOSELY = 3
"""The exit status of an explanation that is no clean fit."""

GRAVITY = (YES, LOOSELY, NO)
"""The gravest answer of two is the status of both."""


def arguments(parser: argparse.ArgumentParser) -> None:
    arrays = [f"  {name:<20} {text}" for name, text in REQUIRED.items()]
    arrays += [f"  {name:<20} {text} (optional)" for name, text in OPTIONAL.items()]
    parser.epilog = "\n".join(
        [f"arrays of the file, {listed(DTYPES)}:", *arrays, "", str(parser.epilog)]
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="one dump, or two")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument(
        "--training",
        action="store_true",
        default=None,
        help="the layer was called in training mode (the default, unless the arrays are those of "
        "an evaluated or frozen layer)",
    )
    mode.add_argument(
        "--inference",
        dest="training",
        action="store_false",
        help="the layer normalised by its running statistics",
    )
    parser.add_argument(
        "--channel-axis",
        type=int,
        metavar="N",
        help="the axis of x that holds the channels; found by gamma's length where one axis fits",
    )
    parser.add_argument(
        "--dtype",
        choices=NARROW,
        help="the layer's dtype, where the file holds its numbers in a wider one",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    if len(options.files) > 2:
        raise Failure(f"explain takes one file or two, not {len(options.files)}")
    dumps = _read(options)
    if len(dumps) < len(options.files):
        return WRONG
    explained = [explain(dump) for dump in dumps]
    comparison = compare(*explained) if len(explained) == 2 else None
    if options.json:
        print_json(document_of(explained, comparison))
    else:
        labels = ("A, ", "B, ") if comparison else ("",)
        texts = [text_of(one, label) for one, label in zip(explained, labels, strict=True)]
        texts += [comparison_text(comparison)] if comparison else []
        print("\n\n".join(texts))
    return max((status_of(one) for one in explained), key=GRAVITY.index)


def status_of(one: Explained) -> int:
    """Return the exit status of one answer."""
    if not one.explained:
        return NO
    return LOOSELY if one.reservations else YES


def _read(options: argparse.Namespace) -> list[Dump]:
    """Read the files; what is wrong with one goes to stderr, a line for every problem."""
    dumps = []
    for path in options.files:
        try:
            dumps.append(
                read_dump(
                    path,
                    training=options.training,
                    channel_axis=options.channel_axis,
                    dtype=options.dtype,
                )
            )
        except DumpError as error:
            for line in error.lines:
                print(f"{path}: {line}", file=sys.stderr)
    return dumps
