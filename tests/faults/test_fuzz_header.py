"""Headers that nobody thought of: read, or told as a fault in one line; never anything else."""

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from packaging.specifiers import InvalidSpecifier

from adapters.harness import environments, registry
from adapters.harness.header import read_header
from tests.faults.fuzzing import check_visible, fuzz
from tests.test_header import GOOD

WORDS = """
    = [ ] { } " ' # ( ; == >= <2 === true inf nan 1979-05-27 \\u001b python_version extra
    dependencies requires-python tool uv exclude-newer batchnorm-conformance package devices modes
    older versions gpu cpu layer[cuda]==2.0
"""
toml = st.sampled_from(
    [
        *WORDS.split(),
        "\n",
        "\n# ///\n",
        "\n# /// script\n",
        '"""',
        "9" * 5000,
        "[" * 2000,
        "(" * 2000,
    ]
)


@st.composite
def headers(draw):
    """Return an adapter file whose header had words and letters changed."""
    lines = "".join(f"# {line}".rstrip() + "\n" for line in GOOD.splitlines())
    parts = list(f"# /// script\n{lines}# ///\n")
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(parts)))
        parts[at : at + draw(st.integers(0, 6))] = [draw(toml | st.text(max_size=4))]
    return "".join(parts).encode(errors="surrogateescape")


@fuzz
@given(headers() | st.binary(max_size=200), st.text(max_size=12) | toml)
def test_headers(tmp_path_factory, data, specifier):
    """Any file is an implementation, with a fault in one visible line where it cannot be run."""
    path = tmp_path_factory.getbasetemp() / "fuzzed.py"
    path.write_bytes(data)
    one = read_header(path)
    check_visible(one.fault)
    assert "\n" not in one.fault
    if one.fault:
        return
    assert isinstance(one.pinned_version, str)
    for target in registry.targets([one], "all", "all"):
        assert environments.environment_folder(target.implementation).name.startswith("fuzzed-")
    with contextlib.suppress(InvalidSpecifier):
        environments.environment_folder(one.at(specifier))
