"""The short divergence summary at the end of a run in the terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence

from records.hypothesis import named
from records.schema import VerdictRecord
from records.verdict import Verdict
from suite.run import Suite

FINDINGS_SHOWN = 20


def summarise(reporter, suite: Suite) -> None:
    """Write what broke, the verdicts of each target, the findings worst first, and the path."""
    reporter.section("BatchNorm divergences")
    recording = suite.recording
    assert recording, "an -n worker tells nothing"
    for target, broken in recording.broken.items():
        reporter.write_line(f"{target}: {broken.ended}: {broken.message}")
        if not broken.ended.failing:
            continue
        for line in broken.log.splitlines()[-15:]:
            reporter.write_line(f"    {line}")
        if broken.retry:
            reporter.write_line(f"  retry: {broken.retry}")
    counts: dict[str, Counter] = {}
    for record in recording.verdicts:
        counts.setdefault(record.target, Counter())[record.verdict] += 1
    for target, row in counts.items():
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(row.items()))
        reporter.write_line(f"{target}: {told}")
    failing = [record for record in recording.verdicts if record.fails]
    failing.sort(key=lambda record: -(record.error_over_bound or 0))
    for record in failing[:FINDINGS_SHOWN]:
        if record.target not in recording.broken:
            reporter.write_line(record.explained)
    if len(failing) > FINDINGS_SHOWN:
        reporter.write_line(f"… and {len(failing) - FINDINGS_SHOWN} more in the report")
    for line in _open_and_lost(recording.verdicts):
        reporter.write_line(line)
    for line in suite.unfit:
        reporter.write_line(line)
    known: dict[str, list[str]] = {}
    for record in recording.verdicts:
        if record.known:
            known.setdefault(record.known.what, []).append(record.target)
    for what, targets in known.items():
        names = ", ".join(dict.fromkeys(targets))
        reporter.write_line(f"known: {names}, {len(targets)} verdicts: {what}")
    for line in suite.trouble:
        reporter.write_line(line)
    if suite.report:
        reporter.write_line(f"report: {suite.report}")


def _open_and_lost(verdicts: Sequence[VerdictRecord]) -> Iterator[str]:
    """Yield a line for each documented convention that cost a target's tensors their digits, with
    the worst of its verdicts, and one that counts what is undecided."""
    groups: dict[tuple, list[VerdictRecord]] = {}
    for record in verdicts:
        if record.hazard:
            groups.setdefault((record.target, record.hazard), []).append(record)
    for (target, hazard), records in groups.items():
        worst = max(records, key=lambda record: record.relative_error or 0)
        yield f"hazard: {target}, {len(records)} verdicts: {named(hazard)}: {worst.message}"
    undecided = [record for record in verdicts if record.verdict is Verdict.UNDECIDED]
    if undecided:
        cases = len({record.case for record in undecided})
        told = f"{len(undecided)} verdicts in {cases} cases: {Verdict.UNDECIDED.meaning}"
        yield f"{Verdict.UNDECIDED}: {told}"
