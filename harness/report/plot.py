"""Where a criterion's interval and its limit lie on a small axis: geometry in percent of the width, no drawing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from harness.report.numbers import quantity, scale_for
from harness.verdict.verdict import Finding

_WIDE = 50.0
"""From this ratio between the largest and the smallest value on, the axis is logarithmic."""
_THIN = 1.2
"""Narrower bars, in percent, are widened to stay visible."""
_NEAR = 26.0
"""An axis label closer than this, in percent, would touch the limit's label."""

_SMALLEST, _LARGEST = 1e-100, 1e100
"""Sizes outside are no measurements of anything; an axis of them would overflow."""


@dataclass(frozen=True, slots=True)
class Plot:
    """All positions in percent from the left. `good_*`: the side of the limit on which a value passes."""

    limit_at: float
    limit_text: str
    anchor: str
    """SVG text-anchor of the limit's label."""
    good_from: float
    good_to: float
    bar_from: float
    bar_to: float
    is_point: bool
    more_left: bool
    """The interval goes on beyond the left edge."""
    more_right: bool
    left_text: str
    right_text: str
    is_log: bool

    @property
    def bar_width(self) -> float:
        """Width of the bar, in percent."""
        return self.bar_to - self.bar_from

    @property
    def good_width(self) -> float:
        """Width of the passing side, in percent."""
        return self.good_to - self.good_from


def plot(finding: Finding) -> Plot | None:
    """The plot of a finding; None when there is nothing to show: no interval, no finite end, absurd sizes."""
    if finding.interval is None:
        return None
    low, high, limit = finding.interval.low, finding.interval.high, finding.limit
    finite = [end for end in (low, high) if math.isfinite(end)]
    if not finite or not math.isfinite(limit) or max(map(abs, (*finite, limit))) > _LARGEST:
        return None
    scale = scale_for(max(abs(value) for value in (*finite, limit)), finding.unit, limit)
    left, right, is_log = _axis([*finite, limit], scale.size)
    at = _position(left, right, is_log)
    limit_at = at(limit)
    bar_from = at(low) if math.isfinite(low) else 0.0
    bar_to = at(high) if math.isfinite(high) else 100.0
    if low != high and bar_to - bar_from < _THIN:
        middle = min(max((bar_from + bar_to) / 2, _THIN / 2), 100 - _THIN / 2)
        bar_from, bar_to = middle - _THIN / 2, middle + _THIN / 2
    good_from, good_to = {
        "<": (0.0, limit_at),
        "<=": (0.0, limit_at),
        ">": (limit_at, 100.0),
        ">=": (limit_at, 100.0),
    }.get(finding.op, (limit_at, limit_at))
    return Plot(
        limit_at=limit_at,
        limit_text=quantity(limit, finding.unit),
        anchor="start" if limit_at < 15 else "end" if limit_at > 85 else "middle",
        good_from=good_from,
        good_to=good_to,
        bar_from=bar_from,
        bar_to=bar_to,
        is_point=low == high,
        more_left=math.isinf(low) or (is_log and low <= 0),
        more_right=math.isinf(high),
        left_text=scale_for(left, finding.unit, limit).text(left) if limit_at > _NEAR and left >= 0 else "",
        right_text=scale_for(right, finding.unit, limit).text(right) if limit_at < 100 - _NEAR else "",
        is_log=is_log,
    )


def _axis(values: list[float], unit_size: float) -> tuple[float, float, bool]:
    """Ends of the axis, round in the unit shown, and whether it is logarithmic: zero belongs to every linear one."""
    low, high = min(values), max(values)
    positive = [value for value in values if value > _SMALLEST]
    if low >= 0 and positive and max(positive) / min(positive) >= _WIDE:
        # half a decade of room at most, so that neither end is crowded
        return _round_down(min(positive)), _nice(max(positive) * 1.5 / unit_size) * unit_size, True
    if low >= 0:
        return 0.0, _nice(high * 1.15 / unit_size) * unit_size if high > 0 else 1.0, False
    span = max(high, 0.0) - low
    return low - 0.1 * span, max(high, 0.0) + 0.1 * span, False


def _position(left: float, right: float, is_log: bool) -> Callable[[float], float]:
    """From a value to percent of the axis."""

    def at(value: float) -> float:
        if is_log:
            share = 0.0 if value <= left else math.log10(value / left) / math.log10(right / left)
        else:
            share = (value / right) if left == 0 else (value - left) / (right - left)
        return round(100 * min(max(share, 0.0), 1.0), 2)

    return at


def _round_down(value: float) -> float:
    return float(10.0 ** math.floor(math.log10(value)))


def _nice(value: float) -> float:
    """The next of 1, 1.5, 2, 3, 5, 7.5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(value))
    return next((step * power for step in (1, 1.5, 2, 3, 5, 7.5) if step * power >= value), 10 * power)
