"""A small run that has everything a report must show: every verdict, a mismatch, a broken target,
known and diagnosed violations, measurements that differ by dtype or cannot decide.

The figures are made up, in the proportions of real ones.
"""

from pathlib import Path

from records.file import RecordWriter
from reference.conventions import CANONICAL, CONVENTIONS, QUESTIONS
from reference.expected import FORMULAS, TENSORS

SOURCE = {
    "pytorch": "torch/nn/functional.py, batch_norm",
    "keras": "https://keras.io/api/layers/normalization_layers/batch_normalization/",
    "flax": "flax/linen/normalization.py, BatchNorm.__call__",
    "gluon": "src/operator/nn/batch_norm.cc, BatchNormBackwardImpl",
}
DECLARED = {
    "pytorch": {
        "single_value": "raises",
        "zero_epsilon": "raises",
        "layer_rank": "raises",
        "bare_call": "trains",
    },
    "keras": {
        "running_variance": "biased",
        "momentum_meaning": "weight_of_history",
        "default_epsilon": 1e-3,
        "default_momentum": 1 - 0.99,
        "default_channel_axis": -1,
        "bare_call": "infers",
        "empty_batch": "nan",
    },
    "flax": {
        "running_variance": "biased",
        "momentum_meaning": "weight_of_history",
        "default_momentum": 1 - 0.99,
        "default_channel_axis": -1,
        "variance_algorithm": "one_pass",
        "bare_call": "raises",
        "empty_batch": "nan",
    },
    "gluon": {
        "running_variance": "biased",
        "running_update": "on_backward",
        "momentum_meaning": "weight_of_history",
        "bare_call": "infers",
        "empty_batch": "raises",
    },
}
PLACES = {  # target: implementation, version, device, mode
    "pytorch-cpu-eager": ("pytorch", "2.13.0", "cpu", "eager"),
    "keras-cpu-eager": ("keras", "3.15.1", "cpu", "eager"),
    "flax-cpu-jit": ("flax", "0.12.8", "cpu", "jit"),
    "gluon-cpu-eager": ("gluon", "1.9.1", "cpu", "eager"),
}
BROKEN = ("gluon-cpu-hybridized", "gluon", "1.9.1", "cpu", "hybridized")
CASES = {
    "one training step moves the running variance": ("the ddof of the running variance", [4, 3]),
    "forward without backward leaves the statistics alone": ("MXNet moves them late", [8, 3, 4]),
    "a mean far above the deviation keeps its digits": ("E[x²] − E[x]² cancels", [64, 2, 8, 8]),
    "one value per channel answers beta": ("n = 1 has no unbiased variance", [1, 2]),
    "an empty batch leaves the statistics alone": ("0/0 poisons them for good", [0, 2]),
    "an even channel count survives the vector path": ("apache/mxnet#20858", [2, 64, 4, 4]),
    "float16 statistics overflow is no surprise": ("65504 is the largest float16", [16, 2]),
    "the gradient flows through the statistics": ("paper, section 3", [16, 3]),
}
SLOW = "an even channel count survives the vector path"
FAR = "a mean far above the deviation keeps its digits"
LATE = "forward without backward leaves the statistics alone"
HALF = "float16 statistics overflow is no surprise"
SINGLE = "one value per channel answers beta"
EMPTY = "an empty batch leaves the statistics alone"
DDOF = "one training step moves the running variance"
FLOW = "the gradient flows through the statistics"

KNOWN = {
    "what": "the variance is cast to float16 before it is kept",
    "upstream": "https://github.com/google/flax/issues/1491",
}


DIAGNOSIS = ["variance_algorithm=one_pass", "normalizing_variance=unbiased"]
UNEXPLAINED = "; no convention, number or known fault explains it, alone or in pairs"
LOG = """\
Thread 0x00007f4c (most recent call first):
  File "layer.py", line 7 in forward
  File "adapter.py", line 52 in train
"""
WITH_LOG = ("crashed", "timed out")
EXPLANATIONS = (
    {
        "target": "keras-cpu-eager",
        "name": "variance_algorithm=one_pass",
        "sentence": "variance is computed as mean(x²) − mean²",
        "cases": [FAR],
    },
    {"target": "keras-cpu-eager", "name": "", "sentence": "", "cases": [HALF]},
    {"target": "flax-cpu-jit", "name": "", "sentence": "", "cases": [FAR, HALF]},
)


def write_sample(directory: Path, *, complete: bool = True) -> Path:
    """Write a representative `records.jsonl` into the directory and return its path."""
    writer = RecordWriter(directory, header())
    for name, (implementation, version, device, mode) in PLACES.items():
        writer.write("target", **_target(name, implementation, version, device, mode))
    writer.write(
        "target",
        **_target(*BROKEN) | {"conventions": {}},
        broken={
            "message": "gluon.py does not import: No module named 'mxnet'",
            "log": 'Traceback (most recent call last):\n  File "gluon.py", line 20\n'
            "ModuleNotFoundError: No module named 'mxnet'",
            "retry": "pytest --targets gluon-cpu-hybridized",
        },
    )
    for case, (reason, shape) in CASES.items():
        writer.write(
            "case",
            case=case,
            reason=reason,
            dtype="float16" if case == HALF else "float32",
            shape=shape,
            channel_axis=1,
            epsilon=1e-5,
            momentum=0.25,
            steps=["train", "infer"],
        )
    verdicts = [_verdict(*line) for line in _lines()]
    verdicts = verdicts if complete else verdicts[:40]
    for record in verdicts:
        writer.write("verdict", **record)
    for record in _measured():
        writer.write("measured", **record)
    for record in EXPLANATIONS:
        writer.write("explanation", **record)
    if complete:
        counts = {}
        for record in verdicts:
            counts[record["verdict"]] = counts.get(record["verdict"], 0) + 1
        footer = {"finished": "2026-11-20T09:31:40+00:00", "seconds": 94.2, "exit_status": 1}
        writer.close(**footer, verdicts=counts)
    return writer.path


def header() -> dict:
    """Return the fields of a header line."""
    return {
        "started": "2026-11-20T09:30:06+00:00",
        "command": ["pytest", "--targets", "all"],
        "machine": {
            "platform": "Linux-6.8-x86_64",
            "cpu": "x86-64",
            "cores": 2,
            "python": "3.11.9",
            "numpy": "2.4.6",
        },
        "planned": {"cases": len(CASES), "pairs": len({line[:2] for line in _lines()})},
        "suite_version": "1.0.0",
        "conventions": {name: _about(name) for name in QUESTIONS},
        "formulas": FORMULAS,
        "tensors": list(TENSORS),
    }


def _about(name: str) -> dict:
    about = {"question": QUESTIONS[name], "canonical": getattr(CANONICAL, name)}
    if name in CONVENTIONS:
        return about | {"changes": CONVENTIONS[name].changes, "options": CONVENTIONS[name].options}
    return about | {"changes": "defaults", "options": {}}


def _target(name, implementation, version, device, mode) -> dict:
    return {
        "target": name,
        "implementation": implementation,
        "version": version,
        "device": device,
        "mode": mode,
        "versions": {implementation: version, "numpy": "2.4.6"},
        "python": "3.11.9",
        "environment": "built by uv",
        "conventions": {
            field: {"option": option, "source": SOURCE[implementation]}
            for field, option in DECLARED[implementation].items()
        },
    }


def _lines():
    """Yield (case, target, tensor, step, verdict, error/bound, convention, detail)."""
    errors = {"y": 0.31, "dx": 0.16, "dgamma": 0.1, "dbeta": 0.0}
    errors |= {"running_mean": 0.02, "running_var": 0.6}
    for at, target in enumerate(PLACES):
        biased = "" if target.startswith("pytorch") else "running_variance=biased"
        for tensor, error in errors.items():
            ratio = error / (at + 1)
            explained = biased if tensor == "running_var" else ""
            verdict = "differs" if explained else "conforms"
            yield DDOF, target, tensor, 1, verdict, ratio, explained, ""
            yield FLOW, target, tensor, 1, "conforms", ratio / 2, "", ""
        if target.startswith("gluon"):
            late = "running_update=on_backward"
            yield LATE, target, "running_mean", 1, "differs", 0.0, late, ""
            yield LATE, target, "running_var", 1, "differs", 0.0, late, ""
        else:
            yield LATE, target, "running_mean", 1, "conforms", 0.2, "", ""
            yield (
                LATE,
                target,
                "running_var",
                1,
                "differs" if biased else "conforms",
                0.2,
                biased,
                "",
            )
        if not target.startswith(("flax", "keras")):
            yield FAR, target, "y", 1, "conforms", 0.67, "", ""
    yield FAR, "flax-cpu-jit", "y", 1, "differs", 0.88, "variance_algorithm=one_pass", ""
    yield FAR, "flax-cpu-jit", "dx", 1, "violates", 2.2e4, "", ""
    yield FAR, "keras-cpu-eager", "y", 1, "violates", 310.0, "", ""
    yield FAR, "keras-cpu-eager", "dx", 1, "violates", 41.0, "", ""
    yield HALF, "keras-cpu-eager", "running_var", 1, "violates", float("inf"), "", ""
    yield HALF, "pytorch-cpu-eager", "running_var", 1, "conforms", 0.4, "", ""
    yield HALF, "flax-cpu-jit", "running_var", 1, "violates", float("nan"), "", ""
    yield HALF, "gluon-cpu-eager", "", 0, "declined", None, "", "no float16 layer on the CPU"
    yield SINGLE, "pytorch-cpu-eager", "", 1, "differs", None, "single_value=raises", ""
    yield SINGLE, "keras-cpu-eager", "y", 1, "conforms", 0.0, "", ""
    error = "raised ValueError: expected more than 1 value, got shape (0, 2)"
    yield EMPTY, "flax-cpu-jit", "", 1, "raised", None, "", error
    yield EMPTY, "gluon-cpu-eager", "", 1, "differs", None, "empty_batch=raises", ""
    died = "the process died of SIGSEGV in step 1"
    yield SLOW, "gluon-cpu-eager", "", 1, "crashed", None, "", died
    given_up = "it had died 3 times; the rest was not run"
    yield SINGLE, "gluon-cpu-eager", "", 0, "not run", None, "", given_up
    yield FLOW, "pytorch-cpu-eager", "x", 1, "conforms", 0.0, "", ""
    yield SLOW, "flax-cpu-jit", "", 1, "timed out", None, "", "no answer within 60 s in step 1"
    yield DDOF, BROKEN[0], "", 0, "broken adapter", None, "", "No module named 'mxnet'"


def _verdict(case, target, tensor, step, verdict, error, convention, detail) -> dict:
    implementation, version, device, mode = PLACES.get(target, BROKEN[1:])
    fields = [part.split("=")[0] for part in convention.split(", ") if part]
    fields += {"running_var": ["running_variance", "momentum_meaning"]}.get(tensor, [])
    own = DECLARED[implementation]
    observed, expected = 0.75, 0.75 if verdict in ("conforms", "differs") else 0.71875
    message, worst = "", None
    if tensor:
        values = {"observed": observed, "expected": expected, "canonical": 0.8125}
        values["bound"] = 2.0**-22
        worst = {name: {"value": value, "hex": value.hex()} for name, value in values.items()}
        worst["index"] = [2]
    if verdict != "conforms":
        message = f"{target} {case}: " + (
            detail
            or f"{tensor}[2] = {observed.hex()}, should be {expected.hex()} (error {error} × bound)"
        )
        message += f"; explained by {convention}" if convention else ""
    more: dict = {"log": LOG} if verdict in WITH_LOG else {}
    if verdict == "violates":
        diagnosis = DIAGNOSIS if (case, target) == (FAR, "keras-cpu-eager") else []
        message += f"; explained by {diagnosis[0]}: a sentence" if diagnosis else UNEXPLAINED
        more["diagnosis"] = diagnosis
        more |= {"known": KNOWN} if (case, target) == (HALF, "flax-cpu-jit") else {}
    return {
        "case": case,
        "target": target,
        "implementation": implementation,
        "version": version,
        "device": device,
        "mode": mode,
        "dtype": "float32",
        "tensor": tensor,
        "step": step,
        "verdict": verdict,
        "error_over_bound": error,
        "max_ulp": None if error is None else round(3 * error) if error < 1e9 else error,
        "convention": convention,
        "message": message,
        "formula": FORMULAS.get(tensor, ""),
        "conventions": [
            {"field": field, "option": own[field], "source": SOURCE[implementation]}
            for field in dict.fromkeys(fields)
            if field in own
        ],
        "worst": worst,
    } | more


def _measured():
    """Yield the measured conventions: as declared but for one, which is the mismatch.

    One could not be decided, and one differs in float16.
    """
    probed = ("running_variance", "running_update", "momentum_meaning", "variance_algorithm")
    probed += ("single_value", "empty_batch", "bare_call", "default_epsilon", "default_momentum")
    for target, (implementation, *_) in PLACES.items():
        for field in probed:
            declared = DECLARED[implementation].get(field, getattr(CANONICAL, field))
            option = declared
            if (target, field) == ("keras-cpu-eager", "variance_algorithm"):
                option = "one_pass"
            evidence = f"only {option} falls inside the bound"
            if (target, field) == ("flax-cpu-jit", "single_value"):
                option, evidence = "undetermined", "both options give these numbers"
            others = (
                [name for name in CONVENTIONS[field].options if name != option]
                if (field in CONVENTIONS)
                else []
            )
            yield {
                "target": target,
                "field": field,
                "option": option,
                "declared": declared,
                "source": SOURCE[implementation],
                "probe": f"probe of {field.replace('_', ' ')}",
                "dtype": "float32",
                "evidence": evidence,
                "excluded": {name: 10.0 ** (3 + at) for at, name in enumerate(others)},
            }
    for dtype, option in (("float32", "float32"), ("float16", "input_dtype")):
        yield {
            "target": "pytorch-cpu-eager",
            "field": "statistics_dtype",
            "dtype": dtype,
            "option": option,
            "declared": option,
            "source": SOURCE["pytorch"],
            "probe": "probe of statistics dtype",
            "evidence": f"the running statistics are kept in {option}",
            "excluded": {},
        }
