"""The curve of a ladder of loads: median and high percentile by clients or rate, and where it stops to hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bokeh.models import ColumnDataSource

from harness.evidence.evidence import Evidence
from harness.report import canvas
from harness.report.chart import Chart
from harness.report.numbers import interval_text
from harness.spec.case import Criterion
from harness.verdict.interval import Interval, hull
from harness.verdict.metric import UnseenError
from harness.verdict.metrics.curve import Step, steps
from harness.verdict.verdict import Finding, Status

_HEIGHT = 320
_WIDE = 25.0


@dataclass(frozen=True, slots=True)
class _Point:
    """One load over all trials."""

    number: int
    median_ms: Interval
    quantile_ms: Interval
    achieved: Interval
    failed: Interval
    held: int
    trials: int

    @property
    def held_text(self) -> str:
        return f"{self.held} of {self.trials} trials"


def ladder_chart(
    name: str, criterion: Criterion, finding: Finding | None, evidences: Sequence[Evidence]
) -> Chart | None:
    """Of a criterion on a ladder (calls.first_degraded, calls.highest_holding_per_s); None without any step."""
    by_load: dict[int, list[Step]] = {}
    for evidence in evidences:
        try:
            found = steps(evidence, criterion.of)
        except UnseenError:
            continue
        for step in found:
            by_load.setdefault(step.number, []).append(step)
    if not by_load:
        return None
    points = [_point(number, of_load) for number, of_load in sorted(by_load.items())]
    is_rate = criterion.metric == "calls.highest_holding_per_s"
    noun, label = ("rate", "calls offered per second") if is_rate else ("clients", "clients at once")
    limit_ms, quantile = float(str(criterion.of["limit_ms"])), float(str(criterion.of["quantile"]))
    plot = _drawn(points, label, limit_ms, f"p{quantile * 100:g}")
    _mark(plot, points, finding, is_rate)
    return Chart(
        name=name,
        title=f"The curve over {noun}",
        caption=_caption(finding, is_rate),
        height=_HEIGHT,
        document=canvas.document([canvas.finish(plot)], name),
        heads=(noun, "median", f"p{quantile * 100:g}", "answered of what was offered", "failed", "holds"),
        rows=tuple(_row(one) for one in points),
    )


def _point(number: int, of_load: Sequence[Step]) -> _Point:
    return _Point(
        number=number,
        median_ms=hull(step.median_ms for step in of_load),
        quantile_ms=hull(step.quantile_ms for step in of_load),
        achieved=hull(step.achieved for step in of_load),
        failed=hull(step.failed for step in of_load),
        held=sum(step.holds is Status.PASS for step in of_load),
        trials=len(of_load),
    )


def _drawn(points: Sequence[_Point], label: str, limit_ms: float, high_name: str) -> Any:
    known = [end for one in points for end in _finite(one)] + [limit_ms]
    low, high = min((end for end in known if end > 0), default=1.0), max(known)
    y_type: Literal["linear", "log"] = "log" if high / low > _WIDE else "linear"
    ends = (low / 1.6, high * 1.8) if y_type == "log" else (0.0, high * 1.2)
    xs = {one.number: float(at) for at, one in enumerate(points)}
    x, y = canvas.between(-0.5, len(points) - 0.5), canvas.between(*ends)
    plot = canvas.axes(_HEIGHT, label, "ms (log)" if y_type == "log" else "ms", x, y, y_type)
    canvas.ticks(plot, {at: f"{number:,}" for number, at in xs.items()})
    for line in (
        _Line("median", "deferred-fill", "circle", -0.06, tuple(one.median_ms for one in points)),
        _Line(high_name, "error-fill", "triangle", 0.06, tuple(one.quantile_ms for one in points)),
    ):
        _whiskers(plot, line, points)
    canvas.limit_line(plot, limit_ms, f"limit for {high_name}: {limit_ms:g} ms")
    return plot


@dataclass(frozen=True, slots=True)
class _Line:
    """One quantile over all loads. `aside`: how far beside the load, so that two lines do not hide each other."""

    name: str
    variable: str
    marker: str
    aside: float
    intervals: tuple[Interval, ...]


def _whiskers(plot: Any, line: _Line, points: Sequence[_Point]) -> None:
    bottom, top = plot.y_range.start, plot.y_range.end
    lows = [max(one.low, bottom) for one in line.intervals]
    highs = [min(one.high, top) for one in line.intervals]
    ends = list(zip(lows, highs, strict=True))
    middles = [math.sqrt(low * high) if bottom > 0 else (low + high) / 2 for low, high in ends]
    told = [f"{line.name} {interval_text(one, 'ms', math.nan)}" for one in line.intervals]
    source = ColumnDataSource({
        "x": [at + line.aside for at in range(len(points))],
        "low": canvas.rounded(lows),
        "high": canvas.rounded(highs),
        "y": canvas.rounded(middles),
        "says": [f"{one.number:,}: {text}" for one, text in zip(points, told, strict=True)],
        "held": [f"holds in {one.held_text}" for one in points],
    })  # fmt: skip
    colour = canvas.colour(line.variable)
    plot.line(x="x", y="y", source=source, line_color=colour, line_width=1.2, line_alpha=0.7, legend_label=line.name)
    plot.segment(x0="x", x1="x", y0="low", y1="high", source=source, line_color=colour, line_width=3)
    dots = plot.scatter(x="x", y="y", source=source, size=8, marker=line.marker, color=colour, legend_label=line.name)
    canvas.hover(plot, [dots], [("", "@says"), ("", "@held")])


def _mark(plot: Any, points: Sequence[_Point], finding: Finding | None, is_rate: bool) -> None:
    """The loads among which the first that degrades lies, tinted; nothing when all hold."""
    if finding is None or finding.interval is None:
        return
    low, high = finding.interval.low, finding.interval.high
    inside = [at for at, one in enumerate(points) if low <= one.number <= high]
    if not inside or (is_rate and math.isinf(high)):
        return
    canvas.tint(plot, inside[0] - 0.45, inside[-1] + 0.45, "inconclusive-fill")
    words = "highest that holds" if is_rate else "first that degrades"
    canvas.words(plot, inside[0] - 0.42, plot.y_range.start, words if len(inside) == 1 else f"{words} is here")


def _caption(finding: Finding | None, is_rate: bool) -> str:
    bars = "Bars are the hull of the trials' 95 % ranges."
    if finding is None or finding.interval is None:
        return bars
    measured = interval_text(finding.interval, finding.unit, math.nan)
    what = "The highest rate that holds" if is_rate else "The first that degrades"
    return f"{bars} {what}: {measured}. {finding.reason}"


def _row(one: _Point) -> tuple[str, ...]:
    median, high = (interval_text(known, "ms", math.nan) for known in (one.median_ms, one.quantile_ms))
    achieved = f"{100 * one.achieved.low:.4g} to {100 * one.achieved.high:.4g} %"
    return f"{one.number:,}", median, high, achieved, interval_text(one.failed, "calls", math.nan), one.held_text


def _finite(one: _Point) -> list[float]:
    ends = [one.median_ms.low, one.median_ms.high, one.quantile_ms.low, one.quantile_ms.high]
    return [end for end in ends if math.isfinite(end)]
