"""The child process of one target: imports one adapter, and answers requests until stdin ends.

Started as `python -m adapters.harness.worker PATH-TO-ADAPTER` from the project's root. Before it
imports the framework it takes the two protocol pipes away from file descriptors 0 and 1 and points
1 at 2, so nothing that a framework prints, from Python or from C, can reach the protocol.
"""

import contextlib
import faulthandler
import os
import platform
import resource
import sys
import time
import traceback

from adapters.harness import machine, wire
from adapters.harness.inputs import Inputs
from adapters.harness.loading import load
from adapters.harness.protocol import Declined, Layer

PLAIN_SHAPE = (4, 3, 5, 5)  # the layer whose conventions the hello tells: float32 images


def be_expendable():
    """Leave no core file behind, and be the first to go where the machine runs out of memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")


def take_pipes():
    """Return the streams of requests and of answers, and the log, out of reach of any print."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    log = os.dup(2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    return requests, answers, log


def tell_stack_on_abort(log):
    """Write the Python stacks to the log on a fatal signal; SIGABRT is what a deadline sends.

    The signal's handler is written in C, so it also speaks for code that never lets go of the GIL.
    """
    faulthandler.disable()  # a framework may have put handlers of its own in place
    faulthandler.enable(file=log, all_threads=True)


def greet(path):
    """Import the adapter; return it and its hello. The adapter is None where that failed."""
    try:
        adapter = load(path)
        greeting = dict(adapter.hello(), kind="hello", python=platform.python_version())
        greeting["conventions"] = adapter.conventions(Layer(), PLAIN_SHAPE)
        says = [greeting.pop(name, "") for name in ("threads", "instructions")]
        greeting["machine"] = machine.facts(*says)
        return adapter, wire.encode(greeting)
    except Exception as error:
        return None, wire.encode(
            {
                "kind": "failed",
                "message": f"{type(error).__name__}: {words_of(error)}",
                "missing": error.name if isinstance(error, ModuleNotFoundError) else None,
                "log": traceback.format_exc(),
            }
        )


def words_of(error):
    """Return what an exception says; some cannot say it."""
    try:
        return str(error)
    except Exception as another:
        return f"its text cannot be had: {type(another).__name__}"


def answer(adapter, request):
    """Run one case: the tensors of each step, and the way it ended if it ended early."""
    inputs = Inputs(request)
    layer, steps = inputs.layer, inputs.steps
    reply = {"kind": "answer", "id": request["id"], "steps": [], "ended": None}
    start = time.perf_counter()
    try:
        reply["conventions"] = adapter.conventions(layer, tuple(steps[0].x.shape))
        for number, tensors in enumerate(adapter.run(layer, steps)):
            reply["steps"].append(inputs.answer(number, tensors))
    except Declined as error:
        reply["ended"] = {"how": "declined", "message": words_of(error)}
    except Exception as error:
        reply["ended"] = {
            "how": "raised",
            "type": type(error).__name__,
            "message": words_of(error),
            "traceback": traceback.format_exc(),
        }
    reply["seconds"] = time.perf_counter() - start
    return encoded(reply)


def encoded(reply):
    """Return the frame of an answer, or of the word that it cannot be sent."""
    try:
        return wire.encode(reply)
    except wire.WireError as error:
        ended = {"how": "broken adapter", "message": f"the answer {error}"}
        return wire.encode({"kind": "answer", "id": reply["id"], "steps": [], "ended": ended})


def send(stream, frame):
    for buffer in frame:
        stream.write(buffer)
    stream.flush()


def main():
    be_expendable()
    requests, answers, log = take_pipes()
    tell_stack_on_abort(log)
    adapter, greeting = greet(sys.argv[1])
    tell_stack_on_abort(log)
    send(answers, greeting)
    if adapter is None:
        return 1
    while True:
        request = wire.read(requests)
        if request is None:
            return 0
        send(answers, answer(adapter, request))


if __name__ == "__main__":
    sys.exit(main())
