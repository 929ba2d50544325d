"""`python -m conformance environments`: what do the environments take, and whose are they?"""

import json
import re

from adapters.harness import environments, registry, trust
from tests.front_door import conformance


def test_environments_that_nobody_asks_for_are_pruned(tmp_path, monkeypatch):
    """Only those; with their log and lock. What is left is listed with its owner."""
    monkeypatch.setenv(environments.CACHE_VARIABLE, str(tmp_path))
    ours = environments.environment_folder(registry.implementations()["pytorch"])
    stray = ours.with_name("pytorch-0123456789abcdef")
    for folder in (ours, stray):
        folder.mkdir(parents=True)
        (folder / "package.py").write_bytes(bytes(3 * 2**20))
        trust.mark(folder, built=True)
        folder.with_suffix(".log").write_text("")
    listed = conformance("environments")
    assert listed.returncode == 0
    assert re.search(rf"3 MB +3 MB own +{re.escape(str(ours))} +pytorch\n", listed.stdout)
    assert re.search(rf"{re.escape(str(stray))} +no header asks for it\n", listed.stdout)
    assert stray.exists()
    told = json.loads(conformance("environments", "--json").stdout)
    assert [(one["owner"], one["size"] >> 20, one["removed"]) for one in told] == [
        ("", 3, False) if one["folder"] == str(stray) else ("pytorch", 3, False) for one in told
    ]
    pruned = conformance("environments", "--prune")
    told = ["6 MB in 2 environments\n", f"removed: {stray}\n", "at least 3 MB freed\n"]
    places = [pruned.stdout.index(line) for line in told]
    assert places == sorted(places), "all are listed before the first is removed"
    assert sorted(path.name for path in ours.parent.iterdir()) == [ours.name, ours.name + ".log"]
    assert conformance("environments", "--prune").stdout.endswith("at least 0 MB freed\n")
