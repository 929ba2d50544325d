"""The child process of one target: imports one adapter, and answers requests until stdin ends.

Started as `python -m adapters.harness.worker PATH-TO-ADAPTER` from the project's root. It first
takes the two protocol pipes away from file descriptors 0 and 1 and points 1 at 2, so nothing that
a framework prints, from Python or from C, can reach the protocol.
"""

import os
import sys

PIPES = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(2, 1)

import faulthandler  # noqa: E402
import importlib.util  # noqa: E402
import platform  # noqa: E402
import signal  # noqa: E402
import time  # noqa: E402
import traceback  # noqa: E402

from adapters.harness import wire  # noqa: E402
from adapters.harness.protocol import Declined, Layer, Step  # noqa: E402

PLAIN_SHAPE = (4, 3, 5, 5)  # the layer whose conventions the hello tells: float32 images

faulthandler.enable()
faulthandler.register(signal.SIGUSR1, all_threads=True)


def load(path):
    """Import the adapter file at `path` as a module."""
    name = "adapter_" + os.path.splitext(os.path.basename(path))[0].replace("-", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    for function in ("hello", "conventions", "run"):
        if not callable(getattr(module, function, None)):
            raise AttributeError("the adapter %s has no function %s()" % (path, function))
    return module


def answer(adapter, request):
    """Run one case: the tensors of each step, and the way it ended if it ended early."""
    layer = Layer(**request["layer"])
    steps = [Step(**step) for step in request["steps"]]
    shape = tuple(steps[0].x.shape)
    reply = {"kind": "answer", "id": request["id"], "steps": [], "ended": None}
    start = time.perf_counter()
    try:
        reply["conventions"] = adapter.conventions(layer, shape)
        for tensors in adapter.run(layer, steps):
            reply["steps"].append(tensors)
    except Declined as error:
        reply["ended"] = {"how": "declined", "message": str(error)}
    except Exception as error:
        reply["ended"] = {
            "how": "raised",
            "type": type(error).__name__,
            "message": str(error),
            "traceback": traceback.format_exc(),
        }
    reply["seconds"] = time.perf_counter() - start
    return reply


def send(stream, message):
    for buffer in wire.encode(message):
        stream.write(buffer)
    stream.flush()


def main():
    requests, answers = PIPES
    try:
        adapter = load(sys.argv[1])
        greeting = dict(adapter.hello(), kind="hello")
        greeting["python"] = platform.python_version()
        greeting["conventions"] = adapter.conventions(Layer(), PLAIN_SHAPE)
    except Exception as error:
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        message = "%s: %s" % (type(error).__name__, error)
        log = traceback.format_exc()
        send(answers, {"kind": "failed", "message": message, "missing": missing, "log": log})
        return 1
    send(answers, greeting)
    while True:
        request = wire.read(requests)
        if request is None:
            return 0
        send(answers, answer(adapter, request))


if __name__ == "__main__":
    sys.exit(main())
