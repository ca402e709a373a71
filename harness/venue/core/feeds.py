"""Feeds: price updates on absolute due times at a total rate, and the slow tick that keeps an idle venue alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from harness.venue.core.exchange import Exchange
from harness.venue.core.meters import Meters

MAX_RATE_PER_S = 100_000.0
SHORTEST_SLEEP_S = 0.0005


class Feed:
    """Moves the symbols in turn, `per_s` moves a second altogether, until stopped."""

    def __init__(self, exchange: Exchange, meters: Meters) -> None:
        self._exchange = exchange
        self._meters = meters
        self._task: asyncio.Task[None] | None = None

    def start(self, symbols: Sequence[str], per_s: float) -> None:
        """Replaces a feed that runs. ValueError for a rate that is not above 0."""
        if not 0 < per_s <= MAX_RATE_PER_S:
            raise ValueError(f"per_s must be above 0 and at most {MAX_RATE_PER_S:g}, not {per_s:g}")
        for symbol in symbols:
            self._exchange.market(symbol)
        self.stop()
        self._task = asyncio.get_running_loop().create_task(self._run(tuple(symbols), per_s), name="feed")

    def stop(self) -> None:
        """No move after this."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self, symbols: tuple[str, ...], per_s: float) -> None:
        began_s = time.monotonic()
        sent = 0
        while True:
            now_s = time.monotonic()
            # A stall is caught up with, never forgotten: the due times are absolute.
            due = int((now_s - began_s) * per_s) + 1 - sent
            burst = min(due, 1000)
            for _ in range(burst):
                late_s = now_s - (began_s + sent / per_s)
                self._meters.late_s_max = max(self._meters.late_s_max, late_s)
                self._exchange.move_price(symbols[sent % len(symbols)])
                sent += 1
            self._meters.feed_sent += max(0, burst)
            await asyncio.sleep(max(SHORTEST_SLEEP_S, began_s + sent / per_s - time.monotonic()))


class Tick:
    """A slow walk of every symbol."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._task: asyncio.Task[None] | None = None

    def every(self, period_s: float) -> None:
        """0 stops it."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if period_s > 0:
            self._task = asyncio.get_running_loop().create_task(self._run(period_s), name="tick")

    async def _run(self, period_s: float) -> None:
        while True:
            await asyncio.sleep(period_s)
            for symbol in self._exchange.markets:
                self._exchange.move_price(symbol)
