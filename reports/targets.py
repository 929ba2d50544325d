"""The targets of a run: what ran where, and how its adapter broke if it did."""

import shlex
from dataclasses import dataclass
from pathlib import PurePath

from records.file import Run
from records.pieces import Kernels, Selection
from records.schema import OfTarget, TargetRecord
from records.verdict import Verdict
from reports.text import count, fact

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Column:
    """One column of the report: what ran, where, and how its adapter broke if it did.

    `packages` are the ones behind the implementation: `mxnet 1.9.1`, `on jax 0.10.2`. `command`
    runs the suite on this target; it lacks the `--case`. `ended` is the verdict that stands for all
    of a target of which nothing was judged.
    """

    name: str
    implementation: str
    version: str
    place: str
    facts: Facts
    broken: Facts
    command: str
    packages: tuple[str, ...]
    ended: Verdict | None


def with_unlisted(run: Run) -> tuple[TargetRecord, ...]:
    """Give a target that has verdicts, but whose own line was damaged, a column too."""
    listed = {target.target for target in run.targets}
    missing: dict[str, TargetRecord] = {}
    for row in run.verdicts:
        if row.target not in listed and row.target not in missing:
            names = {name: getattr(row, name) for name in OfTarget.__dataclass_fields__}
            missing[row.target] = TargetRecord(**names)
    return (*run.targets, *missing.values())


def place_of(record: OfTarget) -> str:
    """Return where a target runs, in words."""
    return " · ".join(filter(None, (record.device, record.mode)))


def column_of(record: TargetRecord, run: Run) -> Column:
    """Read a target line; the header says which adapters are not the suite's own."""
    label = run.labels.get(record.target)
    broken = record.broken
    words = {"message": broken.message, "log": broken.log, "retry": broken.retry} if broken else {}
    facts = {
        "implementation": record.implementation,
        "version": record.version,
        "device": record.device,
        "mode": record.mode,
        "packages": fact(record.versions),
        "python": record.python,
        "environment": record.environment,
        **_facts_of(record.kernels),
    }
    return Column(
        name=record.target,
        implementation=record.implementation or record.target,
        version=record.version,
        place=place_of(record) + (f" @ {label}" if label else ""),
        facts=_told(facts),
        broken=tuple(words.items()),
        command=_command(record, run.header.selection),
        packages=_packages(record),
        ended=broken.ended if broken else None,
    )


def _facts_of(kernels: Kernels | None) -> dict[str, str]:
    """Return what a target computed with, beside what its framework says of it."""
    if kernels is None:
        return {}
    reported = {
        "threads": kernels.threads_reported,
        "instruction sets": kernels.instructions_reported,
    }
    facts = {
        "processor": f"{kernels.cpu}, {count(kernels.cores, 'core')}",
        "threads": str(kernels.threads),
        "instruction sets": " ".join(kernels.instructions),
        "limits": " ".join(f"{name}={value}" for name, value in kernels.limits.items()),
    }
    for name, said in reported.items():
        if said:
            facts[name] = f"{facts[name]} (the framework says {said})"
    return facts


def _told(facts: dict[str, str]) -> Facts:
    return tuple((label, text) for label, text in facts.items() if text)


def _packages(record: TargetRecord) -> tuple[str, ...]:
    """Return the packages behind an implementation that its name and version do not tell."""
    name, versions = record.implementation, dict(record.versions)
    versions.pop("numpy", None)
    same = [package for package, number in versions.items() if number == record.version]
    own = name if name in versions else same[0] if same else ""
    told = [f"{own} {versions.pop(own)}"] if own else []
    return (*(told if own != name else ()), *(f"on {key} {no}" for key, no in versions.items()))


def _command(record: TargetRecord, selection: Selection) -> str:
    """Return the command that runs this target alone, in the words of its record.

    What limits its kernels goes before the command, so a POSIX shell sets it for this run.
    """
    files = {_stem(path): path for path in selection.adapter}
    name = record.implementation
    kernels = record.kernels
    limits = kernels.limits.items() if kernels else ()
    settings = [f"{name}={shlex.quote(value)}" for name, value in limits]
    words = ["pytest"]
    words += [f"--adapter={files[name]}"] if name in files else ["--implementation", name]
    words += ["--mode", record.mode, "--device", record.device]
    words += ["--threads", str(kernels.threads)] if kernels else []
    return " ".join([*settings, shlex.join(words)])


def _stem(path: str) -> str:
    """Return the name that the suite gives to an adapter file."""
    return PurePath(path).stem.replace("_", "-")
