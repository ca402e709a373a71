"""The percentile plot: the distribution of a latency with intervals, beside its limits and the instrument's floor."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from bokeh.models import ColumnDataSource

from harness.evidence.evidence import Evidence
from harness.report import canvas
from harness.report.chart import Chart
from harness.report.numbers import interval_text, limit_text, quantity
from harness.spec.case import Criterion
from harness.verdict.percentiles import Percentile, percentiles

_HEIGHT = 320
_TICKS = (0.5, 0.9, 0.99, 0.999)
_WIDE = 25.0
"""From this ratio of the highest to the lowest on, the axis is logarithmic."""


def percentile_chart(name: str, criteria: Sequence[Criterion], evidences: Sequence[Evidence]) -> Chart | None:
    """Of criteria that differ by their quantile only; None when their evidence holds no distribution."""
    points = percentiles(criteria[0], evidences)
    if not points:
        return None
    limits = [(one, float(str(one.of["quantile"]))) for one in criteria if "quantile" in one.of]
    known = [end for one in points for end in _ends(one)] + [one.limit for one, _ in limits]
    low, high = min(value for value in known if value > 0), max(known)
    y_type: Literal["linear", "log"] = "log" if high / low > _WIDE else "linear"
    ends = (low / 1.5, high * 1.6) if y_type == "log" else (0.0, high * 1.15)
    right = max(_nines(points[-1].quantile), *(_nines(quantile) for _, quantile in limits)) + 0.25
    scale = "ms, logarithmic" if y_type == "log" else "ms"
    plot = canvas.axes(_HEIGHT, "percentile", scale, canvas.between(0.0, right), canvas.between(*ends), y_type)
    canvas.ticks(plot, {_nines(quantile): _label(quantile) for quantile in _TICKS if _nines(quantile) <= right})
    _draw(plot, points, ends[1])
    for criterion, quantile in limits:
        _draw_limit(plot, criterion, quantile)
    open_from = next((one.quantile for one in points if math.isinf(one.trials.high)), None)
    caption = (
        "The wide band is what is judged: the hull of the trials' 95 % ranges. The narrow one pools their samples."
    )
    if any(one.level != "required" for one, _ in limits):
        caption += " Thick bars are required limits, dashed ones advisory."
    if open_from is not None:
        caption += f" From {_label(open_from)} on single trials have too few samples for an upper end."
    if any(one.floor_ms is not None for one in points):
        caption += " The floor is what the instrument takes by itself against a null server."
    if all(one.floor_ms is None for one in points):
        caption += " The instrument's floor was not measured."
    return Chart(
        name=name,
        title="Distribution of the latency",
        caption=caption,
        height=_HEIGHT,
        document=canvas.document([canvas.finish(plot)], name),
        heads=("percentile", "hull of the trials", "pooled", "instrument's floor", "limit"),
        rows=tuple(_row(one, limits) for one in points),
    )


def _draw(plot: Any, points: Sequence[Percentile], top: float) -> None:
    xs = [_nines(one.quantile) for one in points]
    band, narrow, soft = canvas.colour("deferred-fill"), canvas.colour("ink"), canvas.colour("inconclusive-fill")
    closed = [one for one in points if math.isfinite(one.trials.high)]
    if closed:
        at = [_nines(one.quantile) for one in closed]
        lows, highs = [one.trials.low for one in closed], [one.trials.high for one in closed]
        plot.varea(x=at, y1=canvas.rounded(lows), y2=canvas.rounded(highs), fill_color=band, fill_alpha=0.35,
                   legend_label="trials")  # fmt: skip
    still_open = points[max(len(closed) - 1, 0) :]
    if len(still_open) > 1:
        at = [_nines(one.quantile) for one in still_open]
        highs = [min(one.trials.high, top) for one in still_open]
        plot.varea(x=at, y1=canvas.rounded([one.trials.low for one in still_open]), y2=canvas.rounded(highs),
                   fill_color=band, fill_alpha=0.12, hatch_pattern="right_diagonal_line", hatch_color=band,
                   hatch_alpha=0.5, legend_label="open end")  # fmt: skip
    pooled = [(one, one.pooled) for one in points if one.pooled is not None]
    source = ColumnDataSource({
        "x": [_nines(one.quantile) for one, _ in pooled],
        "low": canvas.rounded([known.low for _, known in pooled]),
        "high": canvas.rounded([known.high for _, known in pooled]),
        "says": [f"{_label(one.quantile)}: {_hull_text(one)}" for one, _ in pooled],
        "more": [f"pooled {interval_text(known, 'ms', math.nan)}" for _, known in pooled],
    })  # fmt: skip
    plot.varea(x="x", y1="low", y2="high", source=source, fill_color=narrow, fill_alpha=0.55, legend_label="pooled")
    dots = plot.scatter(x="x", y="high", source=source, size=5, color=narrow)
    canvas.hover(plot, [dots], [("", "@says"), ("", "@more")], mode="vline")
    floor = [(x, one.floor_ms) for x, one in zip(xs, points, strict=True) if one.floor_ms is not None]
    if floor:
        plot.line(x=[x for x, _ in floor], y=canvas.rounded([y for _, y in floor]), line_color=soft, line_width=2,
                  line_dash="dashed", legend_label="floor")  # fmt: skip


def _draw_limit(plot: Any, criterion: Criterion, quantile: float) -> None:
    """A short bar over its percentile: the band has to stay on its right side there, and only there."""
    x = _nines(quantile)
    dash = "solid" if criterion.level == "required" else "dashed"
    colour = canvas.colour("ink")
    plot.segment(x0=[x - 0.13], x1=[x + 0.13], y0=[criterion.limit], y1=[criterion.limit], line_color=colour,
                 line_width=3, line_dash=dash)  # fmt: skip
    plot.segment(x0=[x], x1=[x], y0=[plot.y_range.start], y1=[criterion.limit], line_color=colour, line_dash="dotted")
    sign = {"<": "<", "<=": "≤"}.get(criterion.op, str(criterion.op))
    says = f"{_label(quantile)} {sign} {quantity(criterion.limit, criterion.unit)}"
    canvas.words(plot, x, criterion.limit, says, align="center")


def _row(point: Percentile, limits: Sequence[tuple[Criterion, float]]) -> tuple[str, ...]:
    asked = [limit_text(one.op, one.limit, one.unit) for one, quantile in limits if quantile == point.quantile]
    floor = "" if point.floor_ms is None else quantity(point.floor_ms, "ms")
    pooled = "" if point.pooled is None else interval_text(point.pooled, "ms", math.nan)
    return _label(point.quantile), _hull_text(point), pooled, floor, ", ".join(asked)


def _hull_text(point: Percentile) -> str:
    return interval_text(point.trials, "ms", math.nan)


def _ends(point: Percentile) -> list[float]:
    ends = [point.trials.low, point.trials.high, point.floor_ms or 0.0]
    ends += [point.pooled.low, point.pooled.high] if point.pooled is not None else []
    return [end for end in ends if math.isfinite(end)]


def _nines(quantile: float) -> float:
    """0.9 is at 1, 0.99 at 2, 0.999 at 3."""
    return round(-math.log10(1 - quantile), 4)


def _label(quantile: float) -> str:
    return f"p{quantile * 100:.4g}"
