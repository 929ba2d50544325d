"""The tutorial, followed literally: from the code on the page to a verdict."""

import re
import subprocess
import sys
from pathlib import Path

from records.file import read_run

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "add-an-implementation.md"


def python(*arguments):
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_the_tutorials_layer_gets_its_verdicts(tmp_path):
    """The file that the page builds up runs, and differs from the paper only as it declares."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 2
    adapter = tmp_path / "my_layer.py"
    adapter.write_text("\n".join(blocks), encoding="utf-8")
    done = python("conformance", "smoke", adapter, f"--python=my-layer={sys.executable}")
    assert done.returncode == 0, done.stdout[-3000:]
    options = [f"--adapter={adapter}", f"--python=my-layer={sys.executable}"]
    options += [f"--report={tmp_path / 'report'}"]
    done = python("pytest", "-p", "no:cacheprovider", *options)
    assert done.returncode == 0, done.stdout[-3000:]
    verdicts = read_run(tmp_path / "report").verdicts
    assert {record.verdict for record in verdicts} == {"conforms", "differs", "undecided"}
    differing = {record.differs_by for record in verdicts if record.verdict == "differs"}
    assert differing == {(("running_variance", "biased"),)}
