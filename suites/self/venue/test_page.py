"""The page on the control port in a real browser: it shows, it switches, it loads nothing from elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from suites.self.chromium import ARGUMENTS, BROWSER, CONTRAST
from suites.self.venue.workshop import Running, ask, ask_signed, listener, run, until, venue

pytestmark = [
    pytest.mark.self,
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome on PATH"),
]
EVIL = '<img src=x onerror="document.title=1">'


@asynccontextmanager
async def browser() -> AsyncIterator[Any]:
    playwright = pytest.importorskip("playwright.async_api", reason="playwright is not installed")
    async with playwright.async_playwright() as driver:
        running = await driver.chromium.launch(executable_path=BROWSER, args=ARGUMENTS)
        yield running
        await running.close()


class Visit:
    """The venue's page, and all that it said and asked for."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(10_000)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))


@asynccontextmanager
async def visit(running: Running, driver: Any, **options: Any) -> AsyncIterator[Visit]:
    context = await driver.new_context(**options)
    one = Visit(await context.new_page())
    await one.page.goto(f"http://{running.control.address}/")
    try:
        yield one
    finally:
        await context.close()


async def shows(one: Visit, text: str) -> None:
    await one.page.get_by_text(text, exact=False).first.wait_for()


def test_book_accounts_sockets_and_switches_work_by_hand() -> None:
    async def body() -> None:
        async with venue() as running, browser() as driver, visit(running, driver) as one:
            page = one.page
            async with listener(running, "/btcusdt@bookTicker") as heard:
                await shows(one, "/btcusdt@bookTicker")
                await page.get_by_role("button", name="Move").first.click()
                await until(lambda: heard.heard, "a price")
                await page.get_by_role("button", name="Rest a buy").click()
                await shows(one, "Open orders: 1 of 1 accepted")
                await page.get_by_role("button", name="Fill").click()
                await shows(one, "Open orders: 0 of 1 accepted")
                (position,) = (await running.control.state()).positions
                await shows(one, position.size)

                refuse = page.get_by_role("switch", name="Refuse everything")
                assert await refuse.get_attribute("aria-checked") == "false"
                await refuse.click()
                await page.locator('[role=switch][aria-checked=true]:has-text("Refuse everything")').wait_for()
                assert (await ask(running, "GET", "/fapi/v1/time", key=None)).status == 503
                await refuse.click()
                await page.locator('[role=switch][aria-checked=false]:has-text("Refuse everything")').wait_for()
                assert (await ask(running, "GET", "/fapi/v1/time", key=None)).status == 200

                await page.locator("select[name=kind]").select_option("http_status")
                await page.locator("select[name=how]").select_option("json")
                await page.locator("input[name=path]").fill("/fapi/v1/time")
                await page.locator("input[name=status]").fill("418")
                await page.get_by_role("button", name="Set this fault").click()
                await shows(one, "http_status json")
                assert (await ask(running, "GET", "/fapi/v1/time", key=None)).status == 418
                await page.get_by_role("button", name="Heal all").click()
                await page.get_by_role("cell", name="http_status json", exact=True).wait_for(state="detached")
                assert (await ask(running, "GET", "/fapi/v1/time", key=None)).status == 200

                await page.locator("select[name=kind]").select_option("burst")
                await page.get_by_role("button", name="Set this fault").click()
                await shows(one, "events must be between 2 and")

                # A press keeps the keyboard where it was, although the live part is made anew.
                await page.get_by_role("switch", name="Silence").focus()
                await page.keyboard.press("Enter")
                await page.locator('[role=switch][aria-checked=true]:has-text("Silence")').wait_for()
                assert await page.evaluate("document.activeElement.textContent") == "Silence"
                await page.keyboard.press("Enter")
                await page.locator('[role=switch][aria-checked=false]:has-text("Silence")').wait_for()
            assert one.said == ["Failed to load resource: the server responded with a status of 400 (Bad Request)"]
            assert {url.split("/")[2] for url in one.asked if not url.startswith("data:")} == {running.control.address}

    run(body)


def test_it_fits_is_legible_and_runs_nothing_that_clients_made_up() -> None:
    async def body() -> None:
        async with venue() as running, browser() as driver, listener(running, f"/{'x' * 300}@trade"):
            await running.control.place_resting("BTCUSDT", client_order_id=EVIL)
            await ask(running, "GET", "/fapi/v1/" + "y" * 300, key=None)
            await ask(running, "GET", "/fapi/v1/<script>document.title=1</script>", key=None)
            await ask_signed(running, "GET", "/fapi/v3/account")
            await running.control.fault("silence", symbol="ETHUSDT")
            grounds = set()
            for scheme, width in (("light", 360), ("dark", 360), ("light", 1440), ("dark", 1440)):
                view = {"width": width, "height": 800}
                async with visit(running, driver, viewport=view, color_scheme=scheme) as one:
                    page = one.page
                    assert await page.evaluate("document.documentElement.scrollWidth") <= width
                    seen, poor = await page.evaluate(CONTRAST)
                    assert seen > 100
                    assert poor == []
                    assert await page.title() == "binance (simulated)"
                    assert await page.locator("img").count() == 0
                    assert one.said == []
                    grounds.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
            assert len(grounds) == 2
            async with visit(running, driver, java_script_enabled=False) as one:
                await shows(one, EVIL)
                assert await one.page.locator("section").count() >= 7

    run(body)


def test_it_says_when_the_venue_was_stopped() -> None:
    async def body() -> None:
        async with browser() as driver:
            async with venue() as running:
                context = await driver.new_context()
                page = await context.new_page()
                await page.goto(f"http://{running.control.address}/")
            await page.get_by_text("it was stopped").wait_for(timeout=10_000)
            await context.close()

    run(body)
