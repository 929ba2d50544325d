"""Tell whether other machines would reach the same verdicts.

Runs the suite as usual and then under every setting that makes this machine another one, as far as
an implementation can tell: other numbers of threads, one core, and the variables that hold a
library to an older instruction set. A setting is run for the implementations that it touches. Every
verdict and every measured convention is held against the usual run's; what is another wants a
reason in test_cases/machines.toml. NAME is spelled as for `pytest --implementation`.

DIR gets the records and the page of each run, in a folder for each setting, and the table as
machines.json. With the core it takes several minutes.

examples:
  python -m conformance machines
  python -m conformance machines pytorch --setting threads-1 --setting aten-default
  python -m conformance machines --adapter my_layer.py --case 100000-values-per-channel-float32
  python -m conformance machines flax --output runs/flax

exit status: 0 the same verdicts, or a reason for each that is not; 1 not; 2 cannot be run
"""

import argparse
import contextlib
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

from adapters.harness import registry
from adapters.harness.header import Implementation
from conformance.grammar import NO, YES, Failure, add_json, add_python, nearest
from records.codec import encode
from records.file import Run
from reports.machines import Machines, as_markdown, compare, machines_of, summary_of
from suite.machines import SETTINGS, USUAL, RunFailed, Setting
from suite.machines import run as run_under
from suite.reasons import read_reasons, stale, with_reasons
from suite.run import IMPLEMENTATIONS

TABLE = "machines.json"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", metavar="NAME", nargs="*", help=f"only these (default: {IMPLEMENTATIONS})"
    )
    parser.add_argument(
        "--adapter",
        action="append",
        default=[],
        metavar="FILE",
        help="run the layer of your own adapter file, as pytest does (once for each)",
    )
    parser.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="NAME",
        help=f"only these settings, of: {', '.join(one.name for one in SETTINGS)}",
    )
    parser.add_argument("--case", metavar="ID[,ID]", help="only these cases, and no probes")
    add_python(parser)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("reports/latest/machines"),
        metavar="DIR",
        help="where the records and the table go (default: %(default)s)",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    settings = _settings(options.setting)
    chosen = _chosen(options)
    reasons = read_reasons()
    with contextlib.redirect_stdout(sys.stderr if options.json else sys.stdout):
        try:
            usual = _run(USUAL, chosen, options)
        except RunFailed as error:
            raise Failure(f"the usual run: {error}") from None
        found = machines_of(usual, {one.name: one.words for one in settings})
        failed = False
        for setting in settings:
            touched = [one for one in chosen if setting.touches(one)]
            if why := setting.lacks or ("" if touched else "it touches none of these"):
                found = replace(found, left_out={**found.left_out, setting.name: why})
                print(f"{setting.name}: not run: {why}", flush=True)
                continue
            try:
                rows = compare(setting.name, usual, _run(setting, touched, options))
            except RunFailed as error:
                failed = True
                found = replace(found, left_out={**found.left_out, setting.name: str(error)})
                print(f"{setting.name}: FAILED: {error}", flush=True)
                continue
            rows = with_reasons(rows, usual.targets, reasons)
            found = replace(found, rows=(*found.rows, *rows))
            for row in rows:
                print(f"  {summary_of(row)}", flush=True)
            _keep(found, options.output)  # what there is outlives Ctrl-C
        if not options.setting and not options.case:
            found = replace(found, stale=stale(reasons, found, usual.targets))
        _keep(found, options.output)
    if options.json:
        print(_json(found), end="")
    else:
        print(f"\n{as_markdown(found)}\n{options.output / TABLE}: {_outcome(found)}")
    return NO if failed or found.unexplained or found.stale else YES


def _settings(names: list[str]) -> list[Setting]:
    known = {one.name: one for one in SETTINGS}
    for name in names:
        if name not in known:
            valid = ", ".join(known)
            raise Failure(f"unknown setting {name!r}{nearest(name, known)}; choose from: {valid}")
    return [known[name] for name in names] or list(SETTINGS)


def _chosen(options: argparse.Namespace) -> list[Implementation]:
    """Return the implementations that are named, or else the adapters given, or the core."""
    try:
        own = [registry.read_own(Path(path)) for path in options.adapter]
        if options.names or not own:
            return [*registry.choose(",".join(options.names) or IMPLEMENTATIONS), *own]
    except registry.UsageError as error:
        raise Failure(str(error)) from None
    return own


def _run(setting: Setting, chosen: list[Implementation], options: argparse.Namespace) -> Run:
    """Run the suite under a setting. Raises RunFailed."""
    own = {str(Path(path).absolute()) for path in options.adapter}
    named = [one.label for one in chosen if str(one.path) not in own]
    words = ["--implementation", ",".join(named)] if named else []
    words += [f"--adapter={one.path}" for one in chosen if str(one.path) in own]
    words += [f"--case={options.case}"] if options.case else []
    concerned = {one.name for one in chosen}
    words += [f"--python={pair}" for pair in options.python if pair.partition("=")[0] in concerned]
    names = ", ".join(one.label for one in chosen)
    print(f"{setting.name}: {names} …", flush=True)
    began = time.monotonic()
    found = run_under(setting, words, options.output.absolute() / setting.name)
    print(f"  {len(found.verdicts):,} verdicts in {time.monotonic() - began:.0f} s", flush=True)
    return found


def _keep(found: Machines, folder: Path) -> None:
    (folder / TABLE).write_text(_json(found), encoding="utf-8")


def _json(found: Machines) -> str:
    return json.dumps(encode(found), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _outcome(found: Machines) -> str:
    unlike = sum(len(row.differences) for row in found.rows)
    if not unlike:
        return "the same verdicts under every setting that was run"
    return f"{unlike} verdicts differ, {found.unexplained} of them without a documented reason"
