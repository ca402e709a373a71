"""Metrics over the trend of a probe: growth over a long run, per hour, per cycle, and what it comes to in a day."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import Mark
from harness.evidence.tables import ReadingTable
from harness.verdict.explain import number_with_unit
from harness.verdict.interval import EVERYTHING, Interval
from harness.verdict.metric import Measurement, Metric, Of, Parameter, UnseenError, number, text
from harness.verdict.metrics.readings import PROBE, PROXY, seen
from harness.verdict.selecting import NS_PER_S, fits, named, windows
from harness.verdict.trend import Series, Trend, trend

WINDOW = Parameter(
    "window", "text", "the run: from the first window of this name to the end of the last", required=True
)
HOURS = Parameter("hours", "number", "how long the run has to last; a shorter one gives no upper end")
AHEAD = Parameter("hours", "number", "for how many hours the slope is drawn out", required=True)
EVERY = Parameter("every_s", "number", "planned distance of the readings; without it their median")
SETTLE = Parameter("settle_s", "number", "how long after a fault's healing readings are still left out; 60 without it")
MARK = Parameter("mark", "text", "name of the marks that end a cycle each", required=True)
CLIENT = Parameter("client", "text", "only marks of this client, or with a prefix and `*`")
CYCLES = Parameter("cycles", "number", "for how many cycles the slope is drawn out", required=True)

S_PER_H = 3600.0
SETTLE_S = 60.0
FURTHEST = 24.0
"""Drawn out to more times its length, what rises while a process fills its pools would pass for a leak."""
LIVES = ("process.died", "process.started", "process.serving")


def series_over_time(evidence: Evidence, of: Of) -> Series:
    """The readings of `probe` in seconds since the first window `window` began; faults are left out.

    Where the service was started anew, only its longest life has samples: levels of two lives say nothing
    about a leak. Raises UnseenError without such a window or readings.
    """
    chosen = windows(evidence, text(of, "window"))
    begin_ns, end_ns = int(chosen[0][0]), chosen[-1][1]
    end_ns = evidence.span_ns()[1] if math.isinf(end_ns) else int(end_ns)
    rows = _rows(evidence, of)
    inside = (rows.t_ns >= begin_ns) & (rows.t_ns <= end_ns)
    if end_ns <= begin_ns or not inside.any():
        raise UnseenError(f"the probe {text(of, 'probe')} has no reading in the window {text(of, 'window')}")
    low_ns, high_ns = _longest_life(evidence, text(of, "probe").split(".")[0], begin_ns, end_ns)
    x = (rows.t_ns[inside] - begin_ns) / NS_PER_S
    y = rows.value[inside]
    every_s = number(of, "every_s") or (float(np.median(np.diff(x))) if len(x) > 1 else 0.0)
    alive = (x >= (low_ns - begin_ns) / NS_PER_S) & (x <= (high_ns - begin_ns) / NS_PER_S)
    faults = _faults(evidence, begin_ns, number(of, "settle_s", SETTLE_S))
    return Series(x[alive], y[alive], 0.0, (end_ns - begin_ns) / NS_PER_S, max(every_s, 1e-3), faults, _unit(rows))


def series_over_cycles(evidence: Evidence, of: Of) -> Series:
    """The readings of `probe` by the number of cycles that had ended. Raises UnseenError without marks or readings."""
    marks = [mark.t_ns for mark in named(evidence, text(of, "mark")) if _of_client(mark, of)]
    if not marks:
        raise UnseenError(f"no mark named {text(of, 'mark')!r} occurred")
    rows = _rows(evidence, of)
    during = (rows.t_ns >= marks[0]) & (rows.t_ns <= marks[-1])
    if not during.any():
        raise UnseenError(f"the probe {text(of, 'probe')} has no reading during the cycles")
    x = np.searchsorted(np.array(marks, np.int64), rows.t_ns[during], side="right").astype(np.float64)
    steps = np.diff(x)
    every = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    return Series(x, rows.value[during], 0.0, float(len(marks)), max(1.0, every), unit=_unit(rows))


def growth_trend(evidence: Evidence, of: Of) -> Measurement:
    """By how much the level rose from the end of the warm-up to the end of the run.

    A run shorter than `hours` gives what it has grown already as the low end and no high end: it may fail, and
    never passes.
    """
    series = series_over_time(evidence, of)
    found = trend(series)
    told = told_over_time(found, series.unit)
    lasted_h = (series.end - series.begin) / S_PER_H
    if lasted_h < number(of, "hours"):
        ahead = _range(found, number(of, "hours"), series.unit)
        told = f"{lasted_h:.3g} h are no run of {number(of, 'hours'):g} h; projected: {ahead}; {told}"
    return Measurement(_grown(series, found, of), told)


def growth_per_h(evidence: Evidence, of: Of) -> Measurement:
    """The slope after the warm-up."""
    series = series_over_time(evidence, of)
    found = trend(series)
    return Measurement(_per_h(series, found, of), told_over_time(found, series.unit))


def growth_projected(evidence: Evidence, of: Of) -> Measurement:
    """What the slope after the warm-up comes to in `hours`; a run that lasted so long tells its own growth.

    A run of less than a 24th of that gives no low end: it cannot fail.
    """
    series = series_over_time(evidence, of)
    found = trend(series)
    told, ahead_h = told_over_time(found, series.unit), number(of, "hours")
    if (series.end - series.begin) * FURTHEST < ahead_h * S_PER_H:
        told = f"a rise is held against {ahead_h:g} h from a run of {ahead_h / FURTHEST:g} h on; {told}"
    return Measurement(_projected(series, found, of), told)


def growth_per_cycle(evidence: Evidence, of: Of) -> Measurement:
    """The slope over the cycles after those that warm up."""
    series = series_over_cycles(evidence, of)
    found = trend(series)
    return Measurement(_per_cycle(series, found, of), told_over_cycles(found, series.unit))


def growth_over_cycles(evidence: Evidence, of: Of) -> Measurement:
    """What the slope per cycle comes to in so many cycles; a run of so many tells its own growth."""
    series = series_over_cycles(evidence, of)
    found = trend(series)
    return Measurement(_over_cycles(series, found, of), told_over_cycles(found, series.unit))


def _grown(series: Series, found: Trend, of: Of) -> Interval:
    lasted = series.end - series.begin >= number(of, "hours") * S_PER_H
    return found.growth if lasted else Interval(found.growth.low, math.inf)


def _per_h(series: Series, found: Trend, of: Of) -> Interval:
    return found.projected(S_PER_H)


def _projected(series: Series, found: Trend, of: Of) -> Interval:
    ahead_s, lasted_s = number(of, "hours") * S_PER_H, series.end - series.begin
    if lasted_s >= ahead_s:
        return found.growth
    told = found.projected(ahead_s)
    return told if lasted_s * FURTHEST >= ahead_s else Interval(-math.inf, told.high)


def _per_cycle(series: Series, found: Trend, of: Of) -> Interval:
    return found.slope_interval


def _over_cycles(series: Series, found: Trend, of: Of) -> Interval:
    cycles = number(of, "cycles")
    return found.growth if series.end - series.begin >= cycles else found.projected(cycles)


Rise = Callable[[Series, Trend, Of], Interval]
RISES: Mapping[str, tuple[Callable[[Evidence, Of], Series], Rise]] = {
    "readings.growth_trend": (series_over_time, _grown),
    "readings.growth_per_h": (series_over_time, _per_h),
    "readings.growth_projected": (series_over_time, _projected),
    "readings.growth_per_cycle": (series_over_cycles, _per_cycle),
    "readings.growth_over_cycles": (series_over_cycles, _over_cycles),
}
"""Metric -> the series that it judges, and what it says of a series with that trend."""


def told_over_time(found: Trend, unit: str = "") -> str:
    """A trend over seconds of something in that unit, in one sentence."""
    return _told(found, unit, 1 / S_PER_H, "h", "h")


def told_over_cycles(found: Trend, unit: str = "") -> str:
    """The same over cycles."""
    return _told(found, unit, 1.0, "cycle", "cycles")


def _told(found: Trend, unit: str, scale: float, one: str, many: str) -> str:
    if found.unseen:
        return found.unseen
    slope, half = found.slope / scale, found.smallest_leak / scale
    warm, rest = (found.begin - found.began) * scale, (found.end - found.begin) * scale
    why = "its sawtooth" if found.period > found.memory else "its memory" if found.memory else "nothing longer"
    settled = "" if found.settled else ", and is not over: the run is too short to tell it from a leak"
    least = (
        f"the smallest leak it could tell is {_sized(half, unit)} per {one}"
        if math.isfinite(half)
        else "it bounds no leak"
    )
    return (
        f"{_sized(slope, unit)} per {one} over {rest:.3g} {many}, after a warm-up of {warm:.3g} {many}{settled}; "
        f"{len(found.middles)} blocks of {found.block * scale:.3g} {many} ({why}); {least}"
    )


def _range(found: Trend, hours: float, unit: str) -> str:
    interval = found.projected(hours * S_PER_H)
    if interval == EVERYTHING:
        return "unknown"
    if math.isinf(interval.low):
        return f"at most {_sized(interval.high, unit)}"
    return f"[{_sized(interval.low, unit)}, {_sized(interval.high, unit)}]"


def _sized(value: float, unit: str) -> str:
    """Bytes in millions, as the limits of growth are written; anything else as it is."""
    if unit == "bytes" and math.isfinite(value):
        return f"{value / 1e6:.3g} MB"
    return number_with_unit(value, unit)


def _unit(rows: ReadingTable) -> str:
    return rows.unit[0] if len(rows) else ""


def _rows(evidence: Evidence, of: Of) -> ReadingTable:
    return evidence.readings.rows(evidence.readings.probe.equal(text(of, "probe")))


def _of_client(mark: Mark, of: Of) -> bool:
    return "client" not in of or fits(mark.detail.get("client", ""), of["client"])


def _longest_life(evidence: Evidence, service: str, begin_ns: int, end_ns: int) -> tuple[int, int]:
    """Begin and end of the longest time inside the run in which the service was not started anew."""
    changes = [
        mark.t_ns
        for mark in evidence.marks
        if mark.name in LIVES and mark.detail.get("service") == service and begin_ns < mark.t_ns < end_ns
    ]
    return max(pairwise([begin_ns, *changes, end_ns]), key=lambda life: life[1] - life[0])


def _faults(evidence: Evidence, begin_ns: int, settle_s: float) -> tuple[tuple[float, float], ...]:
    """From each fault's begin to its healing and the time to settle; for ever where it was not healed."""
    found = []
    heals = named(evidence, "fault.heal")
    for fault in named(evidence, "fault.begin"):
        ends = [heal.t_ns for heal in heals if heal.t_ns >= fault.t_ns and _same_fault(heal, fault)]
        end_s = (ends[0] - begin_ns) / NS_PER_S + settle_s if ends else math.inf
        found.append(((fault.t_ns - begin_ns) / NS_PER_S, end_s))
    return _merged(found)


def _same_fault(heal: Mark, fault: Mark) -> bool:
    return all(heal.detail.get(key) == fault.detail.get(key) for key in ("kind", "subject"))


def _merged(spans: list[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """The same time in spans that do not overlap."""
    merged: list[tuple[float, float]] = []
    for low, high in sorted(spans):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def _metric(
    name: str, says: str, parameters: tuple[Parameter, ...], measure: Callable[[Evidence, Of], Measurement]
) -> Metric:
    return Metric(f"readings.{name}", "", says, (PROBE, *parameters, PROXY), seen(measure), unknown=EVERYTHING)


_RUN = (WINDOW, EVERY, SETTLE)

METRICS = (
    _metric("growth_trend", "rise of the level over a long run after its warm-up", (*_RUN, HOURS), growth_trend),
    _metric("growth_per_h", "rise per hour after the warm-up", _RUN, growth_per_h),
    _metric("growth_projected", "rise that the trend comes to in some hours", (*_RUN, AHEAD), growth_projected),
    _metric("growth_per_cycle", "rise per cycle after the warm-up", (MARK, CLIENT), growth_per_cycle),
    _metric(
        "growth_over_cycles", "rise that the trend comes to in some cycles", (MARK, CLIENT, CYCLES), growth_over_cycles
    ),
)
