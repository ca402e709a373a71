"""report.html in a real browser: offline, silent, legible on any screen, in both schemes and without a script."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.report.report import write_report
from suites.self.chromium import BROWSER, CONTRAST
from suites.self.report import loaded

from . import made

CANVASES = """
() => {
  const inside = (root) => [...root.querySelectorAll("*")]
    .flatMap((one) => one.shadowRoot ? [one, ...inside(one.shadowRoot)] : [one]);
  const words = (colour) => [colour & 255, colour >> 8 & 255, colour >> 16 & 255].join();
  const grounds = new Set(), inks = new Set();
  const hosts = [...document.querySelectorAll(".chart")];
  let drawn = 0;
  for (const host of hosts) {
    let most = 0;
    for (const one of inside(host).filter((element) => element.tagName === "CANVAS" && element.width > 200)) {
      const data = one.getContext("2d").getImageData(0, 0, one.width, one.height).data;
      const counts = new Map();
      for (const colour of new Uint32Array(data.buffer)) {
        if (colour >>> 24 === 255) counts.set(colour, (counts.get(colour) ?? 0) + 1);
      }
      most = Math.max(most, counts.size);
      if (counts.size > 5) grounds.add(words([...counts].sort((a, b) => b[1] - a[1])[0][0]));
      for (const ink of counts.keys()) inks.add(words(ink));
    }
    drawn += most > 20 ? 1 : 0;
  }
  return [hosts.length, drawn, [...grounds], [...inks]];
}
"""
"""How many plots there are, how many are drawn, on which grounds, in which colours."""
pytestmark = [
    pytest.mark.self,
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome on PATH"),
]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = made.run(tmp_path_factory.mktemp("runs"))
    long_id = "a-" + "very-long-criterion-name-" * 8
    wide = made.verdict("3.2.4")
    finding = replace(wide.findings[0], criterion=long_id, says="x" * 300, unit="long units of measurement " * 4)
    verdicts = made.VERDICTS | {"3.2.4": replace(wide, findings=(finding, *wide.findings[1:]))}
    write_report(folder, made.CASES, verdicts, made.standing(verdicts), made.trials)
    return folder.report_path


@pytest.fixture(scope="module")
def plotted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A performance run, with plots in it."""
    return loaded.run(tmp_path_factory.mktemp("loaded")).report_path


class Visit:
    """One look at the report, and all that the page did."""

    def __init__(self, browser: Any, report: Path, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(report.as_uri())

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_the_page_is_silent_fits_and_is_legible(browser: Any, report: Path, width: int, scheme: str) -> None:
    with Visit(browser, report, viewport={"width": width, "height": 800}, color_scheme=scheme) as visit:
        page = visit.page
        assert page.locator("h1").is_visible()
        assert page.locator("h1").inner_text().startswith("Not ready: 4 of 10 integration cases pass")
        page.locator("[data-all]").click()  # everything open: the widest the page can get
        assert page.locator("details.case:not([open])").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        seen, poor = page.evaluate(CONTRAST)
        assert seen > 200
        assert poor == []
        assert visit.said == []
        assert [url for url in visit.asked if not url.startswith(("file:", "data:"))] == []
        assert [url for url in visit.asked if url.startswith("file:")] == [report.as_uri()]


def test_the_schemes_differ(browser: Any, report: Path) -> None:
    grounds = set()
    for scheme in ("light", "dark"):
        with Visit(browser, report, color_scheme=scheme) as visit:
            grounds.add(visit.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(grounds) == 2


def test_without_a_script_everything_can_be_read(browser: Any, report: Path) -> None:
    with Visit(browser, report, java_script_enabled=False) as visit:
        assert visit.page.locator("h1").is_visible()
        assert not visit.page.locator(".filters").is_visible()
        first = visit.page.locator("#case-3\\.1\\.1")
        assert not first.locator(".criterion").first.is_visible()
        first.locator("summary").first.click()
        assert first.locator(".criterion").first.is_visible()


def test_filters_narrow_the_cases_down(browser: Any, report: Path) -> None:
    with Visit(browser, report) as visit:
        page = visit.page
        shown = page.locator("details.case:visible")
        assert shown.count() == len(made.VERDICTS)
        page.locator("button[data-status=fail]").click()
        assert [one.get_attribute("id") for one in shown.all()] == ["case-3.1.3", "case-3.2.5"]
        page.locator("button[data-status=fail]").click()
        page.locator(".filters input").fill("health CHECK")
        assert [one.get_attribute("id") for one in shown.all()] == ["case-3.2.3"]
        assert page.locator(".filters output").inner_text() == "1 of 11 shown"
        page.locator("a[href='#case-3.1.4']").click()
        assert page.locator("#case-3\\.1\\.4").is_visible()


def test_on_paper_everything_is_open(browser: Any, report: Path) -> None:
    with Visit(browser, report, color_scheme="dark") as visit:
        visit.page.emulate_media(media="print")
        # what the browser itself does before it prints
        visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert visit.page.locator("details:not([open])").count() == 0
        assert not visit.page.locator(".filters").is_visible()
        assert visit.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert len(visit.page.pdf(format="A4")) > 10_000


def test_a_script_that_is_not_ours_does_not_run(browser: Any, report: Path, tmp_path: Path) -> None:
    """The page's own policy is the second wall behind the escaping."""
    text = report.read_text(encoding="utf-8")
    broken = tmp_path / "broken.html"
    broken.write_text(text.replace("</main>", "<script>document.title = 'taken'</script></main>"), encoding="utf-8")
    with Visit(browser, broken) as visit:
        assert "taken" not in visit.page.title()
        assert any("Content Security Policy" in one for one in visit.said)


def until(visit: Visit, condition: str) -> None:
    """Wait for it from outside: the page's own policy lets nobody evaluate text inside."""
    for _ in range(200):
        if visit.page.evaluate(condition):
            return
        visit.page.wait_for_timeout(50)
    pytest.fail(f"after 10 s still not: {condition}")


def drawn_in(visit: Visit, scheme: str) -> None:
    until(
        visit,
        "Bokeh.documents.every((one) => one.is_idle) && "
        f"[...document.querySelectorAll('.chart')].every((one) => one.dataset.drawn === '{scheme}')",
    )


@pytest.mark.parametrize("width", [360, 1280])
def test_plots_are_drawn_in_both_schemes_without_a_word_or_a_request(browser: Any, plotted: Path, width: int) -> None:
    with Visit(browser, plotted, viewport={"width": width, "height": 800}, color_scheme="light") as visit:
        page = visit.page
        page.evaluate("() => { for (const one of document.querySelectorAll('details.case')) one.open = true; }")
        drawn_in(visit, "light")
        charts, drawn, light, _ = page.evaluate(CANVASES)
        assert charts == drawn == 8
        page.emulate_media(color_scheme="dark")
        drawn_in(visit, "dark")
        _, drawn, dark, inks = page.evaluate(CANVASES)
        assert drawn == charts
        ground = page.evaluate("getComputedStyle(document.querySelector('.chart')).backgroundColor")
        assert (len(light), dark) == (1, [ground.removeprefix("rgb(").removesuffix(")").replace(" ", "")])
        assert light != dark
        assert not [one for one in inks if one.startswith("254,13,")], "a stand-in for a colour was left"
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        seen, poor = page.evaluate(CONTRAST)
        assert seen > 200
        assert poor == []
        assert visit.said == []
        assert [url for url in visit.asked if not url.startswith("data:")] == [plotted.as_uri()]


def test_plots_of_closed_cases_wait_until_they_are_opened(browser: Any, plotted: Path) -> None:
    with Visit(browser, plotted) as visit:
        first = visit.page.locator("#chart-5-1-1-p1")
        assert visit.page.locator("#case-5\\.1\\.1").get_attribute("open") is None
        assert visit.page.evaluate("document.getElementById('chart-5-1-1-p1').childElementCount") == 1  # the noscript
        visit.page.locator("#case-5\\.1\\.1 > summary").click()
        until(visit, "document.querySelector('#chart-5-1-1-p1 > .bk-Figure') !== null")
        assert first.is_visible()


def test_without_a_script_the_numbers_of_a_plot_can_be_read(browser: Any, plotted: Path) -> None:
    with Visit(browser, plotted, java_script_enabled=False) as visit:
        case = visit.page.locator("#case-5\\.2\\.3")
        case.locator("summary", has_text="The numbers").nth(1).click()
        table = case.locator("table.numbers").nth(1)
        assert table.is_visible()
        assert table.locator("tbody tr").count() == 6


def test_lanes_of_the_stack_are_there_and_can_be_read_by_keyboard(browser: Any, report: Path) -> None:
    with Visit(browser, report) as visit:
        case = visit.page.locator("#case-3\\.1\\.3")
        names = [one.strip() for one in case.locator(".lane").all_inner_texts()]
        assert [name.split("\n")[0] for name in names if name] == [
            "fault: kill", "connector", "venue-binance", "control", "filtered", "windows", "trial",
        ]  # fmt: skip
        strip = case.locator(".strip").nth(1)
        readout = case.locator(".readout")
        assert "Point at a lane" in readout.inner_text()
        strip.focus()
        visit.page.keyboard.press("ArrowRight")
        first = readout.inner_text()
        assert first.startswith("alive: connector")
        for _ in range(3):
            visit.page.keyboard.press("ArrowRight")
        assert readout.inner_text() != first
        shades = case.locator(".strip").nth(1).locator(".shade")
        assert shades.count() == 1
        assert shades.bounding_box()["width"] > 20
        strip.locator("rect.serving").first.hover()
        assert readout.inner_text().startswith("serving: connector")
