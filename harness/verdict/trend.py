"""The trend of a long series: warm-up cut off, slope and growth with intervals, what may not be claimed and why.

Two questions, two answers. What did this run do? `growth`: the level at its end against the level after warm-up,
each the middle of block floors, so that a step or a late leak counts as what it is: no model, only this run; where
the slope agrees and says it more exactly, the slope. What will the process go on to do? `slope`: the Theil-Sen line
through all block floors, for rates and projections; its interval is for the process, so it widens with the series'
memory, with curvature, and with whatever looks like steps, until it is open.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.verdict.blocks import COARSE, Cells, Length, cells, floors, height, highest_fall, length
from harness.verdict.interval import EVERYTHING, Interval, hull
from harness.verdict.slopes import Line, cleaned, line, quick_slope, stretched, student

Floats = npt.NDArray[np.float64]
Spans = tuple[tuple[float, float], ...]

MISSING_SHARE = 0.1
"""More of a run without samples than this, and it cannot pass."""
SILENCE = 3.0
"""Samples further apart than so many of their usual distances have a gap between them."""
END_SHARE = 0.01
END_SAMPLES = 10.0
"""A gap at the end longer than both of these, of the run and in samples, leaves the end unseen."""
LATEST_WARM_UP = 0.5
STRIDE = 1 / 24
CLEARLY = 0.7
"""Cutting must shrink the slope's variance to this share to be a warm-up."""
AND_AS_MUCH = 1.5
"""Times the warm-up seen: its tail sinks into the noise before it is over."""
BENT = 2.0
PERHAPS_BENT = 1.0
"""Standard errors of curvature from which a run is bending, and from which its last half has a say."""
ENDS = 6
"""The level after warm-up is that of the first sixth, the level at the end that of the last."""
FEWEST_END_BLOCKS = 5
MEDIAN_COST = 1.2533
"""The standard error of a median over that of a mean."""
LOOKS = 48


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Samples y at ascending x (seconds, or cycles) between `begin` and `end`; `every`: their planned distance.

    `excluded`: spans that were disturbed on purpose; their samples are no part of any trend, nor missing. `unit`: of y.
    """

    x: Floats
    y: Floats
    begin: float
    end: float
    every: float
    excluded: Spans = ()
    unit: str = ""

    def until(self, x: float) -> Series:
        """What was known at x."""
        upto = int(np.searchsorted(self.x, x, side="right"))
        return replace(self, x=self.x[:upto], y=self.y[:upto], end=x)


@dataclass(frozen=True, slots=True)
class Trend:
    """What a series does after its warm-up. x and y are the series' units.

    `slope` is y per x, `growth` the rise from `begin` (the end of the warm-up) to `end`. `settled`: the run was
    long enough for the warm-up to be over. `plateau`: from when on the slope's interval holds zero; None: never.
    `block`: its length in x, with what asked for it; `middles` and `floors`: the blocks judged. `unseen`: why the
    intervals are open where samples are missing; else empty.
    """

    began: float
    begin: float
    end: float
    slope: float
    slope_interval: Interval
    growth: Interval
    settled: bool
    plateau: float | None
    block: float
    memory: float
    period: float
    middles: tuple[float, ...]
    floors: tuple[float, ...]
    level: float
    missing: float
    unseen: str

    @property
    def smallest_leak(self) -> float:
        """The least rise per x that this run would have told from none: half the interval; infinite when open."""
        return _width(self.slope_interval) / 2

    def projected(self, over: float) -> Interval:
        """The growth over so much x if it goes on like this."""
        return self.slope_interval * Interval.exactly(over)


def trend(series: Series) -> Trend:
    """The trend of a series of any length; too short or too full of gaps, its intervals are open."""
    missing, unseen = _missing(series)
    reduced = _reduced(series)
    begin, size, fitted, settled = _after_warm_up(reduced)
    judged = reduced.since(begin)
    middles, lowest = floors(judged, size.cells)
    slope_interval = _slope_interval(middles, lowest, fitted, settled)
    run = series.end - series.begin
    growth = _growth(judged, size, run, judged if settled else reduced)
    if fitted is not None and growth.holds(fitted.slope * run) and _width(slope_interval) * run < _width(growth):
        growth = slope_interval * Interval.exactly(run)
    return Trend(
        began=series.begin,
        begin=judged.begin,
        end=series.end,
        slope=fitted.slope if fitted else 0.0,
        slope_interval=EVERYTHING if unseen else slope_interval,
        growth=EVERYTHING if unseen else growth,
        settled=settled,
        plateau=None if unseen else _plateau(judged.begin, middles, lowest, slope_interval),
        block=size.cells * reduced.width,
        memory=size.memory * reduced.width,
        period=size.period * reduced.width,
        middles=tuple(middles.tolist()),
        floors=tuple(lowest.tolist()),
        level=fitted.level if fitted else math.nan,
        missing=missing,
        unseen=unseen,
    )


def certain_since(series: Series, certain: Callable[[Trend], bool]) -> float | None:
    """The earliest x (in 48ths of the run) from which on every look at the run so far was `certain`; None: never."""
    earliest = None
    for at in range(LOOKS, 0, -1):
        x = series.begin + (series.end - series.begin) * at / LOOKS
        if not certain(trend(series.until(x))):
            break
        earliest = x
    return earliest


def _width(interval: Interval) -> float:
    return interval.high - interval.low


def _reduced(series: Series) -> Cells:
    keep = (series.x >= series.begin) & (series.x <= series.end)
    for low, high in series.excluded:
        keep &= (series.x < low) | (series.x > high)
    return cells(series.x[keep], series.y[keep], series.begin, series.end, series.every)


def _missing(series: Series) -> tuple[float, str]:
    """The share of the run without samples, and why that leaves everything open; empty when it does not."""
    inside = series.x[(series.x >= series.begin) & (series.x <= series.end)]
    edges = np.concatenate(([series.begin], inside, [series.end]))
    gaps = np.flatnonzero(np.diff(edges) > SILENCE * series.every)
    silent = [_undisturbed(edges[at], edges[at + 1], series) for at in gaps]
    allowed = series.end - series.begin - sum(_overlap(series.begin, series.end, span) for span in series.excluded)
    if allowed <= 0 or not len(inside):
        return 1.0, "there are no samples outside of faults"
    share = min(1.0, sum(silent) / allowed)
    last = silent[-1] if len(gaps) and gaps[-1] == len(edges) - 2 else 0.0
    if last > max(END_SAMPLES * series.every, END_SHARE * allowed):
        return share, f"the last {last / allowed:.1%} of the run has no samples"
    if share > MISSING_SHARE:
        return share, f"{share:.0%} of the samples are missing, more than {MISSING_SHARE:.0%}"
    return share, ""


def _undisturbed(low: float, high: float, series: Series) -> float:
    return max(0.0, high - low - series.every - sum(_overlap(low, high, span) for span in series.excluded))


def _overlap(low: float, high: float, span: tuple[float, float]) -> float:
    return max(0.0, min(high, span[1]) - max(low, span[0]))


def _after_warm_up(reduced: Cells) -> tuple[float, Length, Line | None, bool]:
    """Where the warm-up ends, the block length and line from there on, and whether it ends in time at all.

    The warm-up is what, when cut off, makes the rest's line surest; then whatever still flattens out is cut too.
    """
    whole = len(reduced.values) * reduced.width
    begin = _surest_begin(reduced)
    latest = reduced.begin + LATEST_WARM_UP * whole
    while True:
        judged = reduced.since(begin)
        size = length(judged)
        middles, lowest = floors(judged, size.cells)
        fitted = line(middles, lowest) if len(middles) >= 2 else None
        bend = fitted.curvature if fitted else 0.0
        if bend >= -BENT or begin + STRIDE * whole > latest:
            settled = bend >= -BENT and begin < latest - STRIDE * whole / 2
            return begin, size, fitted, settled
        begin += STRIDE * whole


def _surest_begin(reduced: Cells) -> float:
    """The cut that leaves the smallest variance of a line's slope (after White's rule for the mean)."""
    middles, lowest = floors(reduced, max(1, len(reduced.values) // COARSE))
    count = len(middles)
    cuts = range(int(count * LATEST_WARM_UP) + 1)
    if count < COARSE // 2:
        return reduced.begin
    variances = [_slope_variance(middles[cut:], lowest[cut:]) for cut in cuts]
    best = int(np.argmin(variances))
    if variances[best] >= CLEARLY * variances[0]:
        return reduced.begin
    cut = float(middles[best]) - reduced.begin - (float(middles[1]) - float(middles[0])) / 2
    return reduced.begin + min(cut * AND_AS_MUCH, LATEST_WARM_UP * len(reduced.values) * reduced.width)


def _slope_variance(x: Floats, y: Floats) -> float:
    at = x - x.mean()
    spread = float(at @ at)
    rest = cleaned(y - y.mean() - at * (float(at @ y) / spread), y)
    return float(rest @ rest) / (len(x) - 2) / spread


def _slope_interval(middles: Floats, lowest: Floats, fitted: Line | None, settled: bool) -> Interval:
    """The line's; where the run may be bending the last half's too; open below while it still warms up."""
    if fitted is None:
        return EVERYTHING
    interval = fitted.interval
    if abs(fitted.curvature) > PERHAPS_BENT:
        half = len(middles) // 2
        late = line(middles[half:], lowest[half:]).interval if len(middles) - half >= 2 else EVERYTHING
        interval = hull((interval, late))
    return interval if settled else Interval(-math.inf, interval.high)


def _growth(judged: Cells, size: Length, run: float, around: Cells) -> Interval:
    """The level of the last sixth minus that of the first; as it stands, and drawn out to the run.

    Each level may be anywhere between foot and top of a tooth that the blocks cannot span, so it is open by as much:
    by all that the cells range over where a longer period was seen; else by the highest fall in `around`, since what
    fell once, without any rhythm yet, may fall again.
    """
    whole = len(judged.values) * judged.width
    first = judged.until(judged.begin + whole / ENDS)
    last = judged.since(judged.begin + whole - whole / ENDS)
    nearby = max(length(first).cells, length(last).cells)  # a step in between is no memory of either end
    longest = size.cells if size.period else min(size.cells, nearby)
    longest = max(1, min(longest, len(first.values) // FEWEST_END_BLOCKS))
    early, late = _level(first, longest), _level(last, longest)
    if early is None or late is None:
        return EVERYTHING
    tooth = height(judged) if longest < size.period else highest_fall(around, longest)
    seen = late.at - early.at
    error_below = tooth + math.hypot(late.at - late.low, early.high - early.at)
    error_above = tooth + math.hypot(late.high - late.at, early.at - early.low)
    grown = Interval(seen - error_below, seen + error_above)
    return hull((grown, grown * Interval.exactly(run / (late.middle - early.middle))))


@dataclass(frozen=True, slots=True)
class _Level:
    middle: float
    at: float
    low: float
    high: float


def _level(part: Cells, size: int) -> _Level | None:
    """The level in the middle of a part, with its interval, which never leaves what was seen; None: too few blocks."""
    middles, lowest = floors(part, size)
    count = len(lowest)
    if count < FEWEST_END_BLOCKS:
        return None
    middle = float(np.median(middles))
    upright = lowest - quick_slope(middles, lowest) * (middles - middle)
    level = float(np.median(upright))
    residuals = cleaned(upright - level, lowest)
    stretch = stretched(residuals)
    error = MEDIAN_COST * float(np.std(residuals, ddof=2)) * math.sqrt(stretch / count) * student(count / stretch)
    low, high = float(upright.min()), float(upright.max())
    return _Level(middle, level, max(low, level - error), min(high, level + error))


def _plateau(begin: float, middles: Floats, lowest: Floats, whole: Interval) -> float | None:
    """The earliest eighth of the run from which on it may well be level."""
    for at in range(6):
        first = len(middles) * at // 8
        if len(middles) - first < 2:
            return None
        interval = whole if at == 0 else line(middles[first:], lowest[first:]).interval
        if interval.holds(0.0):
            bounded = not (math.isinf(interval.low) or math.isinf(interval.high))
            return (begin if at == 0 else float(middles[first])) if bounded else None
    return None
