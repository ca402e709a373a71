"""Certainty: since when a miss was certain, told by every look at the run so far from then on."""

from __future__ import annotations

import math

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.tables import ReadingTable
from harness.spec.case import Criterion
from harness.verdict.compare import compare
from harness.verdict.interval import Interval
from harness.verdict.metric import Of, UnseenError, flag, text
from harness.verdict.metrics.readings import baselines_ns
from harness.verdict.metrics.trends import RISES, Rise, series_over_time
from harness.verdict.selecting import NS_PER_S
from harness.verdict.trend import Series, Trend, certain_since
from harness.verdict.verdict import Status

MOST_SAMPLES = 6_000
"""More of them are thinned to the lowest of each few: a day is looked at many times."""


def missed_since(evidence: Evidence, criterion: Criterion) -> str:
    """For a criterion that failed on a trend or a baseline: from when on this was certain; else empty."""
    try:
        if criterion.metric in RISES:
            return _since_trend(evidence, criterion)
        if criterion.metric == "readings.off_baseline":
            return _since_reading(evidence, criterion)
    except UnseenError:
        pass
    return ""


def _since_trend(evidence: Evidence, criterion: Criterion) -> str:
    taken, rise = RISES[criterion.metric]
    series = thinned(taken(evidence, criterion.of))
    since = certain_since(series, lambda found: _fails(criterion, rise, series, found))
    if since is None:
        return ""
    if taken is series_over_time:
        return f"certain after {_duration(since - series.begin)} of {_duration(series.end - series.begin)}"
    return f"certain after {math.ceil(since - series.begin)} of {series.end - series.begin:.0f} cycles"


def _fails(criterion: Criterion, rise: Rise, series: Series, found: Trend) -> bool:
    """Whether a run that had ended there would have failed: by its trend or by its growth so far."""
    told = rise(series.until(found.end), found, criterion.of)
    already = Interval(found.growth.low, math.inf)
    return any(compare(one, criterion.op, criterion.limit) is Status.FAIL for one in (told, already))


def thinned(series: Series) -> Series:
    """The same run with at most MOST_SAMPLES samples: the lowest of each few, in the middle of their time."""
    few = math.ceil(len(series.x) / MOST_SAMPLES)
    if few <= 1:
        return series
    whole = len(series.x) // few * few
    x, y = (values[:whole].reshape(-1, few) for values in (series.x, series.y))
    return Series(x.mean(axis=1), y.min(axis=1), series.begin, series.end, series.every * few, series.excluded)


def _since_reading(evidence: Evidence, criterion: Criterion) -> str:
    of: Of = criterion.of
    rows = evidence.readings.rows(evidence.readings.probe.equal(text(of, "probe")))
    told = (_since_baseline(criterion, rows, *pair) for pair in baselines_ns(evidence, of))
    return next(filter(None, told), "")


def _since_baseline(criterion: Criterion, rows: ReadingTable, begin_ns: int, end_ns: int) -> str:
    """Since when after this baseline; empty where it was kept in the end."""
    of: Of = criterion.of
    before = rows.value[rows.t_ns <= begin_ns]
    inside = (rows.t_ns > begin_ns) & (rows.t_ns <= end_ns)
    if not len(before) or not inside.any():
        return ""
    off = rows.value[inside] - before[-1]
    off = np.abs(off) if flag(of, "absolute") else off
    keeps = [compare(Interval.exactly(float(one)), criterion.op, criterion.limit) is not Status.FAIL for one in off]
    last = int(np.flatnonzero(keeps)[-1]) if any(keeps) else -1
    if last + 1 >= len(off):
        return ""
    since_s = float(rows.t_ns[inside][last + 1] - begin_ns) / NS_PER_S
    return f"beyond the limit for good {_duration(since_s)} after {text(of, 'baseline')}"


def _duration(seconds: float) -> str:
    if seconds < 600:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
