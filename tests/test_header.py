"""An adapter's header: what it says, what is wrong with it in one line, and other versions."""

import pytest

from adapters.harness import environments, registry, uv
from adapters.harness.header import read_header

GOOD = """\
requires-python = ">=3.10"
dependencies = ["layer==2.0", "numpy==2.4.6"]
[tool.uv]
exclude-newer = "2026-01-01T00:00:00Z"
[tool.batchnorm-conformance]
package = "layer"
devices = ["cpu", "gpu"]
modes = ["eager", "jit"]
[tool.batchnorm-conformance.gpu]
dependencies = ["layer[cuda]==2.0", "numpy==2.4.6"]
[[tool.batchnorm-conformance.older]]
versions = "<1.5"
dependencies = ["layer", "numpy==1.26.4"]
requires-python = ">=3.8"
"""


def implementation(folder, toml):
    path = folder / "my_layer.py"
    block = "".join(f"# {line}".rstrip() + "\n" for line in toml.splitlines())
    path.write_text(f"# /// script\n{block}# ///\n", encoding="utf-8")
    return read_header(path)


def test_what_a_header_says(tmp_path):
    """Everything that must be known before the environment exists."""
    one = implementation(tmp_path, GOOD)
    assert (one.name, one.package, one.pinned_version, one.fault) == (
        "my-layer",
        "layer",
        "2.0",
        "",
    )
    assert (one.devices, one.modes) == (("cpu", "gpu"), ("eager", "jit"))
    assert one.on("cpu").dependencies == ("layer==2.0", "numpy==2.4.6")
    assert one.on("gpu").dependencies == ("layer[cuda]==2.0", "numpy==2.4.6")
    folders = {environments.environment_folder(one.on(device)) for device in one.devices}
    assert len(folders) == 2


@pytest.mark.parametrize(
    ("specifier", "numpy", "dated"),
    [
        ("==1.4.2", "numpy==1.26.4", True),
        ("==1.4.*", "numpy==1.26.4", True),
        ("~=1.4.0", "numpy==1.26.4", True),
        ("<1.5", "numpy==1.26.4", True),
        (">=1.0,<=1.4", "numpy==1.26.4", True),
        ("<1.6", "numpy==2.4.6", False),
        ("==1.5", "numpy==2.4.6", False),
        (">=1.0", "numpy==2.4.6", False),
        ("==3.0", "numpy==2.4.6", False),
    ],
)
def test_another_version_has_what_it_needs(tmp_path, specifier, numpy, dated):
    """The newest version that the specifier allows decides which dependencies go with it."""
    other = implementation(tmp_path, GOOD).at(specifier)
    parts = set(specifier.split(","))
    (layer,) = [text for text in other.dependencies if text.startswith("layer")]
    assert set(layer.removeprefix("layer").split(",")) == parts
    assert numpy in other.dependencies
    assert bool(other.exclude_newer) == dated
    assert other.requires_python == (">=3.8" if dated else ">=3.10")
    assert other.on("gpu").dependencies != other.dependencies or dated


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ('"layer==2.0", ', '"layer=2.0", ', "the dependency 'layer=2.0' is none: Expected"),
        ("[tool.uv]", "[tool.uv", "the header is no TOML"),
        ('modes = ["eager", "jit"]', 'mode = ["eager"]', "unknown key 'mode'; it may have package"),
        ('modes = ["eager", "jit"]', 'modes = "eager"', "modes is no list"),
        ('modes = ["eager", "jit"]', 'modes = ["a b"]', "modes: 'a b' is no name"),
        ('requires-python = ">=3.10"', 'requires-python = "3"', "requires-python: Invalid"),
        ('">=3.10"', f'">={"9" * 5000}"', "requires-python: it has 5002 characters; at most 1000"),
        ('"layer==2.0", ', f'"layer=={"9" * 5000}", ', "it has 5007 characters; at most 1000"),
        ('dependencies = ["layer==', f"x = {'[' * 2000}", "the header is no TOML"),
        ('modes = ["eager"', f'x = "{"y" * 2**15}" #', "characters; at most 32768 are read"),
        ('versions = "<1.5"', 'versions = "1.5"', "versions: Invalid specifier"),
        ('versions = "<1.5"', "", "an [[older]] needs its versions"),
        ('package = "layer"', "gpus = 1", "unknown key 'gpus'"),
    ],
)
def test_a_wrong_header_is_told_in_one_line(tmp_path, before, after, fault):
    """The file's name, and what is wrong."""
    assert before in GOOD
    one = implementation(tmp_path, GOOD.replace(before, after, 1))
    assert one.fault.startswith("my_layer.py: ")
    assert fault in one.fault
    assert "\n" not in one.fault


def test_a_file_in_the_folder_without_a_header_does_not_stop_the_others(tmp_path):
    """It is an implementation with a fault; its neighbour is one without."""
    (tmp_path / "plain.py").write_text("", encoding="utf-8")
    implementation(tmp_path, GOOD)
    found = registry.implementations(tmp_path)
    assert found["plain"].fault.startswith("plain.py: there is no PEP 723 header")
    assert not found["my-layer"].fault


@pytest.mark.parametrize(
    ("wish", "labels"),
    [
        ("my-layer==1.0, my-layer", ["my-layer==1.0", "my-layer"]),
        ("my-layer>=1,<2,my-layer==3", ["my-layer>=1,<2", "my-layer==3"]),
        ("my-layer==1.*,my-layer==1.*", ["my-layer==1.*"]),
        ("my-layer >= 1, != 1.3, < 2", ["my-layer>=1,!=1.3,<2"]),
    ],
)
def test_several_specifiers_at_once(tmp_path, wish, labels):
    """A comma separates implementations, and the parts of a specifier."""
    implementation(tmp_path, GOOD)
    assert [one.label for one in registry.choose(wish, tmp_path)] == labels


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (
            "Using Python 3.11.7 environment at: v\n"
            "error: No solution found when resolving dependencies\n"
            "  cause: Because there is no version of torch==9.9 and you require torch==9.9,\n"
            "         we can conclude that your requirements are unsatisfiable.\n\n"
            "hint: something else\n",
            "No solution found when resolving dependencies: Because there is no version of "
            "torch==9.9 and you require torch==9.9, we can conclude that your requirements are "
            "unsatisfiable.",
        ),
        (
            "  × No solution found when resolving dependencies:\n"
            "  ╰─▶ Because there is no version of torch==9.9 and you require\n"
            "      torch==9.9, we can conclude that it is unsatisfiable.\n",
            "No solution found when resolving dependencies: Because there is no version of "
            "torch==9.9 and you require torch==9.9, we can conclude that it is unsatisfiable.",
        ),
        (
            "error: Failed to build `numpy==1.19.5`\n  cause: The build backend returned an error\n"
            "  cause: Call to `build_wheel` failed\n\n   [stdout]\n   much\n",
            "Failed to build `numpy==1.19.5`: The build backend returned an error: "
            "Call to `build_wheel` failed",
        ),
        ("Resolved\nKilled\n", "Killed"),
        ("", "uv said nothing"),
    ],
)
def test_uvs_reason_in_one_line(told, line):
    """The error and the first causes, whatever the lines are wrapped to."""
    assert uv.reason(told) == line
