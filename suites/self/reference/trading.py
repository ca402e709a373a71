"""A market maker as its own process, and the venue as the judge of what it knows, for the tests of this folder."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.venue.control import OrderState, VenueState

from .launched import Connector
from .simulated import Venue

BTC = "BTCUSDT"
OPEN = ("NEW", "PARTIALLY_FILLED")
GRID = {"PRICE_INTERVAL": "100", "BUY_WINDOW_SIZE": "4", "SELL_WINDOW_SIZE": "3", "BACKOFF_SCALE": "0.2"}


class MarketMaker(Connector):
    """`with MarketMaker(connector.address, db) as maker`: started and, unless told otherwise, its pages open."""

    def __init__(self, address: str, db: Path, env: dict[str, str] | None = None, *, wait: bool = True) -> None:
        super().__init__(wait=wait)
        given = {"EXCHANGE_GRPC_ADDRESS": address, "DB_FILE": str(db), "HEALTH_PORT": "0"}
        self._env = {"CURRENT_EXCHANGE": "remote", "SYMBOL": BTC} | GRID | given | (env or {})

    def __enter__(self) -> MarketMaker:
        clean = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "PYTHONPATH")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.reference.market_maker"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=clean | {"NO_PROXY": "*"} | self._env,
            cwd=Path(__file__).parents[3],
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            if self._wait:
                self.port = int(self.line("pages open").fields["http_port"])
        except BaseException:
            self.__exit__()
            raise
        return self

    def get(self, page: str) -> tuple[int, dict[str, Any]]:
        """Status and JSON of a page."""
        url = f"http://127.0.0.1:{self.port}/{page}"
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def status(self) -> dict[str, Any]:
        """JSON of /status."""
        return self.get("status")[1]

    def until(self, condition: Callable[[dict[str, Any]], bool], limit_s: float = 15.0) -> dict[str, Any]:
        """Wait until /status is so; it."""
        end_s = time.monotonic() + limit_s
        while not condition(status := self.status()):
            assert time.monotonic() < end_s, f"{json.dumps(status, indent=1)}\n{self.output[-6000:]}"
            time.sleep(0.05)
        return status

    def count(self, message: str) -> int:
        """How many log lines have this message."""
        return sum(line.message == message for line in self.log())


def state(venue: Venue) -> VenueState:
    """Everything at the venue."""
    return venue.do(lambda control: control.state())


def price_to(venue: Venue, price: str) -> None:
    """Move the market."""
    venue.do(lambda control: control.set_price(BTC, price))


def open_at(venue: Venue) -> list[tuple[str, int]]:
    """Side and price of each open order at the venue, by price."""
    return sorted(((one.side, int(float(one.price))) for one in state(venue).open_orders), key=lambda one: one[1])


def agrees(venue: Venue, maker: MarketMaker, limit_s: float = 20.0) -> dict[str, Any]:
    """Wait until maker and venue know the same open orders, and they are the levels wanted; its status then."""

    def same(status: dict[str, Any]) -> bool:
        if status["orders"]["unknown"] or not status["connection"]["is_current"] or not status["strategy"]["levels"]:
            return False
        told = Counter(_told(one) for one in status["orders"]["open"])
        wanted = Counter((one["side"], one["price"]) for one in status["strategy"]["levels"])
        return told == Counter(map(_known, state(venue).open_orders)) and wanted == Counter(
            (one["side"], one["price"]) for one in status["orders"]["open"]
        )

    return maker.until(same, limit_s)


def check_levels(venue: Venue) -> None:
    """Never in the venue's history were two orders open at one price."""
    prices = {one.client_order_id: one.price for one in state(venue).orders}
    resting: dict[str, str] = {}
    for spellings in venue.ledger(0, "orders"):
        key, value = next((key, value) for key, value in spellings if key in prices)
        if value.split(":")[0] in OPEN:
            assert resting.setdefault(prices[key], key) == key, f"{key} and {resting[prices[key]]} at {prices[key]}"
        elif resting.get(prices[key]) == key:
            del resting[prices[key]]


def check_books(venue: Venue, db: Path) -> int:
    """After the maker's end: each order of the venue is in its file as the venue has it, once; how many there are."""
    check_levels(venue)
    with sqlite3.connect(db) as file:
        rows = dict(file.execute("SELECT client_order_id, status FROM orders").fetchall())
    file.close()
    booked = {one.client_order_id: one.status for one in state(venue).orders}
    assert len(booked) == len(state(venue).orders)
    assert {key: rows.get(key) for key in booked} == booked
    assert {key for key, status in rows.items() if status in OPEN} <= booked.keys()
    return len(booked)


def _told(one: dict[str, Any]) -> tuple[str, str, str, str, str, str]:
    return (one["client_order_id"], str(one["order_id"]), one["side"], one["price"], one["quantity"], one["status"])


def _known(one: OrderState) -> tuple[str, str, str, str, str, str]:
    price, quantity = (text.rstrip("0").rstrip(".") if "." in text else text for text in (one.price, one.quantity))
    return (one.client_order_id, one.order_id, one.side, price, quantity, one.status)


class Walk:
    """The market up and down over several levels, until the block ends; every fill lets the maker decide again."""

    def __init__(self, venue: Venue, step_s: float = 0.05) -> None:
        self._venue = venue
        self._step_s = step_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._walk, daemon=True)

    def __enter__(self) -> Walk:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(10)

    def _walk(self) -> None:
        steps = [*range(10), *range(10, -10, -1), *range(-10, 0)]
        count = 0
        while not self._end.wait(self._step_s):
            price_to(self._venue, f"{45050 + 61 * steps[count % len(steps)]}.0")
            count += 1
