"""Latency and achieved rate over time, and below them how late the instrument itself was, one line a trial."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from bokeh.models import ColumnDataSource, Range1d

from harness.evidence.evidence import Evidence
from harness.report import canvas
from harness.report.chart import Chart
from harness.report.course import Course, Of, course, shared_end_s
from harness.report.numbers import quantity
from harness.spec.case import Criterion
from harness.verdict.performance import CEILING, OFFERED, fact

_HEIGHTS = (210, 130, 140)
_FAR = 2.0
"""A ceiling more than this times the highest rate would flatten the rate; it is told in words instead."""
_RATES = ("sustained_per_s", "rate_per_s")


def course_chart(
    name: str, kind: str, of: Of, criteria: Sequence[Criterion], evidences: Sequence[Evidence]
) -> Chart | None:
    """Of one window of load; None when no trial has anything in it. `criteria`: the case's, for their limits."""
    made = [course(number, evidence, kind, of) for number, evidence in enumerate(evidences, start=1)]
    courses = [one for one in made if one is not None]
    if not courses:
        return None
    window = str(of["window"])
    x = canvas.between(0.0, shared_end_s(courses))
    plots, told = [], []
    if any(math.isfinite(value) for one in courses for value in one.median_ms):
        plots.append(_latency(courses, x))
    rate, ceiling = _rate(courses, x, kind, window, criteria, evidences)
    plots.append(rate)
    told += [ceiling] if ceiling else []
    if any(one.lateness_ms for one in courses):
        plots.append(_lateness(courses, x))
        told.append("Lateness is how long after its due time the latest call of each slice was sent.")
    plots[-1].xaxis.axis_label = "seconds from the window's begin"
    for upper in plots[:-1]:
        upper.xaxis.visible = False
    for lower in plots[1:]:
        lower.legend.visible = False  # the first one's speaks for all
    return Chart(
        name=name,
        title=f"Over time, window {window}",
        caption=" ".join(["Thick lines are medians, thin ones the highest of each slice.", *told]),
        height=sum(plot.height for plot in plots),
        document=canvas.document([canvas.finish(plot) for plot in plots], name),
        heads=("trial", "median latency", "highest latency", f"{kind} per second", "latest sending"),
        rows=tuple(_row(one) for one in courses),
    )


def _latency(courses: Sequence[Course], x: Range1d) -> Any:
    low, high = _low_high([*(one.highest_ms for one in courses), *(one.median_ms for one in courses)])
    is_log = high / max(low, 1e-6) > 50
    y = canvas.between(max(low, 1e-3) / 1.5, high * 1.5) if is_log else canvas.between(0.0, high * 1.1)
    label = "latency, ms (log)" if is_log else "latency, ms"
    plot = canvas.axes(_HEIGHTS[0], "", label, x, y, "log" if is_log else "linear")
    for one in courses:
        _line(plot, one, one.highest_ms, "ms at most", width=0.8, alpha=0.6)
        _line(plot, one, one.median_ms, "ms median", width=2.2)
    return plot


def _rate(
    courses: Sequence[Course], x: Range1d, kind: str, window: str, criteria: Sequence[Criterion],
    evidences: Sequence[Evidence],
) -> tuple[Any, str]:  # fmt: skip
    """The plot, and what of the instrument's ceiling has no place in it."""
    _, high = _low_high([one.rate_per_s for one in courses])
    limits = [
        one for one in criteria
        if one.metric.startswith(kind) and one.metric.endswith(_RATES) and one.of.get("window") == window
    ]  # fmt: skip
    ceilings = [value for one in evidences if (value := fact(one, CEILING, kind)) is not None]
    offers = [value for one in evidences if (value := fact(one, OFFERED, window)) is not None]
    top = max(high, *(one.limit for one in limits), *offers, 1.0)
    ceiling = min(ceilings, default=math.inf)
    is_near = ceiling <= _FAR * top
    plot = canvas.axes(
        _HEIGHTS[1], "", f"{kind}/s", x, canvas.between(0.0, (max(top, ceiling) if is_near else top) * 1.2)
    )
    for one in courses:
        _line(plot, one, one.rate_per_s, f"{kind}/s", width=1.6)
    for limit in limits:
        level = "" if limit.level == "required" else f" ({limit.level})"
        canvas.limit_line(plot, limit.limit, f"limit {limit.op} {limit.limit:,g}/s{level}", left=True)
    if offers:
        canvas.limit_line(plot, max(offers), f"offered {max(offers):,.4g}/s", "dotted")
    if is_near:
        canvas.limit_line(plot, ceiling, f"instrument's ceiling {ceiling:,.4g}/s", "dotdash")
        return plot, ""
    if math.isinf(ceiling):
        return plot, "The instrument's ceiling was not measured."
    return plot, f"The instrument's own ceiling is {ceiling:,.4g} {kind}/s, far above this plot."


def _lateness(courses: Sequence[Course], x: Range1d) -> Any:
    _, high = _low_high([one.lateness_ms for one in courses])
    plot = canvas.axes(_HEIGHTS[2], "", "lateness, ms", x, canvas.between(0.0, max(high * 1.1, 0.1)))
    for one in courses:
        if one.lateness_ms:
            _line(plot, one, one.lateness_ms, "ms late", width=1.4)
    return plot


def _line(plot: Any, one: Course, values: Sequence[float], unit: str, width: float, alpha: float = 1.0) -> None:
    seen = [(at, value) for at, value in zip(one.at_s, values, strict=True) if math.isfinite(value)]
    if not seen:
        return
    source = ColumnDataSource({
        "x": canvas.rounded([at for at, _ in seen]), "y": canvas.rounded([value for _, value in seen]),
    })  # fmt: skip
    colour = canvas.TRIAL_COLOURS[(one.trial - 1) % len(canvas.TRIAL_COLOURS)]
    line = plot.line(x="x", y="y", source=source, line_color=colour, line_width=width, line_alpha=alpha,
                     legend_label=f"trial {one.trial}" if one.trial == 1 else str(one.trial))  # fmt: skip
    canvas.hover(plot, [line], [("", f"trial {one.trial}: @y{{0,0.[000]}} {unit} at @x{{0.[00]}} s")])


def _low_high(lists: Sequence[Sequence[float]]) -> tuple[float, float]:
    known = [value for values in lists for value in values if math.isfinite(value)]
    return min(known, default=0.0), max(known, default=1.0)


def _row(one: Course) -> tuple[str, ...]:
    def worst(values: Sequence[float], unit: str) -> str:
        known = [value for value in values if math.isfinite(value)]
        return quantity(max(known), unit) if known else ""

    medians = sorted(value for value in one.median_ms if math.isfinite(value))
    median = quantity(medians[len(medians) // 2], "ms") if medians else ""
    rates = f"{min(one.rate_per_s):,.4g} to {max(one.rate_per_s):,.4g}"
    return str(one.trial), median, worst(one.highest_ms, "ms"), rates, worst(one.lateness_ms, "ms")
