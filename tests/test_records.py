"""Records: what a killed run leaves can be read, what is foreign is refused in one line."""

import html
import json
import math
import os
import re
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from records.file import (
    FILE_NAME,
    RecordsError,
    RecordWriter,
    Run,
    line_of,
    read_run,
    read_stopped,
    record_of,
)
from records.lines import LARGEST_FILE
from records.pieces import Broken, Planned
from records.schema import SCHEMA, FooterRecord, ResumedRecord
from records.together import read_runs
from records.verdict import Verdict
from reports.html import render
from tests.gold import FOLDER, first, gold

PAIRS = [("one", "here"), ("one", "there"), ("two", "here")]
TENSORS = ("y", "dx", "running_mean")
HEADER = replace(gold().header, planned=Planned(cases=2, pairs=len(PAIRS)))
PLAIN = first(gold().verdicts, verdict=Verdict.CONFORMS)
RESUMED = ResumedRecord(started="later", command=("pytest",))


def footer(status=0):
    return FooterRecord(finished="now", seconds=1.0, exit_status=status, verdicts={})


def verdicts_of(case, target):
    return [replace(PLAIN, case=case, target=target, tensor=tensor) for tensor in TENSORS]


def write_run(folder, pairs=PAIRS, status=None):
    """Write a run of these pairs; without a status it is incomplete."""
    writer = RecordWriter(folder, HEADER)
    for case, target in pairs:
        places = replace(gold().targets[0], target=target), replace(gold().cases[0], case=case)
        writer.write(*places, *verdicts_of(case, target))
    if status is None:
        writer.leave()
    else:
        writer.close(footer(status))
    return folder / FILE_NAME


def pairs_in(run: Run):
    return [(record.case, record.target) for record in run.verdicts[:: len(TENSORS)]]


def test_what_is_written_comes_back(tmp_path):
    """Every record of a real run, and the same file to the byte when they are written again."""
    run = gold()
    lines = (FOLDER / FILE_NAME).read_text(encoding="utf-8").splitlines(keepends=True)
    assert [line_of(record_of(line)) for line in lines] == lines
    writer = RecordWriter(tmp_path, run.header)
    records = run.targets, run.cases, run.verdicts, run.measured, run.explanations
    writer.write(*(record for kind in records for record in kind))
    writer.close(run.footer)
    assert repr(read_run(tmp_path)) == repr(run)  # NaN differs from itself, its text does not


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan, 0.1, 5e-324, 1.0, None])
def test_every_number_comes_back(number):
    """Those that JSON lacks too, and as the type that they were."""
    row = replace(PLAIN, worst=replace(PLAIN.worst, canonical=number))
    told = record_of(line_of(row)).worst.canonical
    assert (type(told), repr(told)) == (type(number), repr(number))


def test_text_is_made_visible_where_it_is_read_to_be_shown(tmp_path):
    """Escapes, lone surrogates and endless texts, in keys as well; what is resumed has them all."""
    foreign = "\x1b[31m </script> \ud800" + "x" * 20_000
    writer = RecordWriter(tmp_path, replace(HEADER, command=("pytest", "\udc80")))
    writer.write(replace(PLAIN, message=foreign))
    writer.write(replace(gold().targets[0], versions={"\x00": "\u202e"}))
    writer.close(footer())
    run, stopped = read_run(tmp_path), read_stopped(tmp_path)
    assert run.header.command == ("pytest", "\ufffd")
    assert run.verdicts[0].message.startswith("\\x1b[31m </script> \ufffdxxx")
    assert run.verdicts[0].message.endswith(" … [cut here: 17 more characters are in the records]")
    assert run.targets[0].versions == {"\\x00": "\\u202e"}
    assert stopped.header.command == ("pytest", "\udc80")
    assert stopped.verdicts[0].message == foreign


def test_a_file_cut_anywhere_can_be_read_and_resumed(tmp_path):
    """Cut after any byte, what is whole is read; what may lack a verdict is left out to resume."""
    path = write_run(tmp_path, status=0)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    ends = [at for at in range(header, len(whole)) if whole[at - 2 : at + 2].count(b"\n")]
    for cut in {*range(header, len(whole), 97), *ends}:
        path.write_bytes(whole[:cut])
        run = read_run(tmp_path)
        assert not run.complete and not run.damaged
        assert pairs_in(run) in [PAIRS[:count] for count in range(4)]
        stopped = read_stopped(tmp_path)
        assert len(stopped.verdicts) % len(TENSORS) == 0
        assert pairs_in(stopped) in [PAIRS[:count] for count in range(3)]
        RecordWriter.resume(tmp_path, RESUMED).leave()
        kept, newline, rest = path.read_bytes().rpartition(line_of(RESUMED).encode())
        assert whole.startswith(kept) and newline and not rest


def test_half_a_header_is_no_run(tmp_path):
    """A run killed before its first line was whole is refused in one line."""
    path = write_run(tmp_path)
    header = path.read_bytes().partition(b"\n")[0]
    for half in (header[:20], header):
        path.write_bytes(half)
        with pytest.raises(RecordsError, match=r"records.jsonl: the first line is no header"):
            read_run(tmp_path)


def test_a_resumed_file_is_one_run(tmp_path):
    """A run that goes on appends to what is kept, and ends with its own footer."""
    path = write_run(tmp_path, PAIRS[:2])
    kept = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"kind": "verd')
    writer = RecordWriter.resume(tmp_path, RESUMED)
    for case, target in PAIRS[1:]:
        writer.write(*verdicts_of(case, target))
    writer.close(footer(1))
    run = read_run(tmp_path)
    assert pairs_in(run) == PAIRS
    assert run.complete
    assert run.resumed == (RESUMED,)
    assert path.read_bytes().startswith(kept[: kept.index(b'"there"')].rpartition(b"\n")[0])


def test_a_finished_run_keeps_all_when_it_is_resumed(tmp_path):
    """With a footer nothing can be cut: only the footer gives way to what follows."""
    write_run(tmp_path, status=2)
    stopped = read_stopped(tmp_path)
    assert pairs_in(stopped) == PAIRS
    RecordWriter.resume(tmp_path, RESUMED).leave()
    assert not read_run(tmp_path).complete
    assert pairs_in(read_run(tmp_path)) == PAIRS


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ({"kind": "header", "schema": SCHEMA + 1}, f"this version reads schema {SCHEMA}"),
        ({"kind": "header", "schema": 1}, "records of schema 1; this version reads"),
        ({"kind": "header"}, "records of schema None"),
        ({"kind": "header", "schema": SCHEMA}, "line 1: header lacks command, conventions"),
        ({"kind": "verdict"}, "the first line is no header"),
        (["header"], "the first line is no header"),
        (None, "the first line is no header"),
    ],
)
def test_foreign_records_are_refused_in_one_line(tmp_path, line, complaint):
    """Another schema, another kind of file and an empty one."""
    text = "" if line is None else json.dumps(line) + "\n"
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(RecordsError, match=complaint) as caught:
        read_run(tmp_path)
    assert "\n" not in str(caught.value)


DEEP = json.loads("[" * 500 + "]" * 500)


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        (("step",), "1", "verdict.step is a text, should be a whole number"),
        (("step",), 1.0, "verdict.step is a number, should be a whole number"),
        (("step",), True, "verdict.step is true or false, should be a whole number"),
        (("step",), 10**400, "verdict.step is too large a number"),
        (("error_over_bound",), 10**400, "verdict.error_over_bound is too large a number"),
        (("error_over_bound",), "much", "error_over_bound is 'much', should be a number"),
        (("max_ulp",), [1], "verdict.max_ulp is a list, should be a number or null"),
        (("verdict",), "wonderful", "verdict.verdict is 'wonderful', should be one of: conforms, "),
        (("verdict",), ["conforms"], "verdict.verdict is a list, should be a word"),
        (("tensor",), {"a": 1}, "verdict.tensor is an object, should be a text"),
        (("message",), None, "verdict.message is null, should be a text"),
        (("message",), DEEP, "verdict.message is a list, should be a text"),
        (("conventions",), {}, "verdict.conventions is an object, should be a list"),
        (("differs_by",), [["a"]], r"verdict.differs_by\[0\] has 1 items, should have 2"),
        (("differs_by",), [["a", []]], r"verdict.differs_by\[0\]\[1\] is a list, should be a text"),
        (("worst", "index"), [0, "\x1b"], r"verdict.worst.index\[1\] is a text, should be a whole"),
        (("worst", "bound"), {}, "verdict.worst.bound is an object, should be a number"),
        (("known",), {"what": "w"}, "verdict.known lacks upstream"),
        (("colour",), "blue", "verdict has the unknown field 'colour'"),
        (("\x1b\n" * 99,), 1, r"verdict has the unknown field '\\x1b\\n"),
        (("error_over_bound",), -1.0, "verdict.error_over_bound is less than 0"),
        (("max_ulp",), "-inf", "verdict.max_ulp is less than 0"),
        (("target",), ["t"], "verdict.target is a list, should be a text"),
        (("kind",), "guess", "a record of the unknown kind 'guess'"),
        (("kind",), ["verdict"], "a record of the unknown kind"),
        (("kind",), "header", "header "),
    ],
)
def test_what_is_no_record_does_not_pass_the_door(tmp_path, place, value, complaint):
    """A wrong type, depth, size, word or field costs its line, and is told with its field."""
    path = write_run(tmp_path, status=0)
    lines = path.read_text("utf-8").splitlines()
    told = json.loads(lines[4])
    holder = told
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = value
    path.write_text("\n".join([*lines[:4], json.dumps(told), *lines[5:]]) + "\n", "utf-8")
    run = read_run(tmp_path)
    (told,) = run.damaged
    assert re.match(f"line 5: .*{complaint}", told)
    assert told.isprintable()
    assert len(told) < 600
    assert run.complete
    assert len(run.verdicts) == len(PAIRS) * len(TENSORS) - 1
    assert told.split(",")[0] in html.unescape(render(run))


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        (("planned",), 3, "header.planned is a whole number, should be an object"),
        (("planned", "pairs"), "3", "header.planned.pairs is a text, should be a whole number"),
        (("planned", "pairs"), [], "header.planned.pairs is a list, should be a whole number"),
        (("tensors",), {"y": 1}, "header.tensors is an object, should be a list"),
        (("machine", "cores"), 0.5, "header.machine.cores is a number, should be a whole number"),
        (("colour",), DEEP, "header has the unknown field 'colour'"),
    ],
)
def test_a_header_that_is_none_is_refused(tmp_path, place, value, complaint):
    """Without its header nothing of a run can be shown: one line says what is wrong with it."""
    path = write_run(tmp_path)
    header, *rest = path.read_text("utf-8").splitlines(keepends=True)
    told = json.loads(header)
    holder = told
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = value
    path.write_text("".join([json.dumps(told) + "\n", *rest]), "utf-8")
    with pytest.raises(RecordsError, match=re.escape(f"records.jsonl: line 1: {complaint}")):
        read_run(tmp_path)


@pytest.mark.parametrize("depth", [330, 500, 900, 10_000])
def test_nesting_costs_a_line(tmp_path, depth):
    """However deep, and wherever it stands."""
    path = write_run(tmp_path, status=0)
    lines = path.read_bytes().splitlines(keepends=True)
    deep = b"[" * depth + b"]" * depth
    line = b'{"kind": "verdict", "worst": {"index": ' + deep + b"}}\n"
    path.write_bytes(b"".join([*lines[:5], line, *lines[5:]]))
    run = read_run(tmp_path)
    assert len(run.damaged) == 1
    assert len(run.verdicts) == len(PAIRS) * len(TENSORS)


def test_what_is_no_file_is_not_waited_for(tmp_path):
    """A named pipe, a device, a link to one, a folder, and more than anybody wrote."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with open(tmp_path / "large", "wb") as file:
        file.truncate(LARGEST_FILE + 1)
    for what, complaint in [
        (tmp_path / "pipe", "it is no file"),
        (Path("/dev/zero"), "it is no file"),
        (tmp_path / "folder", "Is a directory"),
        (tmp_path / "large", "it has 1024 MB; at most 1024 are read"),
    ]:
        (tmp_path / FILE_NAME).unlink(missing_ok=True)
        (tmp_path / FILE_NAME).symlink_to(what)
        for read in (read_run, read_stopped):
            with pytest.raises(RecordsError, match=complaint):
                read(tmp_path)


def test_a_text_that_makes_patterns_backtrack(tmp_path):
    """Every text of 20,000 letters that a pattern could stumble over is shown in a moment."""
    writer = RecordWriter(tmp_path, HEADER)
    for number, words in enumerate(
        (" (", "((", "http://", "http://.", "a: ", "0x", "1e", " \n", ")-")
    ):
        text = (words * 20_000)[:19_999]
        row = replace(PLAIN, verdict=Verdict.VIOLATES, known=None, message=text, log=text)
        writer.write(replace(row, case=f"{number} {text}", target=text, tensor=text))
    writer.close(footer())
    began = time.process_time()
    render(read_run(tmp_path))
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    "line", [b"{{{", b"\xff\xfe", b"[" * 10**5, b"17", b'["verdict"]', b"\0" * 9, b"1" * 5000]
)
def test_a_damaged_line_is_left_out_and_counted(tmp_path, line):
    """What is no JSON object costs itself: the rest is read, and the page says what is missing."""
    path = write_run(tmp_path, status=0)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], line + b"\n", *lines[4:8], line + b"\n", *lines[8:]]))
    run = read_run(tmp_path)
    assert run.damaged == ("line 4: no JSON object", "line 9: no JSON object")
    assert run.complete
    assert len(run.verdicts) == len(PAIRS) * len(TENSORS) - 1
    assert "2 lines of records.jsonl cannot be read, and what they said is missing." in render(run)
    # What is resumed runs again whatever the damaged lines may have been of.
    stopped = read_stopped(tmp_path)
    assert pairs_in(stopped) == PAIRS[2:]
    assert stopped.damaged == run.damaged


def test_two_files_are_not_one(tmp_path):
    """A file that somebody appended to another has a second header, and is refused."""
    path = write_run(tmp_path)
    lines = path.read_bytes().count(b"\n")
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(RecordsError, match=f"line {lines + 1}: a second header"):
        read_run(tmp_path)


def test_runs_of_two_machines_read_as_one(tmp_path):
    """Targets of the same name keep apart by their folders; the plans add up."""
    write_run(tmp_path / "laptop", status=0)
    write_run(tmp_path / "server", PAIRS[:1], status=1)
    run = read_runs([tmp_path / "laptop", tmp_path / "server"])
    names = [target.target for target in run.targets]
    assert names == ["here @ laptop", "there", "here @ laptop", "here @ server"]
    assert run.header.planned == Planned(cases=2, pairs=6)
    assert run.machines.keys() == {"laptop", "server"}
    assert run.complete
    assert run.footer.exit_status == 1
    assert "here @ server" in render(run)


def test_together_they_are_complete_only_if_each_is(tmp_path):
    """One stopped run among several leaves the whole without a footer."""
    write_run(tmp_path / "one" / "latest", status=0)
    write_run(tmp_path / "other" / "latest")
    run = read_runs([tmp_path / "one" / "latest", tmp_path / "other" / "latest"])
    assert not run.complete
    assert {record.target for record in run.verdicts} == {
        f"{target} @ {folder}/latest" for target in ("here", "there") for folder in ("one", "other")
    }


def test_one_run_alone_is_itself(tmp_path):
    """A single folder is read as `read_run` reads it; none at all is an error."""
    write_run(tmp_path, status=0)
    assert read_runs([tmp_path]) == read_run(tmp_path)
    with pytest.raises(RecordsError, match="no folder"):
        read_runs([])


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    """Not even root can make a folder below a file."""
    (tmp_path / "file").touch()
    with pytest.raises(RecordsError, match=r"file/run/records.jsonl: cannot be written: Not a dir"):
        RecordWriter(tmp_path / "file" / "run", HEADER)


def test_what_can_be_asked_again_is_not_kept(tmp_path):
    """What was not run, and all of a target that was never judged, are taken out to resume."""
    broken = Broken(ended=Verdict.BROKEN_ADAPTER, message="no such module")
    writer = RecordWriter(tmp_path, HEADER)
    writer.write(replace(gold().targets[0], target="never", broken=broken))
    writer.write(*verdicts_of("one", "never"))
    writer.write(replace(gold().targets[0], target="here"), *verdicts_of("one", "here"))
    writer.write(replace(PLAIN, case="two", target="here", tensor="", verdict=Verdict.NOT_RUN))
    writer.close(footer(1))
    assert pairs_in(read_run(tmp_path)) != pairs_in(read_stopped(tmp_path)) == [("one", "here")]
    RecordWriter.resume(tmp_path, RESUMED).leave()
    run = read_run(tmp_path)
    assert [target.target for target in run.targets] == ["here"]
    assert pairs_in(run) == [("one", "here")]
    assert run.resumed == (RESUMED,)


def test_a_file_takes_the_place_of_a_link(tmp_path):
    """Neither a new run nor a resumed one writes to what a symbolic link leads to."""
    path = write_run(tmp_path / "elsewhere")
    before = path.read_bytes()
    (tmp_path / "here").mkdir()
    begins = (partial(RecordWriter, header=HEADER), partial(RecordWriter.resume, resumed=RESUMED))
    for begin in begins:
        link = tmp_path / "here" / FILE_NAME
        link.unlink(missing_ok=True)
        link.symlink_to(path)
        begin(tmp_path / "here").leave()
        assert not link.is_symlink()
        assert path.read_bytes() == before
        assert read_run(tmp_path / "here").header == HEADER
