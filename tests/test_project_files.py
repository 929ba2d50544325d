"""The files that every project has: one version, one licence, and a citation of both."""

import hashlib
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
APACHE_2 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"
"""The SHA-256 of the licence as the Apache Software Foundation publishes it."""


def text(name):
    return (ROOT / name).read_text(encoding="utf-8")


def project():
    return tomllib.loads(text("pyproject.toml"))["project"]


def test_one_version_everywhere():
    """The project's version is the citation's, and the newest that the changelog tells of."""
    cited = re.search(r"(?m)^version: (\S+)$", text("CITATION.cff"))[1]
    told = re.findall(r"(?m)^## \[(\d\S*)\] - \d{4}-\d\d-\d\d$", text("CHANGELOG.md"))
    assert cited == told[0] == project()["version"]


def test_the_changelog_keeps_its_form():
    """What is not released comes first, and every heading below is one of the form's kinds."""
    headings = re.findall(r"(?m)^##+ (.*)$", text("CHANGELOG.md"))
    assert headings[0] == "[Unreleased]"
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {one for one in headings if not one.startswith("[")} <= kinds


def test_the_licence_is_the_whole_one_and_named_everywhere():
    """Apache-2.0, verbatim."""
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE_2
    assert project()["license"] == "Apache-2.0"
    assert "\nlicense: Apache-2.0\n" in text("CITATION.cff")
    for name in ("README.md", "CONTRIBUTING.md"):
        assert "[Apache-2.0](LICENSE)" in text(name)
