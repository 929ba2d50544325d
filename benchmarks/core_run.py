"""How long the core run takes beside the slowest framework alone, and how much memory the host.

`python -m benchmarks.core_run`: every framework first runs the core cases in a bare loop, one
after the other, then all at once; then the whole suite runs them. On two cores the four loops at
once need longer than the slowest alone: that, and not the suite, is the floor there.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from adapters.harness import registry, wire
from adapters.harness.environments import interpreter
from test_cases.cases import all_cases

ROOT = Path(__file__).parent.parent
IMPLEMENTATIONS = "pytorch,keras,flax,gluon"
LARGEST_RATIO = 1.25
LARGEST_MEMORY = 500


def main() -> int:
    alone = {}
    with tempfile.TemporaryDirectory() as folder:
        loops = {}
        for target in registry.targets(registry.choose(IMPLEMENTATIONS), None, None):
            frames = Path(folder, target.name)
            _write_requests(frames, target)
            one = target.implementation
            loops[target.name] = [interpreter(one), "-m", "benchmarks.bare_loop", one.path, frames]
        for name, loop in loops.items():
            alone[name] = _seconds([loop])
            print(f"{name:20} alone      {alone[name]:6.1f} s", flush=True)
        floor = _seconds(loops.values())
        print(f"{'all four loops':20} at once    {floor:6.1f} s on {os.cpu_count()} cores")
        options = ["-p", "no:cacheprovider", f"--report={folder}"]
        run = [sys.executable, "-m", "pytest", *options, "--implementation", IMPLEMENTATIONS]
        whole = _seconds([run])
    slowest = max(alone.values())
    memory = _host_memory()
    print(f"{'the core run':20} together   {whole:6.1f} s")
    print(f"core run / slowest framework alone: {whole / slowest:.2f} (at most {LARGEST_RATIO})")
    print(f"core run / all four loops at once:  {whole / floor:.2f}")
    print(f"memory of the host: {memory:.0f} MB (at most {LARGEST_MEMORY})")
    return int(whole / slowest > LARGEST_RATIO or memory > LARGEST_MEMORY)


def _write_requests(path: Path, target: registry.Target) -> None:
    with path.open("wb") as frames:
        for case in all_cases().values():
            layer = {**vars(case.layer()), "device": target.device, "mode": target.mode}
            request = {"id": case.id, "layer": layer, "steps": [vars(s) for s in case.inputs()]}
            for buffer in wire.encode(request):
                frames.write(buffer)


def _seconds(commands) -> float:
    """Return how long commands take that are started together."""
    start = time.perf_counter()
    running = [
        subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    for process in running:
        process.wait()
    return time.perf_counter() - start


def _host_memory() -> float:
    """Return the peak resident memory in MB of a host that runs the core cases."""
    code = (
        "import resource, pytest, tempfile; "
        "pytest.main(['-p', 'no:cacheprovider', '--report=' + tempfile.mkdtemp()]); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    unit = 1 if sys.platform == "darwin" else 1024
    return int(done.stdout.split()[-1]) * unit / 1e6


if __name__ == "__main__":
    sys.exit(main())
