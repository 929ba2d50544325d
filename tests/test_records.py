"""Records: what a killed run leaves can be read, what is foreign is refused in one line."""

import json

import pytest

from records.file import (
    FILE_NAME,
    SCHEMA,
    RecordsError,
    RecordWriter,
    read_run,
    read_runs,
    read_stopped,
)
from reports.html import render

PAIRS = [("one", "here"), ("one", "there"), ("two", "here")]
TENSORS = ("y", "dx", "running_mean")


def verdicts_of(case, target):
    return [
        {"kind": "verdict", "case": case, "target": target, "tensor": tensor, "verdict": "conforms"}
        for tensor in TENSORS
    ]


def write_run(folder, pairs=PAIRS, **footer):
    writer = RecordWriter(folder, {"planned": {"cases": 2, "pairs": len(PAIRS)}})
    for case, target in pairs:
        places = [{"kind": "target", "target": target}, {"kind": "case", "case": case}]
        writer.write_all([*places, *verdicts_of(case, target)])
    if footer:
        writer.close(**footer)
    else:
        writer.leave()
    return folder / FILE_NAME


def pairs_in(run):
    return [(record["case"], record["target"]) for record in run.verdicts[:: len(TENSORS)]]


def test_a_finished_run_comes_back(tmp_path):
    """What was written is read, figures that JSON lacks and lone surrogates included."""
    writer = RecordWriter(tmp_path, {"command": ["pytest", "\udc80"]})
    writer.write("verdict", error_over_bound=float("inf"), message="\x1b[31m </script> \ud800")
    writer.close(exit_status=1)
    run = read_run(tmp_path)
    assert run.complete
    assert run.header["command"] == ["pytest", "\udc80"]
    assert run.verdicts[0]["error_over_bound"] == "inf"
    assert run.verdicts[0]["message"] == "\x1b[31m </script> \ud800"
    assert run.footer["exit_status"] == 1


def test_a_file_cut_anywhere_can_be_read_and_resumed(tmp_path):
    """Cut after any byte, what is whole is read; what may lack a verdict is left out to resume."""
    path = write_run(tmp_path, exit_status=0)
    whole = path.read_bytes()
    header = whole.index(b"\n") + 1
    for cut in range(header, len(whole)):
        path.write_bytes(whole[:cut])
        assert not read_run(tmp_path).complete
        assert pairs_in(read_run(tmp_path)) in [PAIRS[:count] for count in range(4)]
        stopped, end = read_stopped(tmp_path)
        assert len(stopped.verdicts) % len(TENSORS) == 0
        assert pairs_in(stopped) in [PAIRS[:count] for count in range(3)]
        assert header <= end <= cut
        assert whole[end - 1 : end] == b"\n"


def test_half_a_header_is_no_run(tmp_path):
    """A run killed before its first line was whole is refused in one line."""
    path = write_run(tmp_path)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(RecordsError, match=r"records.jsonl: the first line is no header"):
        read_run(tmp_path)


def test_a_resumed_file_is_one_run(tmp_path):
    """A run that goes on appends to what is kept, and ends with its own footer."""
    path = write_run(tmp_path, PAIRS[:2])
    kept = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"kind": "verd')
    writer = RecordWriter.resume(tmp_path, started="later")
    for case, target in PAIRS[1:]:
        writer.write_all(verdicts_of(case, target))
    writer.close(exit_status=0)
    run = read_run(tmp_path)
    assert pairs_in(run) == PAIRS
    assert run.complete
    assert run.resumed == [{"kind": "resumed", "started": "later"}]
    assert path.read_bytes().startswith(kept[: kept.index(b'"there"')].rpartition(b"\n")[0])


def test_a_finished_run_keeps_all_when_it_is_resumed(tmp_path):
    """With a footer nothing can be cut: only the footer gives way to what follows."""
    write_run(tmp_path, exit_status=2)
    stopped, _ = read_stopped(tmp_path)
    assert pairs_in(stopped) == PAIRS
    RecordWriter.resume(tmp_path, started="later").leave()
    assert not read_run(tmp_path).complete
    assert pairs_in(read_run(tmp_path)) == PAIRS


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ({"kind": "header", "schema": SCHEMA + 1}, f"this version reads schema {SCHEMA}"),
        ({"kind": "header"}, "records of schema None"),
        ({"kind": "verdict"}, "the first line is no header"),
        (["header"], "line 1 is no record"),
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


@pytest.mark.parametrize("line", [b"{{{\n", b"\xff\xfe\n", b"[" * 10**5 + b"\n", b"17\n"])
def test_damage_in_the_middle_is_told_with_its_line(tmp_path, line):
    """A line that is no record is only forgiven at the end, where a run can be cut."""
    path = write_run(tmp_path)
    header, _, rest = path.read_bytes().partition(b"\n")
    path.write_bytes(header + b"\n" + line + rest)
    with pytest.raises(RecordsError, match="line 2 is no"):
        read_run(tmp_path)


def test_runs_of_two_machines_read_as_one(tmp_path):
    """Targets of the same name keep apart by their folders; the plans add up."""
    write_run(tmp_path / "laptop", exit_status=0)
    write_run(tmp_path / "server", PAIRS[:1], exit_status=1)
    run = read_runs([tmp_path / "laptop", tmp_path / "server"])
    names = [target["target"] for target in run.targets]
    assert names == ["here @ laptop", "there", "here @ laptop", "here @ server"]
    assert run.header["planned"] == {"cases": 2, "pairs": 6}
    assert run.complete
    assert run.footer["exit_status"] == 1
    assert "here @ server" in render(run)


def test_together_they_are_complete_only_if_each_is(tmp_path):
    """One stopped run among several leaves the whole without a footer."""
    write_run(tmp_path / "one" / "latest", exit_status=0)
    write_run(tmp_path / "other" / "latest")
    run = read_runs([tmp_path / "one" / "latest", tmp_path / "other" / "latest"])
    assert not run.complete
    assert {record["target"] for record in run.verdicts} == {
        f"{target} @ {folder}/latest" for target in ("here", "there") for folder in ("one", "other")
    }


def test_one_run_alone_is_itself(tmp_path):
    """A single folder is read as `read_run` reads it; none at all is an error."""
    write_run(tmp_path, exit_status=0)
    assert read_runs([tmp_path]) == read_run(tmp_path)
    with pytest.raises(RecordsError, match="no folder"):
        read_runs([])


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    """Not even root can make a folder below a file."""
    (tmp_path / "file").touch()
    with pytest.raises(RecordsError, match=r"file/run/records.jsonl: cannot be written: Not a dir"):
        RecordWriter(tmp_path / "file" / "run", {})
