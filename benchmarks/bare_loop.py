"""Run requests from a file through one adapter, with nothing else: the floor of a run's time.

`python benchmarks/bare_loop.py ADAPTER FRAMES`, with the framework's own interpreter; FRAMES holds
requests as `adapters.harness.wire` writes them. Prints the seconds from start to end.
"""

import sys
import time

START = time.perf_counter()

from adapters.harness import wire  # noqa: E402
from adapters.harness.protocol import Layer, Step  # noqa: E402
from adapters.harness.worker import load  # noqa: E402


def main():
    adapter = load(sys.argv[1])
    with open(sys.argv[2], "rb") as frames:
        while True:
            request = wire.read(frames)
            if request is None:
                break
            try:
                for _ in adapter.run(Layer(**request["layer"]), [Step(**s) for s in request["steps"]]):
                    pass
            except Exception:  # a refusal is an answer, and costs what it costs
                pass
    print(time.perf_counter() - START)


if __name__ == "__main__":
    main()
