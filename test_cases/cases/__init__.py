"""Every module of this folder holds `CASES`, a tuple of `Case`; the folder is the registry."""

import importlib
import pkgutil

from test_cases.case import Case


def all_cases() -> dict[str, Case]:
    """Return every case by its id. Raises ValueError for an id that is used twice."""
    found: dict[str, Case] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        for case in importlib.import_module(f"{__name__}.{module.name}").CASES:
            if case.id in found:
                raise ValueError(f"two cases have the id {case.id}")
            found[case.id] = case
    return found
