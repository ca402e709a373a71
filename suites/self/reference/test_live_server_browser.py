"""The live page in a real browser: it follows the venue by itself, comes back by itself, and is legible anywhere."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from suites.self.chromium import BROWSER, CONTRAST

from .launched import Connector
from .simulated import Venue, over
from .watching import LiveServer

pytestmark = [
    pytest.mark.self,
    pytest.mark.browser,
    pytest.mark.skipif(not BROWSER, reason="no Chromium or Chrome on PATH"),
]
BTC = "BTCUSDT"
LIVE = "#link[data-state=live]"
PAINTED = """
() => {
  const canvas = document.querySelector("canvas");
  const image = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(image.data.buffer)).size;
}
"""


@pytest.fixture(scope="module")
def server(binance: Connector) -> Iterator[LiveServer]:
    with LiveServer(binance.address) as server:
        yield server


@pytest.fixture(scope="module")
def do(venue: Venue) -> Any:
    """The driver of the browser keeps an event loop in this thread: the venue is asked from another one."""

    def in_thread(act: Any) -> Any:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(venue.do, act).result(30)

    return in_thread


class Look:
    """One look at the page, and all that it said and asked for."""

    def __init__(self, browser: Any, server: LiveServer, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(15_000)
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.site = f"http://127.0.0.1:{server.http_port}/"
        self.page.goto(self.site + "live")

    def __enter__(self) -> Look:
        self.page.wait_for_selector(LIVE)
        return self

    def __exit__(self, *_: object) -> None:
        self.context.close()

    def shows(self, place: str, text: str) -> None:
        """Wait until the text is to be read there."""
        self.page.wait_for_function(
            "([place, text]) => [...document.querySelectorAll(place)].some((one) => one.innerText.includes(text))",
            arg=[place, text],
        )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_it_is_silent_fits_and_is_legible(browser: Any, server: LiveServer, do: Any, width: int, scheme: str) -> None:
    do(lambda control: control.place_order(BTC, "SELL", "0.01", "60000"))
    with Look(browser, server, viewport={"width": width, "height": 900}, color_scheme=scheme) as look:
        look.shows("#orders tbody tr", "Sell")
        assert look.page.evaluate("document.documentElement.scrollWidth") <= width
        assert look.page.evaluate(PAINTED) > 4
        seen, poor = look.page.evaluate(CONTRAST)
        assert seen > 30
        assert poor == []
        assert look.said == []
        assert all(url.startswith((look.site, "data:")) for url in look.asked)
    do(lambda control: control.cancel_all(symbol=BTC))


def test_it_follows_an_order_the_balance_the_position_and_the_price(browser: Any, server: LiveServer, do: Any) -> None:
    with Look(browser, server, viewport={"width": 1280, "height": 900}) as look:
        placed = do(lambda control: control.place_order(BTC, "BUY", "0.01", "30000", client_order_id="look-1"))
        look.shows("#orders tbody tr", "30\u202f000")
        look.shows("#events li", "look-1")
        do(lambda control: control.fill_order(placed.order_id, "0.004"))
        look.shows("#orders tbody tr", "Partial")
        do(lambda control: control.fill_order(placed.order_id))
        look.shows("#events li", "Filled")
        look.shows("#orders .none", "No open orders")
        look.shows("#direction", "long")
        do(lambda control: control.set_position(BTC, "-0.25"))
        look.shows("#direction", "short")
        look.shows("#size", "\u22120.25")
        do(lambda control: control.set_price(BTC, "45678.9"))
        look.shows("#last", "45\u202f678.9")
        do(lambda control: control.set_position(BTC, "0"))
        look.shows("#direction", "flat")


def test_the_candles_can_be_read_one_by_one(browser: Any, server: LiveServer) -> None:
    with Look(browser, server, viewport={"width": 1280, "height": 900}) as look:
        look.shows("#readout", "100 candles of 1m")
        look.page.focus("canvas")
        look.page.keyboard.press("ArrowLeft")
        look.shows("#readout", "open")
        first = look.page.inner_text("#readout")
        look.page.keyboard.press("ArrowLeft")
        look.page.wait_for_function("(text) => document.getElementById('readout').innerText !== text", arg=first)
        assert "100 candles" in look.page.get_attribute("canvas", "aria-label")


def test_text_of_others_is_text_and_no_markup(browser: Any, server: LiveServer, do: Any) -> None:
    with Look(browser, server) as look:
        do(lambda control: control.place_order(BTC, "BUY", "0.01", "30000", client_order_id="<img-src=x>"))
        look.shows("#events li", "<img-src=x>")
        assert look.page.locator("#events img").count() == 0
        do(lambda control: control.cancel_all(symbol=BTC))


def test_it_says_when_it_is_cut_off_and_comes_back_with_the_state(browser: Any, binance: Connector, do: Any) -> None:
    with LiveServer(binance.address) as first:
        port = str(first.http_port)
        gone = do(lambda control: control.place_order(BTC, "BUY", "0.01", "31000", client_order_id="gone"))
        look = Look(browser, first, viewport={"width": 1280, "height": 900})
        with look:
            look.shows("#orders tbody tr", "31\u202f000")
            assert first.stop(signal.SIGTERM) == 0
            look.page.wait_for_selector("#link[data-state=lost]")
            look.shows("#notice", "connection to the server is lost")
            do(lambda control: control.cancel_order(gone.order_id))
            do(lambda control: control.place_order(BTC, "BUY", "0.01", "32000", client_order_id="new"))
            with LiveServer(binance.address, {"PORT": port}):
                look.page.wait_for_selector(LIVE)
                look.shows("#orders tbody tr", "32\u202f000")
                assert "31\u202f000" not in look.page.inner_text("#orders")
                assert look.page.is_hidden("#notice")
                do(lambda control: control.cancel_all(symbol=BTC))


def test_it_says_when_the_connector_is_away(browser: Any, venue: Venue) -> None:
    wide = {"width": 1280, "height": 900}
    with (
        over(venue) as connector,
        LiveServer(connector.address) as server,
        Look(browser, server, viewport=wide) as look,
    ):
        connector.process.kill()
        look.page.wait_for_selector("#link[data-state=waiting]")
        look.shows("#notice", "cannot reach the exchange connector")
