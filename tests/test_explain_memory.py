"""`explain` and large files: how much memory one takes, measured in a process of its own."""

import resource
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from explain import reading
from explain.reading import DumpError, read_dump
from tests.explain_runs import ROOT
from tests.independent_layer import call, inputs
from tests.safetensors_files import written

TIMES = 6
"""An explanation takes at most so many times the memory of its file."""

MEASURED = """
import re, sys
sys.path.insert(0, ROOT)
from conformance.command_line import main
status = main(["explain", PATH])
most = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())[1]
print(int(most) * 1024, file=sys.stderr)
sys.exit(status)
"""
"""ru_maxrss would be the larger one of this process and its parent, which made the file."""


def large():
    """Return the arrays of a call that take 26 MB."""
    return call(inputs((25, 64, 32, 32), 1, np.float32), 1)


@pytest.mark.skipif(sys.platform != "linux", reason="no /proc to read it from")
@pytest.mark.parametrize("kind", ["npz", "safetensors", "wrong"])
def test_a_large_file_takes_a_few_times_its_memory(kind, tmp_path):
    """NumPy, the program and all it computes with are in the figure; a wrong file has one, too."""
    arrays, path = large(), tmp_path / "dump"
    if kind == "wrong":
        arrays["y"][3, 5, 7, 9] += np.float32(0.5)
    if kind == "safetensors":
        path.write_bytes(written(arrays))
    else:
        with open(path, "wb") as file:
            np.savez(file, **arrays)
    code = MEASURED.replace("ROOT", repr(str(ROOT))).replace("PATH", repr(str(path)))
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == (kind == "wrong"), done.stdout + done.stderr
    assert int(done.stderr) <= TIMES * path.stat().st_size
    assert ("your numbers follow PyTorch" in done.stdout) == (kind != "wrong")


def test_what_would_take_too_much_is_refused_before_it_is_taken(tmp_path, monkeypatch):
    """A compressed file and one of bfloat16 need memory of their own, and there is a limit."""
    arrays = call(inputs((4, 3, 5), 1, np.float32), 1)
    monkeypatch.setattr(reading, "IN_MEMORY", 800)
    np.savez(tmp_path / "stored.npz", **arrays)
    assert read_dump(tmp_path / "stored.npz").step.x.shape == (4, 3, 5)
    np.savez_compressed(tmp_path / "packed.npz", **arrays)
    halves = {n: np.zeros(a.shape, np.uint16) for n, a in arrays.items()}
    np.savez(tmp_path / "halves.npz", **halves)
    size = f"{sum(array.nbytes for array in arrays.values())} bytes"
    for name in ("packed.npz", "halves.npz"):
        with pytest.raises(DumpError) as refusal:
            read_dump(tmp_path / name)
        assert refusal.value.lines == (
            f"needs {size} of memory, at most 800 bytes are taken: write float16, float32 or "
            "float64 arrays with np.savez, not compressed, which are mapped",
        )


def test_a_header_that_claims_more_than_there_is_takes_no_memory(tmp_path):
    """A few bytes cannot be a terabyte: neither zip nor npy is believed."""
    np.save(tmp_path / "x.npy", np.zeros((2, 3, 4), np.float32))
    small = (tmp_path / "x.npy").read_bytes()
    claim = small.replace(b"(2, 3, 4), }", b"(1<<40,3,4)}"[:12])
    assert len(claim) == len(small)
    huge = small.replace(b"'shape': (2, 3, 4), }" + b" " * 8, b"'shape': (9999999999, 9), }  ")
    assert len(huge) == len(small) != 0 and huge != small
    for data, more in ((claim, 0), (huge, 0), (huge, 9999999999 * 9 * 4)):
        with zipfile.ZipFile(tmp_path / "dump.npz", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("x.npy", data)
            archive.writestr("y.npy", small)
            member = archive.getinfo("x.npy")
            member.file_size = 128 + more if more else member.file_size  # what its directory says
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(DumpError) as refusal:
            read_dump(tmp_path / "dump.npz")
        assert refusal.value.lines == ("x is damaged: save arrays of plain floats",)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
