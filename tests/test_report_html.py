"""The page as a file: its policy, its size, how it is written, and the command that writes it."""

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from records.file import FILE_NAME, Run, read_run
from reports.html import linked, render, write
from reports.payload import LARGEST, Links, embeddable, payload
from reports.summary import summarize
from tests.sample_records import PLACES, header, write_sample

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def run(tmp_path):
    return read_run(write_sample(tmp_path).parent)


@pytest.fixture
def page(run):
    return render(run)


def large_run(targets=10, verdicts=5_000):
    """Return a run as large as they get; every fourth verdict differs, every fiftieth violates."""
    names = [f"target-{number}" for number in range(targets)]
    run = Run(header(), [{"target": name, "implementation": name} for name in names])
    tensors = header()["tensors"]
    worst = {
        name: {"value": 0.30000001192092896, "hex": "0x1.3333340000000p-2"}
        for name in ("observed", "expected", "canonical", "bound")
    }
    used = {"running_variance": {"option": "biased", "source": "a source file, a function"}}
    for number in range(verdicts):
        case = f"claim number {number // 12} holds for every channel of the layer"
        for name in names:
            kind = "violates" if number % 50 == 1 else "conforms"
            kind = "differs" if number % 4 == 0 else kind
            record = {"case": case, "target": name, "tensor": tensors[number % 6], "step": 1}
            record |= {"verdict": kind, "error_over_bound": number / 5e3, "max_ulp": number % 9}
            record |= {"convention": "running_variance=biased" if kind == "differs" else ""}
            record |= {"worst": {"index": [3, number]} | worst, "conventions": used}
            record |= {"message": f"{name} {case}: y[{number}] = 0x1.3p-2, should be 0x1.4p-2"}
            run.verdicts.append(record)
    run.footer = {"kind": "footer"}
    return run


def test_policy_allows_this_style_and_script_only(page):
    """The hashes of the policy are those of the inlined style and script."""
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    policy = policy.replace("&#39;", "'")
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    # An inline style or handler would be blocked by it, and so be missing on the page.
    assert not re.search(r"<[^>]+\s(style|on\w+)=", page.split("<script")[0])


def test_page_loads_nothing(page):
    """No element of the page names an address to fetch."""
    assert not re.search(r"<(link|img|iframe|object|embed|base|form)\b", page)
    assert not re.search(r"\ssrc=|@import|url\(", page)


def test_json_cannot_end_its_element():
    """No letter that a parser could take for markup is left."""
    text = embeddable({"</script><!--": "<script>&\u2028\u2029"})
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == {"</script><!--": "<script>&\u2028\u2029"}


def test_links_are_made_of_web_addresses_only():
    """Only http and https become links, and nothing of the text is lost."""
    assert linked("javascript:alert(1)") == "javascript:alert(1)"
    assert linked('see https://a.b/c?d=1&e="x": y') == (
        'see <a href="https://a.b/c?d=1&amp;e=" rel="noreferrer noopener">'
        "https://a.b/c?d=1&amp;e=</a>&#34;x&#34;: y"
    )


def test_every_table_has_a_caption_and_no_percentage_is_shown(page):
    """Units and legends belong to the table; conformance is no percentage."""
    body = page.split("<body>")[1].split("<script")[0]
    assert body.count("<table") == body.count("<caption") == 4
    assert "%" not in re.sub(r'href="[^"]*"', "", body)


def test_payload_holds_each_verdict_once(run):
    """Every verdict line is a row; all but the conforming ones have their details."""
    summary = summarize(run)
    data = payload(summary, Links(summary))
    assert sorted(row[10] for row in data["rows"]) == list(range(len(run.verdicts)))
    plain = [row for row in data["rows"] if data["verdicts"][row[4]][1] == "conforms"]
    assert {row[11] for row in plain} == {0}
    assert all(row[11] for row in data["rows"] if row not in plain)
    assert data["leftOut"] == 0


def test_details_of_the_gravest_verdicts_stay_when_space_ends(run):
    """With little space the differences lose their details first, and the page says how many."""
    summary = summarize(run)
    data = payload(summary, Links(summary), largest=1_500)
    kinds = [data["verdicts"][row[4]][1] for row in data["rows"] if row[11]]
    assert "crashed" in kinds
    assert "differs" not in kinds
    assert data["leftOut"] == sum(kind != "conforms" for kind in kinds_of(run)) - len(kinds)


def kinds_of(run):
    return [record["verdict"] for record in run.verdicts]


@pytest.mark.parametrize("wrong", [None, 1, 10**400, "text", [[1]], {"a": []}])
def test_records_of_another_shape_still_render(run, wrong):
    """A record written by something else costs its own figures, not the report."""
    for name in ("tensors", "conventions", "formulas", "machine", "planned", "command", "started"):
        run.header[name] = wrong
    for records in (run.targets, run.cases, run.verdicts, run.measured):
        for number, name in enumerate(records[0]):
            if name not in ("kind", "target"):
                records[number % len(records)][name] = wrong
    assert "BatchNorm divergence report" in render(run)


def test_large_run_stays_below_15_megabytes():
    """50,000 verdicts make a page that a browser opens."""
    assert len(render(large_run()).encode()) < 15_000_000


def test_many_long_messages_stay_below_15_megabytes():
    """Long messages do not make the page grow without end."""
    run = large_run(targets=2, verdicts=2_000)
    for number, record in enumerate(run.verdicts):
        record |= {"verdict": "raised", "message": f"{number}" * 30_000}
    page = render(run)
    assert len(page.encode()) < 15_000_000
    assert LARGEST < 15_000_000


def test_write_replaces_the_page_at_once(tmp_path):
    """The page is complete or as it was, and nothing else is left in the folder."""
    write_sample(tmp_path)
    (tmp_path / "index.html").write_text("old")
    assert write(tmp_path) == tmp_path / "index.html"
    assert "BatchNorm divergence report" in (tmp_path / "index.html").read_text("utf-8")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["index.html", FILE_NAME]


def test_failed_write_keeps_the_old_page(tmp_path, monkeypatch):
    """A full disk or a kill in between leaves the page that was there."""
    write_sample(tmp_path)
    (tmp_path / "index.html").write_text("old")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write(tmp_path)
    assert (tmp_path / "index.html").read_text() == "old"
    assert sorted(item.name for item in tmp_path.iterdir()) == ["index.html", FILE_NAME]


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "conformance", "report", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_command_renders_from_records_alone(tmp_path):
    """`python -m conformance report DIR` writes the page of a run and prints its path."""
    write_sample(tmp_path)
    done = command(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{tmp_path / 'index.html'}\n"


@pytest.fixture
def two_runs(tmp_path):
    """Two runs of the same targets on two machines."""
    for name, cores in (("laptop", 8), ("server", 64)):
        path = write_sample(tmp_path / name)
        path.write_text(path.read_text("utf-8").replace('"cores": 2', f'"cores": {cores}'), "utf-8")
    return tmp_path / "laptop", tmp_path / "server"


def test_command_shows_several_runs_as_one_page(two_runs):
    """The first folder gets the page; every target is a column, every machine a fact."""
    done = command(*two_runs)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{two_runs[0] / 'index.html'}\n"
    page = (two_runs[0] / "index.html").read_text("utf-8")
    for word in ("pytorch-cpu-eager @ laptop", "pytorch-cpu-eager @ server", "150 verdicts",
                 "2 runs", "cpu · eager @ server", "2 kinds of machine",
                 "machine of laptop", "cores 64"):  # fmt: skip
        assert word in page, word
    assert not (two_runs[1] / "index.html").exists()


def test_command_writes_where_it_is_told(two_runs):
    """--output makes its folder and leaves those of the runs alone."""
    output = two_runs[0].parent / "runs" / "together"
    done = command(*two_runs, "--output", output)
    assert (done.returncode, done.stdout) == (0, f"{output / 'index.html'}\n")
    assert [item.name for item in output.iterdir()] == ["index.html"]
    assert not any((folder / "index.html").exists() for folder in two_runs)


def test_command_says_in_one_line_what_is_wrong(tmp_path):
    """A folder without records, or with broken ones, is one line and exit status 2."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / FILE_NAME).write_bytes(b'{"kind": "\xff"}\n')
    for folder in (tmp_path / "none", tmp_path / "bad"):
        done = command(folder)
        assert done.returncode == 2
        assert (
            done.stderr.startswith("python -m conformance report: ")
            and done.stderr.count("\n") == 1
        )
    write_sample(tmp_path / "good")
    done = command(tmp_path / "good", tmp_path / "none")
    assert (done.returncode, done.stdout) == (2, "")  # no page of half of what was asked for
    assert str(tmp_path / "none") in done.stderr
    done = command(tmp_path / "good", "--output", tmp_path / "bad" / FILE_NAME)
    assert done.returncode == 2
    assert done.stderr.startswith("python -m conformance report: ") and done.stderr.count("\n") == 1


def test_command_teaches():
    """The help names the files, gives examples and the exit status."""
    text = command("--help").stdout
    for word in ("examples:", FILE_NAME, "index.html", "exit status", "--output", "one page",
                 "two machines", "default: the first DIR"):  # fmt: skip
        assert word in " ".join(text.split()), word


def test_same_records_give_the_same_page(run):
    """A report can be compared byte for byte."""
    assert render(run) == render(run)
    assert all(target in render(run) for target in PLACES)
