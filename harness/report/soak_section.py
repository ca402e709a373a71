"""The part of a case's report that only a long run has: what it came to in sentences and a table, and its plots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.evidence.records import Mark
from harness.report.chart import Chart
from harness.report.soak_chart import soak_chart
from harness.report.soak_course import SoakCourse, Wanted, soak_course
from harness.report.soak_table import Watched, table
from harness.report.soak_trend import baselines, judged, off_baseline, over_time
from harness.report.soak_words import sentences
from harness.spec.case import Case
from harness.verdict.own_footprint import CPU, RSS
from harness.verdict.selecting import fits, windows_in
from harness.verdict.verdict import CaseVerdict

STEADY = "steady"
PROBES = frozenset({
    "connector.rss", "connector.runtime_units", "connector.threads", "connector.descriptors", "connector.sockets",
    RSS, CPU,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class SoakView:
    """One long run."""

    sentences: tuple[str, ...]
    rows: tuple[Watched, ...]
    chart: Chart


def is_soak(marks: Sequence[Mark]) -> bool:
    """Whether they are of a long run: a steady time, and what only a soak marks."""
    has_window = any(mark.name == "window.begin" and mark.detail.get("window") == STEADY for mark in marks)
    return has_window and any(mark.name.startswith("soak.") for mark in marks)


def soak_view(folder: Path, trial: int, case: Case, verdict: CaseVerdict, marks: Sequence[Mark]) -> SoakView | None:
    """The run recorded in this folder; None when nothing was. One pass over it, a part at a time."""
    course = soak_course(folder, marks, _wanted(case, marks))
    if course is None:
        return None
    happened = course.events
    trends = judged(case, course, marks)
    name = f"chart-{case.id.replace('.', '-')}-s{trial}"
    steady_s = _steady_s(course, marks)
    return SoakView(
        sentences=sentences(steady_s, happened, trends),
        rows=table(verdict, course, trends, happened, steady_s),
        chart=soak_chart(name, case, course, happened, trends, baselines(case, course, marks)),
    )


def _wanted(case: Case, marks: Sequence[Mark]) -> Wanted:
    asked = [one.of["method"] for one in case.criteria if one.metric == "calls.error_percent" and "method" in one.of]
    probes = {*over_time(case), *(str(one.of["probe"]) for one in off_baseline(case))}
    return Wanted(
        probes=PROBES,
        judged=frozenset(probes),
        steady=windows_in(marks, STEADY),
        counts=lambda method: not asked or any(fits(method, one) for one in asked),
    )


def _steady_s(course: SoakCourse, marks: Sequence[Mark]) -> float:
    """Of all lives together."""
    return sum(min(end, course.grid.end_ns) - begin for begin, end in windows_in(marks, STEADY)) / 1e9
