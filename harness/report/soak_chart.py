"""A long run as plots one above the other on one time axis, with gaps, faults and warm-up marked in each of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Range1d

from harness.evidence.tables import Floats
from harness.report import canvas
from harness.report.chart import Chart
from harness.report.numbers import quantity
from harness.report.soak_course import SoakCourse
from harness.report.soak_events import Events, Stretch
from harness.report.soak_trend import Baseline, Judged
from harness.spec.case import Case
from harness.verdict.own_footprint import CPU, MOST_BYTES, MOST_PERCENT, RSS

_TALL, _LOW = 320, 190
MEGA = 1e6
_UNITS = (("hours", 3600.0, 10_800.0), ("minutes", 60.0, 300.0), ("seconds", 1.0, 0.0))
"""Name, seconds in it, and from how long a run on the axis is in it."""
_ROWS = 24


@dataclass(frozen=True, slots=True)
class Line:
    """A course in a plot. `low` and `high`: the band around it; `factor` is what its values are multiplied by."""

    name: str
    values: Floats
    low: Floats | None = None
    high: Floats | None = None
    variable: str = "deferred-fill"
    dash: str = "solid"
    marker: str = ""


@dataclass(frozen=True, slots=True)
class Axis:
    """The time axis that all plots share. `size_s`: seconds in its unit."""

    unit: str
    size_s: float
    range: Range1d
    middles: Floats

    @classmethod
    def of(cls, course: SoakCourse) -> Axis:
        """From the run's begin to its end."""
        length_s = course.grid.length_s
        unit, size_s = next((name, size) for name, size, since in _UNITS if length_s >= since)
        return cls(unit, size_s, canvas.between(0.0, length_s / size_s), course.grid.middles_s / size_s)


def soak_chart(
    name: str, case: Case, course: SoakCourse, events: Events, trends: Mapping[str, Judged],
    baselines: Mapping[str, Baseline],
) -> Chart:  # fmt: skip
    """All of them. `trends` and `baselines`: by probe."""
    axis = Axis.of(course)
    begin_s = next((one.from_s for one in trends.values()), 0.0)
    made = [
        _memory(axis, course, trends),
        _units(axis, course, baselines),
        _plot(axis, "open in the connector", _of_probes(course, _HANDLES), course),
        _errors(axis, case, course),
        _plot(axis, "latency, ms", _latency(course), course, log=True),
        _plot(axis, "a second", _updates(course), course),
        _harness(axis, course),
    ]
    plots = [plot for plot in made if plot is not None]
    for plot in plots:
        own = trends.get("connector.rss") if plot is made[0] else None
        _mark(plot, axis, events, own.begin_s if own else begin_s)
    plots[-1].xaxis.axis_label = f"{axis.unit} since the run began"
    return Chart(
        name=name,
        title="Over the whole run",
        caption=_caption(course),
        height=sum(plot.height for plot in plots),
        document=canvas.document([_finished(plot) for plot in plots], name),
        heads=(f"{axis.unit}", "memory", "runtime units", "descriptors", "errors", "p50", "p99", "updates/s"),
        rows=tuple(_rows(axis, course)),
    )


_HANDLES = {"connector.threads": "threads", "connector.descriptors": "descriptors", "connector.sockets": "sockets"}
_COLOURS = (("deferred-fill", "solid"), ("error-fill", "dashed"), ("inconclusive-fill", "dotdash"))


def _memory(axis: Axis, course: SoakCourse, trends: Mapping[str, Judged]) -> Any:
    """Resident memory with its trend, the trend's interval, the limit and the plateau."""
    band = course.bands.get("connector.rss")
    if band is None:
        return None
    known = [float(np.nanmin(band.low)) / MEGA, float(np.nanmax(band.high)) / MEGA]
    seen = trends.get("connector.rss")
    has_line = seen is not None and math.isfinite(seen.trend.level)
    if seen is not None and has_line:
        known.append((seen.at(seen.begin_s) + seen.limit) / MEGA)
    room = 0.08 * (max(known) - min(known)) or 1.0
    y = canvas.between(min(known) - room, max(known) + 2 * room)
    plot = canvas.axes(_TALL, "", "connector's memory, MB", axis.range, y, tools=canvas.TIME_TOOLS)
    _draw(plot, axis, Line("memory", band.mean / MEGA, band.low / MEGA, band.high / MEGA), "MB")
    if seen is not None and has_line:
        _trend(plot, axis, seen)
    return plot


def _trend(plot: Any, axis: Axis, seen: Judged) -> None:
    ends_s = [seen.begin_s, seen.end_s]
    xs, ink = [one / axis.size_s for one in ends_s], canvas.colour("ink")
    interval = seen.trend.slope_interval
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        middle_s = sum(ends_s) / 2
        centre, half = seen.at(middle_s), (ends_s[1] - ends_s[0]) / 2
        low = [centre - interval.high * half, centre, centre + interval.low * half]
        high = [centre - interval.low * half, centre, centre + interval.high * half]
        plot.varea(
            x=[xs[0], middle_s / axis.size_s, xs[1]],
            y1=[min(one) / MEGA for one in zip(low, high, strict=True)],
            y2=[max(one) / MEGA for one in zip(low, high, strict=True)],
            fill_color=canvas.colour("inconclusive-fill"), fill_alpha=0.35, legend_label="slope, 95 %",
        )  # fmt: skip
    if not seen.trend.unseen:
        plot.line(x=xs, y=[seen.at(one) / MEGA for one in ends_s], line_color=ink, line_width=2, legend_label="trend")
    plot.scatter(
        x=[(seen.from_s + one) / axis.size_s for one in seen.trend.middles],
        y=canvas.rounded([one / MEGA for one in seen.trend.floors], 6),
        size=4, color=ink, marker="diamond", legend_label="floors",
    )  # fmt: skip
    limit = (seen.at(seen.begin_s) + seen.limit) / MEGA
    plot.line(x=xs, y=[limit, limit], line_color=canvas.colour("fail-fill"), line_width=2, line_dash="dashed",
              legend_label="limit")  # fmt: skip
    canvas.words(plot, xs[1], limit, f"limit: {quantity(seen.limit, seen.unit)} more than after the warm-up",
                 align="right")  # fmt: skip
    if seen.plateau_s is not None:
        at = seen.plateau_s / axis.size_s
        plot.line(x=[at, at], y=[plot.y_range.start, plot.y_range.end], line_color=canvas.colour("pass-fill"),
                  line_width=2, line_dash="dotted", legend_label="level from here")  # fmt: skip


def _units(axis: Axis, course: SoakCourse, baselines: Mapping[str, Baseline]) -> Any:
    probe = "connector.runtime_units"
    known = baselines.get(probe)
    lines, limit = _of_probes(course, {probe: "units"}), None
    if known is not None:
        limit = (known.value + known.allowed, f"at its end {known.allowed:g} off {known.value:g} at most")
    plot = _plot(axis, "runtime units", lines, course, limit=limit)
    if plot is not None and known is not None:
        canvas.limit_line(plot, known.value - known.allowed, "", "dashed")
        canvas.limit_line(plot, known.value, "baseline", "dotted", left=True)
    return plot


def _errors(axis: Axis, case: Case, course: SoakCourse) -> Any:
    limits = [one.limit for one in case.criteria if one.metric == "calls.error_percent"]
    line = Line("failed calls", course.failed_percent, variable="fail-fill")
    return _plot(axis, "errors, %", [line], course, limit=(limits[0], f"limit {limits[0]:g} %") if limits else None)


def _latency(course: SoakCourse) -> list[Line]:
    return [Line("p50", course.p50_ms), Line("p99", course.p99_ms, variable="error-fill", dash="dashed")]


def _updates(course: SoakCourse) -> list[Line]:
    lines = [
        Line("updates", course.updates_per_s),
        Line("deliveries", course.deliveries_per_s, variable="not-measurable-fill", dash="dashed"),
        Line("calls", course.calls_per_s, variable="inconclusive-fill", dash="dotdash"),
    ]
    return [one for one in lines if np.nanmax(one.values, initial=0.0) > 0]


def _harness(axis: Axis, course: SoakCourse) -> Any:
    lines: list[Line] = []
    if RSS in course.bands:
        band = course.bands[RSS]
        lines.append(Line("MB of memory", band.mean / MEGA, band.low / MEGA, band.high / MEGA))
    if CPU in course.bands:
        band = course.bands[CPU]
        lines.append(Line("% of a core", band.mean, variable="inconclusive-fill", dash="dashed"))
    words = f"may take {MOST_BYTES / MEGA:g} MB and {MOST_PERCENT:g} %"
    return _plot(axis, "the harness itself", lines, course, limit=(MOST_BYTES / MEGA, words))


def _of_probes(course: SoakCourse, names: Mapping[str, str]) -> list[Line]:
    lines: list[Line] = []
    for probe, name in names.items():
        if probe in course.bands:
            band = course.bands[probe]
            variable, dash = _COLOURS[len(lines)]
            lines.append(Line(name, band.mean, band.low, band.high, variable, dash))
    return lines


def _plot(
    axis: Axis, label: str, lines: Sequence[Line], course: SoakCourse, *, log: bool = False,
    limit: tuple[float, str] | None = None,
) -> Any:  # fmt: skip
    """None where nothing was seen."""
    seen = [values for one in lines for values in (one.values, one.high) if values is not None]
    known = [float(np.nanmax(values)) for values in seen if np.isfinite(values).any()]
    if not known:
        return None
    top = max(*known, limit[0] if limit else 0.0, 1e-3)
    least = min(float(np.nanmin(one.values)) for one in lines if np.isfinite(one.values).any())
    if log and least > 0 and top / least > 20:
        y = canvas.between(least / 1.5, top * 1.6)
        plot = canvas.axes(_LOW, "", f"{label} (log)", axis.range, y, "log", tools=canvas.TIME_TOOLS)
    else:
        plot = canvas.axes(_LOW, "", label, axis.range, canvas.between(0.0, top * 1.25), tools=canvas.TIME_TOOLS)
    for one in lines:
        _draw(plot, axis, one, "")
    if limit:
        canvas.limit_line(plot, limit[0], limit[1])
    return plot


def _draw(plot: Any, axis: Axis, line: Line, unit: str) -> None:
    colour = canvas.colour(line.variable)
    columns = {"x": canvas.packed(axis.middles), "y": canvas.packed(line.values)}
    if line.low is not None and line.high is not None:
        columns |= {"low": canvas.packed(line.low), "high": canvas.packed(line.high)}
    source = ColumnDataSource(columns)
    if "low" in columns:
        plot.varea(x="x", y1="low", y2="high", source=source, fill_color=colour, fill_alpha=0.25)
    drawn = plot.line(x="x", y="y", source=source, line_color=colour, line_width=1.8, line_dash=line.dash,
                      legend_label=line.name)  # fmt: skip
    alone = _alone(line.values)
    if alone.any():  # a line needs two neighbours
        plot.scatter(x=canvas.packed(axis.middles[alone]), y=canvas.packed(line.values[alone]), size=4, color=colour)
    ends = " (@low{0,0.[00]} to @high{0,0.[00]})" if line.low is not None else ""
    at = f"at @x{{0.[00]}} {axis.unit}"
    canvas.hover(plot, [drawn], [("", f"{line.name}: @y{{0,0.[000]}} {unit}{ends} {at}")])


def _alone(values: Floats) -> Any:
    known = np.isfinite(values)
    left, right = np.roll(known, 1), np.roll(known, -1)
    left[:1] = right[-1:] = False
    return known & ~left & ~right


def _mark(plot: Any, axis: Axis, events: Events, warm_up_s: float) -> None:
    if warm_up_s > 0:
        _strips(plot, axis, [Stretch(0.0, warm_up_s)], "warm-up", "soft", "dot")
    _strips(plot, axis, events.gaps, "gap", "ink", "cross")
    _strips(plot, axis, events.faults, "fault", "fail-fill", "right_diagonal_line")


def _strips(plot: Any, axis: Axis, stretches: Sequence[Stretch], label: str, variable: str, hatch: str) -> None:
    if not stretches:
        return
    colour = canvas.colour(variable)
    source = ColumnDataSource({
        "x0": [one.begin_s / axis.size_s for one in stretches],
        "x1": [one.end_s / axis.size_s for one in stretches],
        "says": [f"{one.what or label}: {one.length_s:,.0f} s" for one in stretches],
    })  # fmt: skip
    strips = plot.vstrip(
        x0="x0", x1="x1", source=source, fill_color=colour, fill_alpha=0.08, line_color=colour, line_width=1.2,
        line_dash="solid" if label != "warm-up" else "dotted", hatch_pattern=hatch, hatch_color=colour,
        hatch_alpha=0.5, hatch_scale=8, hatch_weight=1, legend_label=label,
    )  # fmt: skip
    canvas.hover(plot, [strips], [("", "@says")])


def _finished(plot: Any) -> Any:
    plot.min_border_left = 70
    return canvas.finish(plot, columns=3)


def _caption(course: SoakCourse) -> str:
    width = quantity(float(course.grid.width_s), "s")
    return (
        "The trend goes through the floors: the lowest reading of each block of the time after the warm-up. "
        f"Lines are means over {width} each, the bands around them the lowest and the highest reading in it; errors, "
        f"latency and rates are over the same {width}. Drag across a plot to look closer: all of them follow; the "
        "tools beside a plot lead back. A name in a legend hides what it names."
    )


def _rows(axis: Axis, course: SoakCourse) -> list[tuple[str, ...]]:
    """Two dozen stretches of the run at most."""
    rows: list[tuple[str, ...]] = []
    for part in np.array_split(np.arange(course.grid.count), min(_ROWS, course.grid.count)):
        begin, end = (at * course.grid.width_s / axis.size_s for at in (part[0], part[-1] + 1))
        rows.append((
            f"{begin:.4g} to {min(end, axis.range.end):.4g}",
            _range(course, "connector.rss", part, "bytes"),
            _range(course, "connector.runtime_units", part, ""),
            _range(course, "connector.descriptors", part, ""),
            _mean(course.failed_percent[part], "%"),
            _mean(course.p50_ms[part], "ms"),
            _mean(course.p99_ms[part], "ms"),
            _mean(course.updates_per_s[part], ""),
        ))  # fmt: skip
    return rows


def _range(course: SoakCourse, probe: str, part: Any, unit: str) -> str:
    band = course.bands.get(probe)
    if band is None or not np.isfinite(band.mean[part]).any():
        return ""
    low, high = float(np.nanmin(band.low[part])), float(np.nanmax(band.high[part]))
    if unit == "bytes":
        return f"{low / MEGA:.1f} to {high / MEGA:.1f} MB"
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _mean(values: Floats, unit: str) -> str:
    return quantity(float(np.nanmean(values)), unit) if np.isfinite(values).any() else ""
