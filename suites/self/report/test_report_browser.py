"""report.html in a real browser: offline, silent, legible on any screen, in both schemes and without a script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.report.report import write_report

from . import made

BROWSER = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name)) is not None), ""
)
pytestmark = [
    pytest.mark.self,
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome on PATH"),
]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
CONTRAST = """
() => {
  const parse = (text) => { const c = text.match(/[\\d.]+/g).map(Number); return c.length > 3 ? c : [...c, 1]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour[3] > 0) return colour;
    }
    return [255, 255, 255, 1];
  };
  const poor = [];
  let seen = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || element.closest("script,title,[hidden]")) continue;
    if (!element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const ink = parse(element instanceof SVGElement ? style.fill : style.color);
    const [one, two] = [light(ink), light(behind(element))].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    seen += 1;
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)}: ${walker.currentNode.textContent.trim().slice(0, 40)}`);
  }
  return [seen, poor];
}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield running
        running.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = made.run(tmp_path_factory.mktemp("runs"))
    long_id = "a-" + "very-long-criterion-name-" * 8
    wide = made.verdict("3.2.4")
    finding = replace(wide.findings[0], criterion=long_id, says="x" * 300, unit="long units of measurement " * 4)
    verdicts = made.VERDICTS | {"3.2.4": replace(wide, findings=(finding, *wide.findings[1:]))}
    write_report(folder, made.CASES, verdicts, made.standing(verdicts), made.trials)
    return folder.report_path


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
