"""Which charts a case gets: the distribution behind its latencies, its loads over time, the curve of a ladder.

The intervals come from the verdict room's pure functions, so that a plot shows exactly what was judged; nothing here
compares anything with a limit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from harness.evidence.evidence import Evidence
from harness.report.chart import Chart
from harness.report.course import kind_of
from harness.report.course_chart import course_chart
from harness.report.ladder_chart import ladder_chart
from harness.report.percentile_chart import percentile_chart
from harness.spec.case import Argument, Case, Criterion, Group
from harness.verdict.verdict import CaseVerdict

_LADDERS = ("calls.first_degraded", "calls.highest_holding_per_s")
_MOST_COURSES = 3


def charts(case: Case | None, verdict: CaseVerdict, evidences: Sequence[Evidence]) -> tuple[Chart, ...]:
    """The charts of a performance case; none of any other, and none without evidence."""
    if case is None or case.group is not Group.PERFORMANCE or not evidences:
        return ()
    stem = f"chart-{case.id.replace('.', '-')}"
    findings = {finding.criterion: finding for finding in verdict.findings}
    made: list[Chart | None] = []
    for number, alike in enumerate(_by_distribution(case.criteria), start=1):
        made.append(percentile_chart(f"{stem}-p{number}", alike, evidences))
    for number, one in enumerate((one for one in case.criteria if one.metric in _LADDERS), start=1):
        made.append(ladder_chart(f"{stem}-l{number}", one, findings.get(one.id), evidences))
    for number, (kind, of) in enumerate(_loads(case.criteria), start=1):
        made.append(course_chart(f"{stem}-t{number}", kind, of, case.criteria, evidences))
    return tuple(one for one in made if one is not None)


def _by_distribution(criteria: Sequence[Criterion]) -> list[list[Criterion]]:
    """Criteria on quantiles of one and the same distribution together."""
    alike: dict[str, list[Criterion]] = {}
    for one in criteria:
        if "quantile" in one.of:
            rest = {key: value for key, value in one.of.items() if key != "quantile"}
            alike.setdefault(json.dumps([one.metric, rest], sort_keys=True), []).append(one)
    return list(alike.values())


def _loads(criteria: Sequence[Criterion]) -> list[tuple[str, Mapping[str, Argument]]]:
    """The loads to show over time: of each kind and window once, by the selectors of its first latency or rate."""
    found: dict[tuple[str, str, str], Mapping[str, Argument]] = {}
    for one in criteria:
        kind = kind_of(one.metric)
        is_load = one.metric.endswith(("_ms", "_per_s"))
        if kind and is_load and "window" in one.of:
            found.setdefault((kind, str(one.of["window"]), str(one.of.get("client", ""))), one.of)
    return [(kind, of) for (kind, _, _), of in found.items()][:_MOST_COURSES]
