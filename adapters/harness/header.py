"""The PEP 723 header of an adapter file, read without importing the file.

Whatever the suite must know before an environment exists stands there: the dependencies, and in
`[tool.batchnorm-conformance]` the package that the version is of, the devices and modes that the
adapter knows, and where they differ the dependencies of a device (`gpu.dependencies`) and of other
versions (`[[older]]`, the first whose `versions` fits). A `layer` that `explain` is to name says
what people call it, a source, and how it spells its arguments.
"""

import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

HEADER = re.compile(r"(?m)^# /// script$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
KEYS = ("package", "devices", "modes", "older", "layer")
LAYER_KEYS = ("name", "source", "epsilon", "momentum", "settings")
DEVICE_KEYS = ("dependencies",)
OLDER_KEYS = ("versions", "dependencies", "requires-python")


class BadHeader(Exception):
    """A header that cannot be used; the message is one line."""


@dataclass(frozen=True)
class Older:
    """What versions other than the header's own need: a PEP 440 specifier, and the dependencies."""

    versions: str
    dependencies: tuple[str, ...]
    requires_python: str


@dataclass(frozen=True)
class Implementation:
    """One adapter: a file, and what its header says. `specifier` asks for another version.

    `exclude_newer` is a date: with the pins of the header it makes an environment that can be built
    again. It goes with versions that the header names only.

    One without a header has no environment of its own: it runs in the interpreter of the suite. One
    with a `fault` cannot be run; the fault says why, in one line.
    """

    name: str
    path: Path
    package: str
    dependencies: tuple[str, ...] = ()
    requires_python: str = ""
    devices: tuple[str, ...] = ("cpu",)
    modes: tuple[str, ...] = ("eager",)
    of_devices: dict[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    layer: dict = field(default_factory=dict, hash=False)
    older: tuple[Older, ...] = ()
    exclude_newer: str = ""
    specifier: str = ""
    has_environment: bool = True
    fault: str = ""

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

    def on(self, device: str) -> "Implementation":
        """Return the implementation with the dependencies that it has on a device."""
        return replace(self, dependencies=self.of_devices.get(device, self.dependencies))

    def at(self, specifier: str) -> "Implementation":
        """Return the implementation at another version. Raises InvalidSpecifier."""
        wanted = SpecifierSet(specifier)
        changed = replace(self, exclude_newer="", specifier=specifier)
        newest = _newest(wanted)
        for older in self.older:
            if newest and SpecifierSet(older.versions).contains(newest, prereleases=True):
                changed = replace(
                    self,
                    dependencies=older.dependencies,
                    requires_python=older.requires_python or self.requires_python,
                    of_devices={},
                    specifier=specifier,
                )
                break

        def pinned(dependencies):
            requirements = [Requirement(text) for text in dependencies]
            for requirement in requirements:
                if requirement.name == self.package:
                    requirement.specifier = wanted
            return tuple(map(str, requirements))

        return replace(
            changed,
            dependencies=pinned(changed.dependencies),
            of_devices={name: pinned(texts) for name, texts in changed.of_devices.items()},
        )


def read_header(path: Path) -> Implementation:
    """Return the implementation of one adapter file; one whose header is wrong has a `fault`."""
    name = path.stem.replace("_", "-")
    try:
        header = _header(path.read_text(encoding="utf-8"))
        if header is None:
            raise BadHeader("there is no PEP 723 header (a block `# /// script` … `# ///`)")
        return _implementation(name, path, header)
    except (OSError, UnicodeDecodeError) as error:
        fault = str(error)
    except BadHeader as error:
        fault = str(error)
    return Implementation(name, path, path.stem, fault=f"{path.name}: {fault}")


def has_header(path: Path) -> bool:
    """Say whether an adapter file has a header, right or wrong. Raises OSError, UnicodeError."""
    return "# /// script" in path.read_text(encoding="utf-8").splitlines()


def _header(text: str) -> dict | None:
    match = HEADER.search(text)
    if not match:
        return None
    try:
        return tomllib.loads("\n".join(line[2:] for line in match["content"].splitlines()))
    except tomllib.TOMLDecodeError as error:
        raise BadHeader(f"the header is no TOML: {error}") from None


def _implementation(name: str, path: Path, header: dict) -> Implementation:
    own = _table(header.get("tool", {}), "batchnorm-conformance")
    devices = _words(own, "devices", ("cpu",))
    _check_keys(own, (*KEYS, *devices), "[tool.batchnorm-conformance]")
    _check_keys(_table(own, "layer"), LAYER_KEYS, "layer")
    of_devices = {}
    for device in devices:
        if device in own:
            _check_keys(_table(own, device), DEVICE_KEYS, device)
            of_devices[device] = _dependencies(own[device])
    return Implementation(
        name=name,
        path=path,
        package=str(own.get("package", path.stem)),
        dependencies=_dependencies(header),
        requires_python=_specifier(header, "requires-python"),
        devices=devices,
        modes=_words(own, "modes", ("eager",)),
        of_devices=of_devices,
        layer=_table(own, "layer"),
        older=tuple(map(_older, _list(own, "older"))),
        exclude_newer=str(_table(header.get("tool", {}), "uv").get("exclude-newer", "")),
    )


def _older(entry: object) -> Older:
    if not isinstance(entry, dict) or "versions" not in entry:
        raise BadHeader("an [[older]] needs its versions, such as versions = '<3.0'")
    _check_keys(entry, OLDER_KEYS, "[[older]]")
    return Older(
        versions=_specifier(entry, "versions"),
        dependencies=_dependencies(entry),
        requires_python=_specifier(entry, "requires-python"),
    )


def _check_keys(table: dict, valid: tuple[str, ...], where: str) -> None:
    if wrong := sorted(table.keys() - set(valid)):
        raise BadHeader(f"{where} has the unknown key {wrong[0]!r}; it may have {', '.join(valid)}")


def _table(parent: object, key: str) -> dict:
    table = parent.get(key, {}) if isinstance(parent, dict) else parent
    if not isinstance(table, dict):
        raise BadHeader(f"{key} is no table")
    return table


def _list(table: dict, key: str) -> list:
    value = table.get(key, [])
    if not isinstance(value, list):
        raise BadHeader(f"{key} is no list")
    return value


def _words(table: dict, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(_list(table, key)) or default
    for word in words:
        if not isinstance(word, str) or not re.fullmatch(r"[A-Za-z0-9_-]+", word):
            raise BadHeader(f"{key}: {word!r} is no name of letters, digits, _ and -")
    return words


def _dependencies(table: dict) -> tuple[str, ...]:
    requirements = []
    for text in _list(table, "dependencies"):
        try:
            requirements.append(str(Requirement(str(text))))
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0]
            raise BadHeader(f"the dependency {text!r} is none: {reason}") from None
    return tuple(requirements)


def _specifier(table: dict, key: str) -> str:
    text = str(table.get(key, ""))
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise BadHeader(f"{key}: {error}") from None
    return text


def _newest(wanted: SpecifierSet) -> Version | None:
    """Return about the newest version that a specifier allows; None where it has no upper end."""
    ends = []
    for one in wanted:
        try:
            version = Version(one.version.removesuffix(".*"))
        except InvalidVersion:  # of ===
            continue
        if one.operator in ("==", "~=", "<="):
            ends.append(version)
        elif one.operator == "<" and any(version.release):
            release = list(version.release)
            while not release[-1]:
                release.pop()
            release[-1] -= 1
            ends.append(Version(".".join(map(str, [*release, 9999]))))
    return min(ends, default=None)
