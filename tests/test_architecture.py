"""The imports run in one direction, and nothing that is not the host's is imported there."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = {
    "reference": set(),
    "records": set(),
    "diagnosis": {"reference", "records"},
    "explain": {"diagnosis", "reference", "records"},
    "adapters": set(),
    "test_cases": {"reference"},
    "suite": {"adapters", "diagnosis", "records", "reference", "reports", "test_cases"},
    "reports": {"records"},
}
"""What each room may import of the others."""

DOORS = {
    "conformance": {*ROOMS},
    "conftest": {*ROOMS},
    "benchmarks": {*ROOMS},
    "docs": {*ROOMS, "benchmarks"},
    "tests": {*ROOMS, "conformance", "conftest", "benchmarks", "docs"},
}
"""What looks at the rooms from outside. No room imports it."""

MAY_IMPORT = ROOMS | DOORS
HOST_LIBRARIES = {
    "filelock",
    "jinja2",
    "markupsafe",
    "ml_dtypes",
    "numpy",
    "packaging",
    "platformdirs",
    "pytest",
    "xdist",
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
    """Return the files of a package, or the module of that name."""
    return sorted((ROOT / package).rglob("*.py")) or [ROOT / f"{package}.py"]


def adapter_files():
    return [path for path in (ROOT / "adapters").glob("*.py") if not path.stem.startswith("__")]


def roots(names):
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_in_one_direction(package):
    """No package imports another but those that the design allows."""
    for path in files_of(package):
        wrong = (roots(imports_of(path)) & MAY_IMPORT.keys()) - MAY_IMPORT[package] - {package}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


def test_every_package_of_the_tree_has_its_arrows():
    """A new top-level package must say what it may import, and an old one must still be there."""
    packages = {path.parent.name for path in ROOT.glob("[!.]*/*.py")}
    modules = {path.stem for path in ROOT.glob("*.py")}
    assert packages | modules == MAY_IMPORT.keys()


def test_the_readme_shows_these_rooms_and_arrows():
    """The picture under "How it works" has the packages of the tree, and their arrows."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    picture = re.search(r"## How it works\n+```\n(.*?)```", text, re.DOTALL)[1]
    shown = {}
    for line in picture.splitlines():
        name, meaning, arrows = re.fullmatch(
            r"(\w+)(?:/|\.py) +(\S.*?)(?: +→ (.*))?", line
        ).groups()
        assert len(meaning) > 20, name
        shown[name] = set()
        for one in (arrows or "").split(", "):
            many, _, less = one.partition(" but ")
            every = {"every room": {*ROOMS}, "everything": {*MAY_IMPORT}}
            shown[name] |= every.get(many, {many}) - {less, name, ""}
    assert shown == MAY_IMPORT


def test_the_reference_needs_numpy_only():
    """The specification runs wherever NumPy does, under any name: its imports are relative."""
    for path in files_of("reference"):
        outside = roots(imports_of(path)) - set(sys.stdlib_module_names) - {"numpy"}
        assert not outside, f"{path.relative_to(ROOT)} imports {outside}"


def test_the_host_imports_no_framework():
    """Everything but the adapters themselves needs the host's own libraries only."""
    for package in {*ROOMS, "conformance", "conftest"}:
        for path in set(files_of(package)) - set(adapter_files()):
            outside = roots(imports_of(path)) - set(sys.stdlib_module_names)
            outside -= HOST_LIBRARIES | MAY_IMPORT.keys()
            assert not outside, f"{path.relative_to(ROOT)} imports {outside}"


def test_an_adapter_sees_the_protocol_only():
    """No adapter reaches the reference or the cases; a variant imports the adapter it varies."""
    adapters = adapter_files()
    assert len(adapters) >= 4
    for path in adapters:
        own = {name for name in imports_of(path) if name.partition(".")[0] in MAY_IMPORT}
        siblings = {"adapters." + one.stem for one in adapters} - {"adapters." + path.stem}
        assert own <= {"adapters", "adapters.harness.protocol", *siblings}, (
            f"{path.name} imports {own}"
        )


def test_the_harness_imports_no_adapter():
    """What starts the adapters reads their headers, and knows none of them."""
    for path in files_of("adapters/harness"):
        own = {name for name in imports_of(path) if name.partition(".")[0] == "adapters"}
        wrong = {name for name in own if not name.startswith("adapters.harness")}
        assert not wrong, f"{path.relative_to(ROOT)} imports {wrong}"


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
