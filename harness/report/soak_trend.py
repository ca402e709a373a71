"""The trends that a long run's criteria ask for, as the verdict room draws them, with their limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.evidence.clock import NS_PER_S
from harness.evidence.records import Mark
from harness.report.soak_course import SoakCourse, readings_only
from harness.spec.case import Case, Criterion
from harness.verdict.interval import Interval
from harness.verdict.metric import UnseenError
from harness.verdict.metrics.trends import RISES, S_PER_H, series_over_time
from harness.verdict.selecting import windows
from harness.verdict.trend import Trend, trend


@dataclass(frozen=True, slots=True)
class Judged:
    """A probe's trend. `from_s`: where its zero lies in the run. `limit` and `hours`: the most that it may rise, in
    what time; `unit`: of both."""

    probe: str
    trend: Trend
    from_s: float
    limit: float
    hours: float
    unit: str

    @property
    def begin_s(self) -> float:
        """Seconds of the run at which its warm-up is over."""
        return self.from_s + self.trend.begin

    @property
    def end_s(self) -> float:
        """Seconds of the run at which it ends."""
        return self.from_s + self.trend.end

    @property
    def plateau_s(self) -> float | None:
        """Seconds of the run from which on it may well be level; None: never."""
        return None if self.trend.plateau is None else self.from_s + self.trend.plateau

    @property
    def per_h(self) -> Interval:
        """The slope."""
        return self.trend.projected(S_PER_H)

    @property
    def lasted_h(self) -> float:
        """How long it was watched, with the warm-up."""
        return (self.trend.end - self.trend.began) / S_PER_H

    @property
    def smallest_per_h(self) -> float:
        """The smallest leak that the run would have told from none; infinite where it bounds none."""
        return self.trend.smallest_leak * S_PER_H

    def at(self, second: float) -> float:
        """The line at a second of the run."""
        return self.trend.level + self.trend.slope * (second - self.from_s)


def over_time(case: Case) -> dict[str, list[Criterion]]:
    """The criteria on trends over time, by probe."""
    found: dict[str, list[Criterion]] = {}
    for one in case.criteria:
        if one.metric in RISES and RISES[one.metric][0] is series_over_time:
            found.setdefault(str(one.of["probe"]), []).append(one)
    return found


def judged(case: Case, course: SoakCourse, marks: Sequence[Mark]) -> Mapping[str, Judged]:
    """By probe; without those of which nothing was seen."""
    found = {}
    for probe, criteria in over_time(case).items():
        of = criteria[0].of
        evidence = readings_only(marks, course.judged)
        try:
            seen = trend(series_over_time(evidence, of))
            begin_ns = windows(evidence, str(of["window"]))[0][0]
        except UnseenError:
            continue
        from_s = (begin_ns - course.grid.begin_ns) / NS_PER_S
        hours = max(float(str(one.of.get("hours", 0))) for one in criteria)
        found[probe] = Judged(probe, seen, from_s, criteria[0].limit, hours, criteria[0].unit)
    return found


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a probe read when it counted, and how far off it may be at the end."""

    value: float
    allowed: float


def baselines(case: Case, course: SoakCourse, marks: Sequence[Mark]) -> Mapping[str, Baseline]:
    """By probe, of the criteria that ask for a return to it."""
    found = {}
    for one in off_baseline(case):
        probe = str(one.of["probe"])
        since = next((mark.t_ns for mark in marks if mark.name == one.of["baseline"]), None)
        rows = course.judged.rows(course.judged.probe.equal(probe))
        if since is not None and len(before := rows.value[rows.t_ns <= since]):
            found[probe] = Baseline(float(before[-1]), one.limit)
    return found


def off_baseline(case: Case) -> list[Criterion]:
    """The criteria on how far a probe ends off its baseline."""
    return [one for one in case.criteria if one.metric == "readings.off_baseline" and "baseline" in one.of]
