"""Entries for what is not known yet, in the form of `test_cases/known_divergences/`."""

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from diagnosis.mechanism import Mechanism
from records.hypothesis import Hypothesis
from records.schema import VerdictRecord
from records.verdict import Verdict

LONGEST = 60
"""Characters of a refusal that an entry repeats: enough to know it by."""

Cases = dict[str, list[VerdictRecord]]
"""What is not known yet in each case of one target."""


def write_known(path: Path, verdicts: Iterable[VerdictRecord]) -> int:
    """Append the entries for the violations that are not known, ready to commit; return how many.

    There is one for each cause that the diagnosis found, with all of its cases and no figure; one
    for each refusal; and one for each case that nothing explains, with its figure. An error without
    end that nothing explains gets a comment and no entry: such a one would explain anything. They
    hold from the version that was seen on: whoever commits an entry gives it an end.
    """
    targets: dict[tuple[str, str, str, str], Cases] = {}
    for record in verdicts:
        if record.verdict.diagnosed and not record.known:
            place = (record.name, record.version, record.device, record.mode)
            targets.setdefault(place, {}).setdefault(record.case, []).append(record)
    parts = []
    for (implementation, version, device, mode), cases in targets.items():
        target = {"implementation": implementation, "version": _from(version)}
        target |= {"device": device, "mode": mode}
        refused = {case: records for case, records in cases.items() if _is_refused(records)}
        explained = {
            case: records
            for case, records in cases.items()
            if case not in refused and records[0].diagnosis
        }
        others = [case for case in cases if case not in refused and case not in explained]
        parts += [_entry(target | one) for one in _by_refusal(refused)]
        parts += [_entry(target | one) for one in _by_cause(explained)]
        parts += [_alone(target, case, cases[case]) for case in others]
    with path.open("a", encoding="utf-8") as file:
        file.writelines(parts)
    return sum(not part.startswith("\n#") for part in parts)


def _is_refused(records: Sequence[VerdictRecord]) -> bool:
    """Say whether a refusal is all that is wrong, and no convention explains it."""
    alone = all(record.verdict is Verdict.RAISED for record in records)
    return alone and not records[0].diagnosis


def _by_refusal(cases: Cases) -> Iterator[dict]:
    """Yield an entry's own keys for each message."""
    messages: dict[str, list[str]] = {}
    for case, (record, *_) in cases.items():
        message = re.sub(r"^.*?step \d+ was refused: ", "", record.message)[:LONGEST] or "refused"
        messages.setdefault(message, []).append(case)
    for message, names in messages.items():
        yield {
            "cases": list(map(_literal, names)),
            "refusal": message,
            "what": "not understood yet: a step is refused that should be answered",
        }


def _by_cause(cases: Cases) -> Iterator[dict]:
    """Yield an entry's own keys for each cause: of those that explain a case, the one that explains
    most cases."""
    count = Counter(one.name for records in cases.values() for one in records[0].diagnosis)
    causes: dict[str, Hypothesis] = {}
    names: dict[str, list[str]] = {}
    for case, records in cases.items():
        cause = max(records[0].diagnosis, key=lambda one: count[one.name])
        causes[cause.name] = cause
        names.setdefault(cause.name, []).append(case)
    for name, cause in causes.items():
        tensors = dict.fromkeys(one.tensor for case in names[name] for one in cases[case])
        yield {
            "cases": list(map(_literal, names[name])),
            "tensors": list(tensors),
            "explained_by": [Mechanism.claimed_by(cause).words],
            "what": f"{cause.sentence}; found by the diagnosis, and not yet in the source",
        }


def _alone(target: dict, case: str, records: Sequence[VerdictRecord]) -> str:
    """Return the entry of a case that nothing explains, or a comment where it can have none."""
    worst = max(records, key=lambda record: record.error_over_bound or 0.0)
    error = worst.error_over_bound
    if error is None or not math.isfinite(error):
        reason = _text(f"nothing explains it, and without a figure no entry can: {worst.message}")
        return f"\n# {reason}\n"
    own = {
        "cases": [_literal(case)],
        "tensors": list(dict.fromkeys(record.tensor for record in records)),
        "up_to": _rounded_up(error),
        "what": f"not understood yet: {worst.message}",
    }
    return _entry(target | own)


def _entry(keys: dict) -> str:
    keys = {name: value for name, value in keys.items() if value != ""}
    lines = [f"{name} = {_toml(value)}\n" for name, value in keys.items()]
    return f'\n[[known]]\n{"".join(lines)}upstream = "not reported upstream"\n'


def _rounded_up(value: float) -> float:
    """Round up to two digits, so that another machine's last bit does not matter."""
    if not 0 < value < math.inf:
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return max(float(f"{math.ceil(value / unit) * unit:.3g}"), value)


def _from(version: str) -> str:
    """Return the versions from this one on; "" for one that is no version."""
    try:
        return f">={Version(version).public}"
    except InvalidVersion:
        return ""


def _literal(case: str) -> str:
    """Return the pattern that matches this case id alone."""
    return re.sub(r"([*?\[])", r"[\1]", case)


def _toml(value) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_toml(one)}' for name, one in value.items())} }}"
    return repr(value) if isinstance(value, int | float) else _text(value)


def _text(value: str) -> str:
    text = json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")
