"""Run requests from a file through one adapter, with nothing else: the floor of a run's time.

`python -m benchmarks.harness.bare_loop ADAPTER FRAMES`, with the framework's own interpreter;
FRAMES holds requests as `adapters.harness.wire` writes them.
"""

import sys

from adapters.harness import wire
from adapters.harness.loading import load
from adapters.harness.protocol import Layer, Step


def main():
    adapter = load(sys.argv[1])
    with open(sys.argv[2], "rb") as frames:
        while True:
            request = wire.read(frames)
            if request is None:
                return
            layer = Layer(**request["layer"])
            steps = [Step(**step) for step in request["steps"]]
            try:
                for _ in adapter.run(layer, steps):
                    pass
            except Exception as refusal:  # a refusal is an answer; it takes its time like any other
                print(refusal, file=sys.stderr)


if __name__ == "__main__":
    main()
