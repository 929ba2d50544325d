"""Write explain/named.json: what the adapters declare of the layers that `explain` names.

`python -m docs.named` asks the real layers, each in its own process, for their conventions at every
rank and dtype; it needs the environments of those implementations. Which they are, what people call
them and how their arguments are spelt, stands in the headers of the adapters.
"""

import json
from collections.abc import Iterable

from adapters.harness.header import Implementation
from adapters.harness.host import Host
from adapters.harness.registry import implementations, targets
from explain.named_conventions import FILE
from suite.smoke import request_of
from test_cases.case import Case

SHAPES = {2: (4, 3), 3: (4, 3, 2), 4: (2, 3, 2, 2), 5: (2, 3, 2, 1, 2)}
DTYPES = ("float16", "bfloat16", "float32", "float64")

CALLS = {
    f"rank {rank}, {dtype}": Case(
        name="named",
        reason="what is declared of it",
        shape=shape,
        dtype=dtype,
        epsilon=None,
        momentum=None,
        state=None,
        steps=("forward",),
    )
    for rank, shape in SHAPES.items()
    for dtype in DTYPES
}


def named_implementations() -> list[Implementation]:
    """Return the implementations whose header has a name for the layer."""
    return [one for one in implementations().values() if one.layer]


def declared(chosen: Iterable[Implementation]) -> dict[str, dict]:
    """Return what implementations declare, by the names of their layers."""
    asked = targets(list(chosen), None, None)
    plan = {name: lambda case=case: request_of(case) for name, case in CALLS.items()}
    found = {}
    with Host() as host:
        for target in asked:
            host.start(target, plan)
        for target in asked:
            answers = {call: host.observe(target, call).conventions for call in CALLS}
            layer = target.implementation.layer
            found[layer["name"]] = {
                "implementation": target.implementation.name,
                "source": layer["source"],
                "arguments": {name: layer[name] for name in ("epsilon", "momentum")},
                "settings": layer.get("settings", {}),
                "conventions": {
                    call: {name: option for name, (option, _) in sorted(own.items())}
                    for call, own in answers.items()
                },
            }
    return found


def text_of(found: dict[str, dict]) -> str:
    """Return the file: a line for each call, so that a difference is read at a glance."""
    layers = []
    for name, one in found.items():
        calls = [
            f"{json.dumps(call)}: {json.dumps(own)}" for call, own in one["conventions"].items()
        ]
        rest = [f"{json.dumps(key)}: {json.dumps(one[key])}" for key in one if key != "conventions"]
        lines = ",\n  ".join([*rest, '"conventions": {\n   ' + ",\n   ".join(calls) + "\n  }"])
        layers.append(f" {json.dumps(name)}: {{\n  {lines}\n }}")
    return "{\n" + ",\n".join(layers) + "\n}\n"


def main() -> None:
    FILE.write_text(text_of(declared(named_implementations())), encoding="utf-8")


if __name__ == "__main__":
    main()
