"""What can be tested: a row for every implementation, its kernels here, and whether it is built."""

from collections.abc import Iterable

from packaging.requirements import Requirement

from adapters.harness import environments, machine
from adapters.harness.header import Implementation
from adapters.harness.threads import THREADS

TITLES = (
    "implementation",
    "version",
    "devices",
    "modes",
    "threads",
    "kernels",
    "environment",
    "state",
)


def heeds(one: Implementation, variable: str) -> bool:
    """Say whether a variable of `machine.LIMITS` chooses kernels of an implementation."""
    packages = {Requirement(dependency).name for dependency in one.dependencies}
    return not packages.isdisjoint(machine.LIMITS[variable])


def rows_of(
    chosen: Iterable[Implementation], threads: int = THREADS
) -> list[dict[str, str | tuple[str, ...]]]:
    """Return what is told of each implementation, by the titles of the table.

    `kernels` are the widest instruction set that the processor offers and the settings that hold
    the implementation to fewer.
    """
    _, instructions = machine.processor()
    widest, limits = machine.level(instructions), machine.limits()
    cells = (
        (
            one.label,
            f"{one.package} {one.pinned_version}",
            one.devices,
            one.modes,
            str(threads),
            " ".join(
                [widest or "unknown"]
                + [f"{name}={value}" for name, value in limits.items() if heeds(one, name)]
            ),
            str(environments.environment_folder(one)),
            "built" if environments.is_built(one) else "not built",
        )
        for one in chosen
    )
    return [dict(zip(TITLES, row, strict=True)) for row in cells]


def table_of(rows: list[dict[str, str | tuple[str, ...]]]) -> str:
    """Return the rows under their titles, in columns."""
    lines = [TITLES] + [
        tuple(cell if isinstance(cell, str) else " ".join(cell) for cell in row.values())
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
