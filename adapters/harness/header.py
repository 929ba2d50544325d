"""The PEP 723 header of an adapter file, read without importing the file.

Whatever the suite must know before an environment exists stands there: the dependencies, and in
`[tool.batchnorm-conformance]` the package that the version is of, the devices and modes that the
adapter knows, and where they differ the dependencies of a device (`gpu.dependencies`) and of other
versions (`[[older]]`, the first whose `versions` fits). A `layer` that `explain` is to name says
what people call it, a source, and how it spells its arguments.
"""

import itertools
import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from adapters.harness import text

LARGEST_FILE = 2**20
LARGEST_HEADER = 2**15
LONGEST_REQUIREMENT = 1000  # a version of thousands of digits is none that Python can compare
BEGIN, END = "# /// script", "# ///"
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
    again. It goes with versions that the header names only. `lock` is the file that names what is
    installed, hash by hash, where that was asked for.

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
    lock: Path | None = None
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
        wanted = SpecifierSet(_bounded(specifier))
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
        header = _header(_read(path))
        if header is None:
            raise BadHeader(f"there is no PEP 723 header (a block `{BEGIN}` … `{END}`)")
        return _implementation(name, path, header)
    except (OSError, UnicodeDecodeError, BadHeader) as error:
        fault = text.one_line(f"{path.name}: {error}")
    return Implementation(name, path, path.stem, fault=fault)


def has_header(path: Path) -> bool:
    """Say whether an adapter file has a header, right or wrong. Raises OSError, UnicodeError."""
    return BEGIN in _read(path).split("\n")


def _read(path: Path) -> str:
    """Return an adapter file, as far as a header can be in it. Raises OSError, UnicodeError."""
    if not path.is_file():  # a pipe or a device would be read for ever
        raise OSError("it is no file")
    with path.open(encoding="utf-8") as file:
        return file.read(LARGEST_FILE)


def _header(code: str) -> dict | None:
    lines = code.split("\n")
    if BEGIN not in lines:
        return None
    begin = lines.index(BEGIN) + 1
    block = list(itertools.takewhile(lambda line: line[:2] in ("#", "# "), lines[begin:]))
    if END not in block:
        return None
    # As PEP 723 has it the last line `# ///` ends the block.
    content = block[: len(block) - 1 - block[::-1].index(END)]
    toml = "\n".join(line[2:] for line in content)
    if len(toml) > LARGEST_HEADER:
        raise BadHeader(f"a header of {len(toml)} characters; at most {LARGEST_HEADER} are read")
    try:
        return tomllib.loads(toml)
    except (ValueError, RecursionError) as error:
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
    for wish in _list(table, "dependencies"):
        try:
            requirements.append(str(Requirement(_bounded(str(wish)))))
        except (ValueError, RecursionError) as error:
            reason = str(error).splitlines()[0]
            told = text.one_line(repr(wish), 60)
            raise BadHeader(f"the dependency {told} is none: {reason}") from None
    return tuple(requirements)


def _specifier(table: dict, key: str) -> str:
    wish = str(table.get(key, ""))
    try:
        SpecifierSet(_bounded(wish))
    except InvalidSpecifier as error:
        raise BadHeader(f"{key}: {error}") from None
    return wish


def _bounded(wish: str) -> str:
    """Return a requirement or specifier. Raises InvalidSpecifier for one of absurd length."""
    if len(wish) > LONGEST_REQUIREMENT:
        raise InvalidSpecifier(f"it has {len(wish)} characters; at most {LONGEST_REQUIREMENT}")
    return wish


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
