"""Run the suite in this process and write down what the process took, as JSON.

`python -m benchmarks.harness.host OUT [--shares] PYTEST-OPTIONS`: processor time in seconds, the
largest resident memory in MB and, on request, which part of the code the processor time went to.
"""

import json
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import FrameType

import pytest

ROOT = Path(__file__).parent.parent.parent
EVERY = 0.002
PARTS = {
    "reference": "reference",
    "diagnosis/judgement": "judging",
    "diagnosis/measurement": "measuring",
    "diagnosis": "diagnosis",
    "adapters": "wire",
    "test_cases": "cases",
    "reports": "page",
    "records": "records",
    "suite": "suite",
    "conftest": "suite",
}
"""What a room does in a run; a module of it that does something else has a line of its own."""
ROOMS = {module.partition("/")[0] for module in PARTS}
FRAMEWORK, START = "pytest", "imports"


class Shares:
    """Processor time by part: a clock's signal looks every few milliseconds what is running.

    The time of the main thread goes to the part that the suite called; that of the other threads,
    which talk with the targets, to the wire.
    """

    def __init__(self):
        self.seconds = Counter()
        self._main, self._all = time.thread_time(), time.process_time()
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)

    def stop(self) -> dict[str, float]:
        """Return the seconds by part."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        return dict(self.seconds.most_common())

    def _look(self, number: int, frame: FrameType | None) -> None:
        main, whole = time.thread_time(), time.process_time()
        self.seconds[part_of(frame)] += main - self._main
        self.seconds[PARTS["adapters"]] += max(0.0, whole - self._all - (main - self._main))
        self._main, self._all = main, whole


def part_of(frame: FrameType | None) -> str:
    """Return the part of the outermost frame that is not the suite's, which calls them all.

    What judging asks of the reference is the reference's.
    """
    found = FRAMEWORK
    while frame:
        path = Path(frame.f_code.co_filename)
        # an environment within the checkout, such as tox's, is not the suite's own code
        if path.is_relative_to(ROOT) and path.with_suffix("").parts[len(ROOT.parts)] in ROOMS:
            if frame.f_code.co_name == "<module>":
                return START
            module = path.relative_to(ROOT).with_suffix("").as_posix()
            part = PARTS.get(module) or PARTS[module.partition("/")[0]]
            within = (part, found) == ("judging", "reference")
            if not within and (part != "suite" or found == FRAMEWORK):
                found = part
        frame = frame.f_back
    return found


def main() -> int:
    out, *options = sys.argv[1:]
    shares = Shares() if "--shares" in options else None
    status = pytest.main([option for option in options if option != "--shares"])
    used = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1 if sys.platform == "darwin" else 1024
    took = {
        "processor": used.ru_utime + used.ru_stime,
        "memory": used.ru_maxrss * unit / 1e6,
        "shares": shares.stop() if shares else {},
    }
    Path(out).write_text(json.dumps(took), encoding="utf-8")
    return int(status)


if __name__ == "__main__":
    sys.exit(main())
