"""The page as a file: its policy, its size, how it is written, and the command that writes it."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from records.file import FILE_NAME, Run, line_of, read_run
from records.hypothesis import Hypothesis, Kind
from records.pieces import Declared, WorstElement
from records.schema import ExplanationRecord, TargetRecord, VerdictRecord
from records.verdict import Verdict
from reports.html import linked, render, write
from reports.payload import LARGEST, Links, embeddable, payload
from reports.summary import summarize
from tests.gold import FOLDER, first, gold

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def page():
    return render(gold())


@pytest.fixture
def folder(tmp_path):
    """A folder with the records of a run."""
    shutil.copy(FOLDER / FILE_NAME, tmp_path)
    return tmp_path


def large_run(targets=10, verdicts=5_000, **changes):
    """Return a run as large as they get; every fourth verdict differs, every fiftieth violates."""
    names = [f"target-{number}" for number in range(targets)]
    places = [
        {"target": name, "implementation": name, "device": "cpu", "mode": "eager"} for name in names
    ]
    tensors, value = gold().header.tensors, 0.30000001192092896
    used = Declared(field="running_variance", option="biased", source="a source file, a function")
    found = []
    for number in range(verdicts):
        case = f"claim number {number // 12} holds for every channel of the layer"
        kind = Verdict.VIOLATES if number % 50 == 1 else Verdict.CONFORMS
        kind = Verdict.DIFFERS if number % 4 == 0 else kind
        differs_by = (("running_variance", "biased"),) if kind is Verdict.DIFFERS else ()
        worst = WorstElement(
            index=(3, number), observed=value, expected=value, canonical=value, bound=value
        )
        for place in places:
            told = {"case": case, "dtype": "float32", "tensor": tensors[number % 6], "step": 1}
            told |= {"error_over_bound": number / 5e3, "max_ulp": float(number % 9)}
            message = f"{place['target']} {case}: y[{number}] = 0x1.3p-2, should be 0x1.4p-2"
            told |= {"verdict": kind, "differs_by": differs_by, "message": message}
            told |= {"worst": worst, "conventions": (used,)}
            found.append(VerdictRecord(**place, **{**told, **changes}))
    columns = tuple(TargetRecord(**place) for place in places)
    return Run(gold().header, columns, verdicts=tuple(found), footer=gold().footer)


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


def payload_of(run, **more):
    summary = summarize(run)
    return payload(summary, Links(summary), **more)


def test_payload_holds_each_verdict_once():
    """Every verdict line is a row; all but the conforming ones have their details."""
    run, data = gold(), payload_of(gold())
    assert sorted(row[10] for row in data["rows"]) == list(range(len(run.verdicts)))
    for row in data["rows"]:
        record = run.verdicts[row[10]]
        assert data["verdicts"][row[4]][1] == record.verdict
        assert data["cases"][row[0]]["id"] == record.case
        assert data["choices"][row[8]] == tuple((a, str(b)) for a, b in record.differs_by)
        assert bool(row[11]) == (record.verdict is not Verdict.CONFORMS)
    assert data["leftOut"] == 0


def test_verdicts_that_say_the_same_stay_two():
    """Two lines that are equal in all are two rows, each with its details."""
    crashed = first(gold().verdicts, verdict=Verdict.CRASHED)
    twice = replace(gold(), verdicts=(crashed, replace(crashed)), explanations=(), measured=())
    data = payload_of(twice)
    assert sorted(row[10] for row in data["rows"]) == [0, 1]
    assert all(row[11] for row in data["rows"])
    (finding,) = [one for one in data["findings"] if one["kind"] == Verdict.CRASHED]
    assert sorted(finding["rows"]) == [0, 1]


def test_details_hold_every_figure_of_the_verdict():
    """The message with what explains it, what is known, the log, the worst element in hex."""
    run, data = gold(), payload_of(gold())
    details = {row[10]: row[11] for row in data["rows"]}
    texts = data["texts"]
    told = next(one for one in run.verdicts if one.known)
    message, known, upstream, *_ = details[run.verdicts.index(told)]
    assert texts[message] == told.message
    assert (texts[known], texts[upstream]) == (told.known.what, told.known.upstream)
    violating = next(one for one in run.verdicts if one.diagnosis and one.worst)
    message, known, upstream, log, diagnosis, *values = details[run.verdicts.index(violating)]
    explained = f"; explained by {violating.diagnosis[0].name}: {violating.diagnosis[0].sentence}"
    assert texts[message].startswith(violating.message + explained)
    assert (texts[known], texts[upstream]) == ("", "")
    assert [texts[at] for at in diagnosis] == [one.name for one in violating.diagnosis]
    worst = violating.worst
    assert values[0] == ", ".join(map(str, worst.index))
    assert values[1:5] == [
        str(worst.observed),
        worst.observed.hex(),
        str(worst.expected),
        worst.expected.hex(),
    ]
    assert texts[log] == ""
    late = first(run.verdicts, verdict=Verdict.TIMED_OUT)
    message, _, _, log, diagnosis, *values = details[run.verdicts.index(late)]
    assert (texts[message], texts[log], diagnosis, values) == (late.message, late.log, [], [])
    assert "hold_the_gil" in late.log


def test_that_nothing_explains_it_is_no_news_of_what_is_known():
    """A violation without a diagnosis says so unless somebody has understood it."""
    known = replace(next(one for one in gold().verdicts if one.known), diagnosis=())
    assert known.explained == known.message
    unknown = replace(known, known=None)
    nothing = "no convention, number or known fault explains it, alone or in pairs"
    assert unknown.explained == f"{known.message}; {nothing}"
    sound = first(gold().verdicts, verdict=Verdict.DIFFERS)
    assert sound.explained == sound.message


def test_details_of_the_gravest_verdicts_stay_when_space_ends():
    """With little space the differences lose their details first, and the page says how many."""
    data = payload_of(gold(), largest=40_000)
    kept = {data["verdicts"][row[4]][1] for row in data["rows"] if row[11]}
    assert Verdict.BROKEN_ADAPTER in kept
    assert Verdict.DIFFERS not in kept
    wanted = sum(one.verdict is not Verdict.CONFORMS for one in gold().verdicts)
    assert data["leftOut"] == wanted - sum(bool(row[11]) for row in data["rows"]) > 0


def test_records_that_do_not_fit_together_still_render():
    """Cases, targets and conventions that nothing else tells of cost their own figures only."""
    lost = {"case": "no such case", "target": "no-such-target"}
    differs = first(gold().verdicts, verdict=Verdict.DIFFERS)
    foreign = replace(differs, **lost, differs_by=(("colour", "blue"),), tensor="z", step=-1)
    nameless = replace(differs, **lost, differs_by=(), tensor="")
    lonely = replace(gold().measured[0], target="no-such-target", field="colour")
    cause = Hypothesis(Kind.CONVENTIONS, "")
    place = {
        name: getattr(gold().targets[0], name) for name in ("implementation", "device", "mode")
    }
    said = ExplanationRecord(
        target="no-such-target", **place, hypothesis=cause, sentence="", cases=("no such case",)
    )
    run = replace(
        gold(),
        verdicts=(*gold().verdicts, foreign, nameless),
        measured=(*gold().measured, lonely),
        explanations=(said,),
        cases=(),
    )
    page = render(run)
    assert "no-such-target" in page
    assert "colour=blue" in page


def test_large_run_stays_below_15_megabytes():
    """50,000 verdicts make a page that a browser opens."""
    assert len(render(large_run()).encode()) < 15_000_000


def test_many_long_messages_stay_below_15_megabytes():
    """Long messages do not make the page grow without end."""
    run = large_run(targets=2, verdicts=2_000, verdict=Verdict.RAISED)
    long = (replace(one, message=f"{at}" * 4_000) for at, one in enumerate(run.verdicts))
    run = replace(run, verdicts=tuple(long))
    page = render(run)
    assert len(page.encode()) < 15_000_000
    assert LARGEST < 15_000_000


def test_write_replaces_the_page_at_once(folder):
    """The page is complete or as it was, and nothing else is left in the folder."""
    (folder / "index.html").write_text("old")
    assert write(folder) == folder / "index.html"
    assert "BatchNorm divergence report" in (folder / "index.html").read_text("utf-8")
    assert sorted(item.name for item in folder.iterdir()) == ["index.html", FILE_NAME]


def test_failed_write_keeps_the_old_page(folder, monkeypatch):
    """A full disk or a kill in between leaves the page that was there."""
    (folder / "index.html").write_text("old")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write(folder)
    assert (folder / "index.html").read_text() == "old"
    assert sorted(item.name for item in folder.iterdir()) == ["index.html", FILE_NAME]


def command(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "conformance", "report", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_command_renders_from_records_alone(folder):
    """`python -m conformance report DIR` writes the page of a run and prints its path."""
    done = command(folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{folder / 'index.html'}\n"


def test_command_tells_of_damaged_lines(folder):
    """The page is written, and a warning says how many lines it lacks."""
    path = folder / FILE_NAME
    first, second, rest = path.read_bytes().split(b"\n", 2)
    path.write_bytes(b"\n".join([first, second[:30], rest]))
    done = command(folder)
    assert done.returncode == 0
    told = "warning: 1 line of the records left out: line 2: no JSON object\n"
    assert done.stderr == told
    assert "1 line of records.jsonl cannot be read" in (folder / "index.html").read_text("utf-8")


@pytest.fixture
def two_runs(tmp_path):
    """Two runs of the same targets on two machines."""
    run = read_run(FOLDER)
    small = [*run.targets[:2], *run.cases, *(one for one in run.verdicts if "keras" in one.target)]
    for name, cores in (("laptop", 8), ("server", 64)):
        machine = replace(run.header.machine, cores=cores)
        lines = map(line_of, [replace(run.header, machine=machine), *small, run.footer])
        (tmp_path / name).mkdir()
        (tmp_path / name / FILE_NAME).write_text("".join(lines), "utf-8")
    return tmp_path / "laptop", tmp_path / "server"


def test_command_shows_several_runs_as_one_page(two_runs):
    """The first folder gets the page; every target is a column, every machine a fact."""
    done = command(*two_runs)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{two_runs[0] / 'index.html'}\n"
    page = (two_runs[0] / "index.html").read_text("utf-8")
    verdicts = 2 * len(read_run(two_runs[0]).verdicts)
    for word in ("keras-cpu-eager @ laptop", "keras-cpu-eager @ server", f"{verdicts} verdicts",
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
    done = command(FOLDER, tmp_path / "none")
    assert (done.returncode, done.stdout) == (2, "")  # no page of half of what was asked for
    assert str(tmp_path / "none") in done.stderr
    done = command(FOLDER, "--output", tmp_path / "bad" / FILE_NAME)
    assert done.returncode == 2
    assert done.stderr.startswith("python -m conformance report: ") and done.stderr.count("\n") == 1


def test_command_teaches():
    """The help names the files, gives examples and the exit status."""
    text = command("--help").stdout
    for word in ("examples:", FILE_NAME, "index.html", "exit status", "--output", "one page",
                 "two machines", "default: the first DIR"):  # fmt: skip
        assert word in " ".join(text.split()), word


def test_same_records_give_the_same_page(page):
    """A report can be compared byte for byte."""
    assert render(gold()) == page
    assert all(target.target in page for target in gold().targets)
