"""A package of the project's own, made where a test needs one that can be installed."""

import base64
import hashlib
import site
import zipfile
from pathlib import Path

NAME = "miniature_needs"
HEADER = """\
# /// script
# requires-python = ">=3.11"
# dependencies = ["miniature-needs==1.0"]
# [tool.batchnorm-conformance]
# package = "miniature-needs"
# ///
"""
ADAPTER = f"""\
{HEADER}
import {NAME}
from tests.faults.adapters.sound import *

assert {NAME}.WHOLE
"""


def make_wheel(folder: Path, words: str = "WHOLE = True\n") -> Path:
    """Make the package in a folder; with it come all packages of the running interpreter."""
    dist = f"{NAME}-1.0.dist-info"
    files = {
        f"{NAME}/__init__.py": words,
        f"{NAME}.pth": "\n".join(site.getsitepackages()),
        f"{dist}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n",
        f"{dist}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        record += f"{name},sha256={digest.decode().rstrip('=')},{len(text)}\n"
    folder.mkdir(exist_ok=True)
    path = folder / f"{NAME}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for name, text in {**files, f"{dist}/RECORD": f"{record}{dist}/RECORD,,\n"}.items():
            wheel.writestr(name, text)
    return path
