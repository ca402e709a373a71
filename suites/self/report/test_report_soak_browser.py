"""The section of a long run in a real browser: gaps and faults are seen, and zooming one plot moves the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.evidence.evidence import Evidence
from harness.record.store import RunStore
from harness.report.report import write_report
from harness.spec.loader import load_acceptance
from harness.verdict.acceptance import assess
from harness.verdict.judge import judge
from suites.self.chromium import BROWSER, CONTRAST
from suites.self.evidence.long_run import Soak, write
from suites.self.report import loaded, made
from suites.self.report.test_report_browser import Visit, drawn_in, until

pytestmark = [
    pytest.mark.self,
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome on PATH"),
]
CASE = loaded.CASES["6.1.1"]
SOAK = Soak(600, warm_up_s=60, gaps=((200, 215),), faults=((400, 430),))
PLOTS = """
() => Bokeh.documents.flatMap((one) => one.roots()).flatMap((root) => root.children ?? [root]).map((plot) => {
  const view = Bokeh.index.find_one(plot), at = view.el.getBoundingClientRect(), frame = view.frame.bbox;
  return {
    label: plot.yaxis?.axis_label ?? plot.left[0].axis_label,
    from: plot.x_range.start, to: plot.x_range.end,
    named: [...plot.above, ...plot.center].filter((one) => one.items)
      .flatMap((one) => one.items.map((item) => item.label.value ?? item.label)),
    left: at.left + frame.left, width: frame.width, top: at.top + frame.top, height: frame.height,
  };
})
"""
"""Every plot: what its axis shows, what its legend names, and where it lies on the screen."""
DARKEST = """
([which, from, to]) => {
  const plot = Bokeh.documents.flatMap((one) => one.roots()).flatMap((root) => root.children ?? [root])[which];
  const view = Bokeh.index.find_one(plot), frame = view.frame.bbox, canvas = view.canvas_view.primary.el;
  const ratio = canvas.width / view.el.getBoundingClientRect().width;
  const at = (time) => frame.left + view.frame.x_scale.compute(time) - view.frame.x_scale.compute(plot.x_range.start);
  const left = Math.round(at(from) * ratio), width = Math.max(Math.round((at(to) - at(from)) * ratio), 1);
  const data = canvas.getContext("2d").getImageData(left, (frame.top + 8) * ratio, width, 30 * ratio).data;
  const colours = new Set(new Uint32Array(data.buffer));
  return colours.size;
}
"""
"""How many colours there are between two times of a plot, near its upper edge: one where nothing is drawn."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = RunStore(tmp_path_factory.mktemp("soaked")).create(replace(made.INFO, selected=(CASE.id,)))
    path = folder.evidence_path(CASE.id, 1)
    write(SOAK, path)
    verdict = judge(CASE, [Evidence.load(path)], today=date(2026, 11, 22))
    folder.save_verdict(verdict, CASE)
    cases, verdicts = tuple(loaded.CASES.values()), {CASE.id: verdict}
    write_report(folder, cases, verdicts, assess(cases, verdicts, load_acceptance(loaded.SPECS / "acceptance.yaml")))
    return folder.report_path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1400])
def test_the_section_is_there_silent_legible_and_fits(browser: Any, report: Path, width: int, scheme: str) -> None:
    with Visit(browser, report, viewport={"width": width, "height": 900}, color_scheme=scheme) as visit:
        drawn_in(visit, scheme)
        case = visit.page.locator("#case-6\\.1\\.1")
        assert case.locator("h4", has_text="The run in words").is_visible()
        assert case.locator(".told li").count() >= 4
        assert case.locator(".told .projection").count() <= 1
        rows = case.locator(".watched tbody tr")
        assert rows.count() >= 10
        assert rows.first.inner_text().startswith("the run")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        seen, poor = visit.page.evaluate(CONTRAST)
        assert seen > 100
        assert poor == []
        assert visit.said == []


def test_gaps_and_faults_are_seen_in_every_plot_and_named(browser: Any, report: Path) -> None:
    with Visit(browser, report, viewport={"width": 1200, "height": 900}) as visit:
        drawn_in(visit, "light")
        plots = visit.page.evaluate(PLOTS)
        assert len(plots) == 7
        for which, plot in enumerate(plots):
            assert {"gap", "fault", "warm-up"} <= set(plot["named"])
            plain = visit.page.evaluate(DARKEST, [which, 100 / 60, 112 / 60])
            gap, fault = (
                visit.page.evaluate(DARKEST, [which, begin / 60, end / 60]) for begin, end in ((201, 214), (401, 429))
            )
            assert gap > plain, plot["label"]
            assert fault > plain, plot["label"]


def test_zooming_one_plot_moves_all_of_them(browser: Any, report: Path) -> None:
    with Visit(browser, report, viewport={"width": 1200, "height": 900}) as visit:
        page = visit.page
        drawn_in(visit, "light")
        page.locator("#chart-6-1-1-s1").scroll_into_view_if_needed()
        page.evaluate("document.querySelector('#chart-6-1-1-s1').scrollIntoView()")
        plot = page.evaluate(PLOTS)[1]
        assert (plot["from"], round(plot["to"], 1)) == (0, 10)
        y = plot["top"] + plot["height"] / 2
        page.mouse.move(plot["left"] + 0.3 * plot["width"], y)
        page.mouse.down()
        page.mouse.move(plot["left"] + 0.4 * plot["width"], y, steps=4)
        page.mouse.move(plot["left"] + 0.5 * plot["width"], y, steps=4)
        page.mouse.up()
        until(visit, f"({PLOTS})().every((one) => one.to < 6)")
        for one in page.evaluate(PLOTS):
            assert one["from"] == pytest.approx(3, abs=0.2)
            assert one["to"] == pytest.approx(5, abs=0.2)
        assert visit.said == []


def test_a_finger_scrolls_the_page_over_the_plots(browser: Any, report: Path) -> None:
    with Visit(browser, report, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True) as visit:
        drawn_in(visit, "light")
        actions = visit.page.evaluate(
            """() => {
              const inside = (root) => [...root.querySelectorAll("*")]
                .flatMap((one) => one.shadowRoot ? [one, ...inside(one.shadowRoot)] : [one]);
              return inside(document.querySelector(".chart")).filter((one) => one.classList.contains("bk-events"))
                .map((one) => getComputedStyle(one).touchAction);
            }"""
        )
        assert set(actions) == {"auto"}
        assert visit.said == []
