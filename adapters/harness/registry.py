"""The implementations that exist: the adapter files of a folder, read without importing them.

Whatever the suite must know before an environment exists stands in the adapter's PEP 723 header:
its dependencies, and in `[tool.batchnorm-conformance]` the package that its version is, and the
devices and modes that it knows.
"""

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

FOLDER = Path(__file__).parent.parent
HEADER = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")


class UsageError(Exception):
    """A name or a header that cannot be used; the message is one line with the valid choices."""


@dataclass(frozen=True)
class Implementation:
    """One adapter: a file, and what its header says. `specifier` asks for another version.

    `exclude_newer` is a date: with the pins of the header it makes an environment that can be built
    again. It goes with the header's own version only.

    One without a header has no environment of its own: it runs in the interpreter of the suite.
    """

    name: str
    path: Path
    package: str
    dependencies: tuple[str, ...]
    requires_python: str
    devices: tuple[str, ...]
    modes: tuple[str, ...]
    exclude_newer: str = ""
    specifier: str = ""
    has_environment: bool = True

    @property
    def label(self) -> str:
        return self.name + self.specifier

    @property
    def pinned_version(self) -> str:
        """The version that the header or the command line asks for, such as `==2.13.0`."""
        for dependency in self.dependencies:
            requirement = Requirement(dependency)
            if requirement.name == self.package:
                return str(requirement.specifier).removeprefix("==")
        return "any"


@dataclass(frozen=True)
class Target:
    """implementation × device × mode: what one process runs."""

    implementation: Implementation
    device: str
    mode: str

    @property
    def name(self) -> str:
        return f"{self.implementation.label}-{self.device}-{self.mode}"


def read_implementation(path: Path) -> Implementation:
    """Read one adapter's header. Raises UsageError for a header that is missing or wrong."""
    match = HEADER.search(path.read_text(encoding="utf-8"))
    if not match:
        raise UsageError(f"{path.name} has no PEP 723 header (a block `# /// script` … `# ///`)")
    lines = match["content"].splitlines()
    try:
        header = tomllib.loads("\n".join(line[2:] for line in lines))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path.name}: the header is no TOML: {error}") from None
    own = header.get("tool", {}).get("batchnorm-conformance", {})
    try:
        dependencies = tuple(str(Requirement(text)) for text in header.get("dependencies", ()))
    except InvalidRequirement as error:
        raise UsageError(f"{path.name}: {str(error).splitlines()[0]}") from None
    return Implementation(
        name=path.stem.replace("_", "-"),
        path=path,
        package=own.get("package", path.stem),
        dependencies=dependencies,
        requires_python=header.get("requires-python", ""),
        devices=tuple(own.get("devices", ("cpu",))),
        modes=tuple(own.get("modes", ("eager",))),
        exclude_newer=header.get("tool", {}).get("uv", {}).get("exclude-newer", ""),
    )


def read_own(path: Path, folder: Path = FOLDER) -> Implementation:
    """Read an adapter that is outside the folder; it needs no header. Raises UsageError."""
    path = path.absolute()
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(f"--adapter {path}: there is no such Python file")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", path.stem):
        raise UsageError(f"--adapter {path}: name the file with letters, digits, _ and - only")
    try:
        has_header = HEADER.search(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--adapter {path}: {error}") from None
    name = path.stem.replace("_", "-")
    if name in implementations(folder):
        raise UsageError(f"--adapter {path}: the suite has its own {name}; rename the file")
    if has_header:
        return read_implementation(path)
    return Implementation(
        name=name,
        path=path,
        package=path.stem,
        dependencies=(),
        requires_python="",
        devices=("cpu",),
        modes=("eager",),
        has_environment=False,
    )


def implementations(folder: Path = FOLDER) -> dict[str, Implementation]:
    """Return every implementation of the folder by name."""
    paths = sorted(path for path in folder.glob("*.py") if not path.stem.startswith("__"))
    return {found.name: found for found in map(read_implementation, paths)}


def choose(wish: str, folder: Path = FOLDER) -> list[Implementation]:
    """Return the implementations that `--implementation` asks for: `all`, or names with commas.

    A name may carry a version, as in `pytorch==2.9.1`.
    """
    known = implementations(folder)
    if wish == "all":
        return list(known.values())
    chosen = []
    for text in filter(None, (part.strip() for part in wish.split(","))):
        name = re.split(r"[^A-Za-z0-9_-]", text, maxsplit=1)[0]
        if name not in known:
            raise _unknown("implementation", text, [*known, "all"])
        chosen.append(_with_version(known[name], text[len(name) :]))
    if not chosen:
        raise _unknown("implementation", wish, [*known, "all"])
    return chosen


def targets(chosen: list[Implementation], device: str | None, mode: str | None) -> list[Target]:
    """Return the targets of the chosen implementations: their own first device and mode, or all
    that bear the names asked for. Raises UsageError where none does."""
    found = []
    for what, wish in (("device", device), ("mode", mode)):
        names = {name for one in chosen for name in getattr(one, what + "s")}
        if wish not in (None, "all", *names):
            raise _unknown(what, str(wish), [*sorted(names), "all"])
    for one in chosen:
        for each_device in _pick(one.devices, device):
            for each_mode in _pick(one.modes, mode):
                found.append(Target(one, each_device, each_mode))
    if not found:
        labels = ", ".join(one.label for one in chosen)
        raise UsageError(f"no target of {labels} has device {device!r} and mode {mode!r}")
    return found


def _pick(names: tuple[str, ...], wish: str | None) -> tuple[str, ...]:
    if wish is None:
        return names[:1]
    return names if wish == "all" else tuple(name for name in names if name == wish)


def _with_version(one: Implementation, specifier: str) -> Implementation:
    if not specifier:
        return one
    try:
        SpecifierSet(specifier)
    except InvalidSpecifier:
        raise UsageError(
            f"{one.name}{specifier}: no version specifier; write it as {one.name}==1.2.3"
        ) from None
    dependencies = tuple(
        one.package + specifier if Requirement(text).name == one.package else text
        for text in one.dependencies
    )
    return replace(one, dependencies=dependencies, specifier=specifier, exclude_newer="")


def _unknown(what: str, wish: str, valid: list[str]) -> UsageError:
    return UsageError(f"unknown {what} {wish!r}; choose from: {', '.join(valid)}")
