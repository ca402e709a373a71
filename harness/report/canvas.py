"""The one place that knows the chart library: figures in the page's own colours, and charts as documents for it.

Bokeh installs with the project and its script is put into a page when that is written, so that a report with plots
needs no network. Colours are stand-ins here: the page's script puts those of its scheme in their place, and again
when the reader changes between light and dark.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from bokeh.core.types import ID
from bokeh.embed import json_item
from bokeh.layouts import column
from bokeh.models import BasicTicker, BoxZoomTool, FixedTicker, HoverTool, LogAxis, NumeralTickFormatter, Range1d
from bokeh.models.annotations import BoxAnnotation, Label, Span
from bokeh.plotting import figure
from bokeh.resources import Resources

from harness.evidence.tables import Floats

VARIABLES = (
    "ink", "soft", "line", "card", "pass-fill", "fail-fill", "inconclusive-fill", "not-measurable-fill",
    "deferred-fill", "error-fill", "fail-wash", "page", "not-measurable-wash",
)  # fmt: skip
"""The page's style variables that a chart may use, by the number in their stand-in."""
_FONT = "system-ui, -apple-system, Segoe UI, Roboto, Helvetica Neue, Arial, sans-serif"
_OWN_ID = re.compile(r'"(p\d{4,})"')


def colour(name: str) -> str:
    """The stand-in for a style variable."""
    return f"#fe0d{VARIABLES.index(name):02x}"


TRIAL_COLOURS = tuple(map(colour, ("deferred-fill", "inconclusive-fill", "not-measurable-fill", "error-fill", "soft")))


def library() -> str:
    """The chart library's script, to be put into a page once."""
    return str(Resources(mode="inline", components=["bokeh"]).js_raw[0])


def between(low: float, high: float) -> Range1d:
    """An axis from low to high, which cannot be left by zooming out. Figures that share one move together."""
    return Range1d(start=low, end=high, bounds=(low, high))


TOOLS = "xpan,box_zoom,reset"
TIME_TOOLS = "xbox_zoom,xpan,xwheel_zoom,reset"
"""For plots that share a time axis: a drag looks closer at a stretch of it."""


def axes(
    height: int, x_label: str, y_label: str, x: Range1d, y: Range1d, y_type: Literal["linear", "log"] = "linear", *,
    tools: str = TOOLS,
) -> Any:  # fmt: skip
    """An empty figure as wide as the page allows."""
    plot = figure(
        height=height,
        sizing_mode="stretch_width",
        tools=tools,
        y_axis_type=y_type,
        x_range=x,
        y_range=y,
        x_axis_label=x_label,
        y_axis_label=y_label,
        background_fill_color=colour("card"),
        border_fill_color=colour("card"),
        outline_line_color=colour("line"),
    )
    plot.toolbar.logo = None
    plot.toolbar.active_scroll = None  # a page is scrolled over its plots
    if tools == TIME_TOOLS:
        plot.toolbar.active_drag = next(one for one in plot.tools if isinstance(one, BoxZoomTool))
    plot.toolbar.autohide = True
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.axis_label_text_font_style = "normal"
        axis.axis_label_text_font = axis.major_label_text_font = _FONT
        axis.axis_label_text_font_size = axis.major_label_text_font_size = "12px"
        axis.axis_label_text_color = axis.major_label_text_color = colour("soft")
        axis.axis_line_color = axis.major_tick_line_color = colour("line")
        axis.minor_tick_line_color = None
    plot.yaxis.formatter = NumeralTickFormatter(format="0,0.[000]")
    for grid in (*plot.xgrid, *plot.ygrid):
        grid.grid_line_color = colour("line")
        grid.grid_line_alpha = 0.6
    return plot


def finish(plot: Any, columns: int = 0) -> Any:
    """Legend and scale; after everything is drawn. `columns`: of a legend with more names than that; 0: one row."""
    if isinstance(plot.yaxis[0], LogAxis):
        decades = range(math.floor(math.log10(plot.y_range.start)), math.ceil(math.log10(plot.y_range.end)) + 1)
        plot.yaxis.ticker = plot.ygrid.ticker = FixedTicker(
            ticks=[one * 10.0**at for at in decades for one in (1, 2, 5)]
        )
    else:
        plot.yaxis.ticker = plot.ygrid.ticker = BasicTicker(desired_num_ticks=max(plot.height // 45, 3))
    for legend in plot.legend:
        legend.background_fill_color = colour("card")
        legend.background_fill_alpha = 0.85
        legend.border_line_color = None
        legend.label_text_color = colour("ink")
        legend.label_text_font = _FONT
        legend.label_text_font_size = "11px"
        legend.orientation = "horizontal"
        legend.click_policy = "hide"
        legend.padding = legend.margin = 2
        legend.spacing = 8
        if columns:
            legend.location = "top_left"
            legend.ncols = columns if len(legend.items) > columns else "auto"
    # above the plot: nothing that was measured is hidden by words
    for legend in list(plot.legend):
        plot.add_layout(legend, "above")
    return plot


def limit_line(plot: Any, at: float, text: str, dash: str = "dashed", *, left: bool = False) -> None:
    """A line across with its words at its right end, or its left one."""
    plot.add_layout(Span(location=at, dimension="width", line_color=colour("ink"), line_width=1.5, line_dash=dash))
    words(plot, plot.x_range.start if left else plot.x_range.end, at, text, align="left" if left else "right")


def words(plot: Any, x: float, y: float, text: str, *, align: Literal["left", "center", "right"] = "left") -> None:
    """Text at a place of the data."""
    plot.add_layout(
        Label(
            x=x, y=y, text=text, text_align=align, text_baseline="bottom", text_font=_FONT, text_font_size="11px",
            text_color=colour("ink"), x_offset=-4 if align == "right" else 4, y_offset=2,
            background_fill_color=colour("card"), background_fill_alpha=0.7,
        )
    )  # fmt: skip


def tint(plot: Any, left: float, right: float, variable: str) -> None:
    """An upright band of the plot."""
    fill = colour(variable)
    plot.add_layout(
        BoxAnnotation(left=left, right=right, fill_color=fill, fill_alpha=0.14, line_color=fill, line_dash="dashed")
    )


def hover(
    plot: Any, renderers: Sequence[Any], tips: Sequence[tuple[str, str]], mode: Literal["mouse", "vline"] = "mouse"
) -> None:
    """What pointing at these tells."""
    plot.add_tools(HoverTool(renderers=list(renderers), tooltips=list(tips), mode=mode))


def ticks(plot: Any, labels: dict[float, str]) -> None:
    """Fixed places on the x axis."""
    plot.xaxis.ticker = FixedTicker(ticks=sorted(labels))
    plot.xaxis.major_label_overrides = labels


def document(plots: Sequence[Any], name: str) -> str:
    """The plots, one above the other, as JSON for the page. The same plots always give the same text."""
    shown = plots[0] if len(plots) == 1 else column(*plots, sizing_mode="stretch_width", spacing=4)
    text = json.dumps(json_item(shown, ID(name)), allow_nan=False, separators=(",", ":"))
    # the library numbers its models through the process; and nothing of a run may end the script element
    numbers = {found: f"{name}-{at}" for at, found in enumerate(dict.fromkeys(_OWN_ID.findall(text)))}
    text = _OWN_ID.sub(lambda match: f'"{numbers[match[1]]}"', text)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def packed(values: Floats) -> npt.NDArray[np.float32]:
    """Many values in few bytes; NaN where a line is to break."""
    return values.astype(np.float32)


def rounded(values: Sequence[float], digits: int = 4) -> list[float]:
    """Few digits: a plot shows no more, and the report stays small."""
    return [float(f"{value:.{digits}g}") for value in values]
