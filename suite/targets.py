"""What can be tested: a row for every implementation, and whether its environment is built."""

from collections.abc import Iterable

from adapters.harness import environments
from adapters.harness.header import Implementation

TITLES = ("implementation", "version", "devices", "modes", "environment", "state")


def rows_of(chosen: Iterable[Implementation]) -> list[dict[str, str | tuple[str, ...]]]:
    """Return what is told of each implementation, by the titles of the table."""
    cells = (
        (
            one.label,
            f"{one.package} {one.pinned_version}",
            one.devices,
            one.modes,
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
