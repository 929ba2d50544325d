"""The targets of a run: what ran where, and how its adapter broke if it did."""

import shlex
from dataclasses import dataclass
from pathlib import PurePath

from records.file import Run
from reports.text import mapping, plain

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Target:
    """One column of the report: what ran, where, and how its adapter broke if it did.

    `packages` are the ones behind the implementation: `mxnet 1.9.1`, `on jax 0.10.2`. `command`
    runs the suite on this target; it lacks the `--case`. `ended` is the verdict that stands for all
    of a target of which nothing was judged, else "".
    """

    name: str
    implementation: str
    version: str
    place: str
    facts: Facts
    broken: Facts
    command: str = ""
    packages: tuple[str, ...] = ()
    ended: str = ""


def broken_as(record: dict) -> str:
    """Return the verdict that stands for all of a target line that has no hello; else ""."""
    broken = mapping(record.get("broken"))
    return plain(broken.get("ended", "broken adapter")) if broken else ""


def with_unlisted(run: Run) -> list[dict]:
    """Give a target that has verdicts but no target line a column too."""
    listed = {plain(target.get("target")) for target in run.targets}
    missing: dict[str, dict] = {}
    for record in run.verdicts:
        if (name := plain(record.get("target"))) not in listed:
            told = {key: record.get(key) for key in ("implementation", "version", "device", "mode")}
            missing.setdefault(name, {"target": name, **told})
    return [*run.targets, *missing.values()]


def target_of(record: dict, header: dict) -> Target:
    """Read a target line; the header says which adapters are not the suite's own."""
    name = plain(record.get("target"))
    label = name.rpartition(" @ ")[2]  # of one run among several
    run = f" @ {label}" if label in mapping(header.get("machines")) else ""
    broken = mapping(record.get("broken"))
    place = [plain(record.get("device")), plain(record.get("mode"))]
    facts = {
        "implementation": plain(record.get("implementation")),
        "version": plain(record.get("version")),
        "device": place[0],
        "mode": place[1],
        "packages": plain(record.get("versions")),
        "python": plain(record.get("python")),
        "environment": plain(record.get("environment")),
    }
    return Target(
        name=name,
        implementation=facts["implementation"] or name,
        version=facts["version"],
        place=" · ".join(filter(None, place)) + run,
        facts=tuple((label, text) for label, text in facts.items() if text),
        broken=tuple((label, plain(text)) for label, text in broken.items() if label != "ended"),
        command=_command(record, header),
        packages=_packages(record),
        ended=broken_as(record),
    )


def _packages(record: dict) -> tuple[str, ...]:
    """Return the packages behind an implementation that its name and version do not tell."""
    name, version = plain(record.get("implementation")), plain(record.get("version"))
    versions = {key: plain(text) for key, text in mapping(record.get("versions")).items()}
    versions.pop("numpy", None)
    same = [package for package, number in versions.items() if number == version]
    own = name if name in versions else same[0] if same else ""
    told = [f"{own} {versions.pop(own)}"] if own else []
    return (*(told if own != name else ()), *(f"on {key} {no}" for key, no in versions.items()))


def _command(record: dict, header: dict) -> str:
    """Return the command that runs this target alone, in the words of its record."""
    own = mapping(header.get("selection")).get("adapter")
    files = {_stem(plain(path)): plain(path) for path in own} if isinstance(own, list) else {}
    name = plain(record.get("implementation"))
    words = ["pytest"]
    if name in files:
        words += [f"--adapter={files[name]}"]
    elif name:
        words += ["--implementation", name]
    for option in ("mode", "device"):
        if value := plain(record.get(option)):
            words += [f"--{option}", value]
    return shlex.join(words)


def _stem(path: str) -> str:
    """Return the name that the suite gives to an adapter file."""
    return PurePath(path).stem.replace("_", "-")
