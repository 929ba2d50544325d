"""The imports run in one direction, and nothing that is not the host's is imported there."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = (
    "records",
    "reference",
    "diagnosis",
    "explain",
    "adapters",
    "test_cases",
    "suite",
    "reports",
)
HOST_LIBRARIES = {
    "filelock",
    "jinja2",
    "markupsafe",
    "ml_dtypes",
    "numpy",
    "packaging",
    "platformdirs",
    "pytest",
}
ENTRY_POINT = ROOT / "adapters" / "__main__.py"
"""Like conftest.py it may know all packages: nothing imports it."""
MAY_IMPORT = {
    "records": set(),
    "reference": set(),
    "diagnosis": {"reference", "records"},
    "explain": {"diagnosis", "reference"},
    "adapters": set(),
    "test_cases": {"reference"},
    "suite": {"reference", "diagnosis", "adapters", "test_cases", "records", "reports"},
    "reports": {"records"},
}


def imports_of(path):
    """Return every module that a file imports, at any depth of the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:  # a relative one stays within
            found.add(node.module)
    return found


def files_of(package):
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_import_in_one_direction(package):
    """No package imports another but those that the design allows."""
    for path in set(files_of(package)) - {ENTRY_POINT}:
        own = {name.partition(".")[0] for name in imports_of(path)} & set(PACKAGES)
        wrong = own - MAY_IMPORT[package] - {package}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_the_reference_needs_numpy_only():
    """The specification runs wherever NumPy does."""
    for path in files_of("reference"):
        outside = {name.partition(".")[0] for name in imports_of(path)}
        outside -= set(sys.stdlib_module_names) | {"numpy", "reference"}
        assert not outside, f"{path.relative_to(ROOT)} imports {outside}"


def test_the_host_imports_no_framework():
    """Everything but the adapters themselves needs the host's own libraries only."""
    adapters = {path for path in (ROOT / "adapters").glob("*.py") if not path.stem.startswith("__")}
    for package in PACKAGES:
        for path in set(files_of(package)) - adapters:
            outside = {name.partition(".")[0] for name in imports_of(path)}
            outside -= set(sys.stdlib_module_names) | HOST_LIBRARIES | set(PACKAGES)
            assert not outside, f"{path.relative_to(ROOT)} imports {outside}"


def test_an_adapter_sees_the_protocol_only():
    """No adapter reaches the reference or the cases; a variant imports the adapter it varies."""
    adapters = [path for path in (ROOT / "adapters").glob("*.py") if not path.stem.startswith("__")]
    assert len(adapters) >= 4
    for path in adapters:
        own = {name for name in imports_of(path) if name.partition(".")[0] in PACKAGES}
        siblings = {"adapters." + one.stem for one in adapters} - {"adapters." + path.stem}
        assert own <= {"adapters", "adapters.harness.protocol", *siblings}, (
            f"{path.name} imports {own}"
        )


def test_layer_and_step_are_the_same_on_both_sides_of_the_pipe():
    """The reference's Layer and Step have the protocol's fields, less the target's own."""
    from dataclasses import fields

    from adapters.harness import protocol
    from reference import layer

    def names(cls):
        return [(field.name, field.default) for field in fields(cls)]

    assert names(protocol.Step) == names(layer.Step)
    targets_own = [("device", "cpu"), ("mode", "eager")]
    assert names(protocol.Layer) == names(layer.Layer) + targets_own
