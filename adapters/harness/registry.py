"""The implementations that exist: the adapter files of a folder, and those of the command line."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from packaging.specifiers import InvalidSpecifier

from adapters.harness.header import Implementation, has_header, read_header
from adapters.harness.text import one_line

FOLDER = Path(__file__).parent.parent
OPERATORS = tuple("<>=!~")


class UsageError(Exception):
    """A name that cannot be used; the message is one visible line with the valid choices."""

    def __init__(self, message: str):
        super().__init__(one_line(message))


@dataclass(frozen=True)
class Target:
    """implementation × device × mode: what one process runs."""

    implementation: Implementation
    device: str
    mode: str

    @property
    def name(self) -> str:
        return f"{self.implementation.label}-{self.device}-{self.mode}"


def read_own(path: Path, folder: Path = FOLDER, shadow: bool = False) -> Implementation:
    """Read an adapter that is outside the folder; it needs no header.

    Raises UsageError for a file that cannot be one, or, unless it may `shadow` it, that has the
    name of one inside.
    """
    path = path.absolute()
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(f"{path}: there is no such Python file")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", path.stem):
        raise UsageError(f"{path}: name the file with letters, digits, _ and - only")
    try:
        with_header = has_header(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {error}") from None
    name = path.stem.replace("_", "-")
    if not shadow and name in implementations(folder):
        raise UsageError(f"{path}: the suite has its own {name}; rename the file")
    if with_header:
        return read_header(path)
    return Implementation(name, path, package=path.stem, has_environment=False)


def implementations(folder: Path = FOLDER) -> dict[str, Implementation]:
    """Return every implementation of the folder by name."""
    paths = sorted(path for path in folder.glob("*.py") if not path.stem.startswith("__"))
    return {found.name: found for found in map(read_header, paths)}


def choose(wish: str, folder: Path = FOLDER) -> list[Implementation]:
    """Return the implementations that `--implementation` asks for: `all`, or names with commas.

    A name may carry a version, any PEP 440 specifier: `pytorch==2.9.1`, `flax>=0.8,<0.9`.
    """
    known = implementations(folder)
    if wish == "all":
        return list(known.values())
    chosen: list[Implementation] = []
    for text in _parts(wish):
        name = re.split(r"[^A-Za-z0-9_-]", text, maxsplit=1)[0]
        if name not in known:
            raise _unknown("implementation", text, [*known, "all"])
        one = _with_version(known[name], text[len(name) :])
        if one.label not in [other.label for other in chosen]:
            chosen.append(one)
    if not chosen:
        raise _unknown("implementation", wish, [*known, "all"])
    return chosen


def _parts(wish: str) -> list[str]:
    """Split at the commas, but for those within a specifier: `a>=1,<2,b` is `a>=1,<2` and `b`."""
    parts: list[str] = []
    for text in filter(None, (part.replace(" ", "") for part in wish.split(","))):
        if text.startswith(OPERATORS) and parts:
            parts[-1] += "," + text
        else:
            parts.append(text)
    return parts


def pythons(texts: Iterable[str], known: Collection[str]) -> dict[str, Path]:
    """Return the interpreter that `--python NAME=PATH` gives to each implementation.

    Raises UsageError for a NAME that is not among the known, or a PATH that is no file.
    """
    found = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or name not in known:
            raise UsageError(f"--python {text}: write NAME=PATH with a NAME of: {', '.join(known)}")
        if not Path(path).is_file():
            raise UsageError(f"--python {text}: there is no file {path}")
        found[name] = Path(path).absolute()
    return found


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
                found.append(Target(one.on(each_device), each_device, each_mode))
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
        return one.at(specifier)
    except InvalidSpecifier:
        raise UsageError(
            f"{one.name}{specifier}: no version specifier; write it as {one.name}==1.2.3"
        ) from None


def _unknown(what: str, wish: str, valid: list[str]) -> UsageError:
    return UsageError(f"unknown {what} {wish!r}; choose from: {', '.join(valid)}")
