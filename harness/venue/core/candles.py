"""Candles: a made-up past that fits the seed, then the minutes that really happened here, and their sums."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal

from harness.venue.core.decimals import ZERO, floor_to
from harness.venue.core.instruments import Instrument

MINUTE_MS = 60_000
WEEK_OFFSET_MS = 4 * 86_400_000
"""Weeks start on a Monday, the epoch was a Thursday."""
INTERVALS_MS: dict[str, int] = {
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": 60 * MINUTE_MS,
    "2h": 120 * MINUTE_MS,
    "4h": 240 * MINUTE_MS,
    "6h": 360 * MINUTE_MS,
    "8h": 480 * MINUTE_MS,
    "12h": 720 * MINUTE_MS,
    "1d": 1440 * MINUTE_MS,
    "3d": 3 * 1440 * MINUTE_MS,
    "1w": 7 * 1440 * MINUTE_MS,
    "1M": 30 * 1440 * MINUTE_MS,
}
KEPT_MINUTES = 3000


@dataclass(slots=True)
class Candle:
    """One candle; `turnover` in the quote asset."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal
    trades: int
    first_trade: int = 0

    def add(self, price: Decimal, qty: Decimal) -> None:
        """One more trade."""
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += qty
        self.turnover += price * qty
        self.trades += 1


def open_ms_of(t_ms: int, interval: str) -> int:
    """When the candle that contains `t_ms` opened."""
    length = INTERVALS_MS[interval]
    offset = WEEK_OFFSET_MS if interval == "1w" else 0
    return (t_ms - offset) // length * length + offset


class Candles:
    """The candles of one symbol: minutes are kept, longer intervals only where somebody asked for them."""

    def __init__(self, instrument: Instrument, seed: int, started_ms: int) -> None:
        self._instrument = instrument
        self._seed = seed
        self._started_minute_ms = open_ms_of(started_ms, "1m")
        self._minutes: OrderedDict[int, Candle] = OrderedDict()
        self._live: dict[str, Candle] = {}

    def track(self, interval: str, t_ms: int) -> None:
        """Keep this interval's current candle up to date from now on."""
        if interval not in self._live:
            self._live[interval] = self.history(interval, 1, t_ms)[-1]

    def current(self) -> dict[str, Candle]:
        """The newest candle of each tracked interval."""
        return self._live

    def is_over(self, t_ms: int) -> bool:
        """Whether a tracked candle has ended before `t_ms`."""
        return any(open_ms_of(t_ms, interval) != candle.open_ms for interval, candle in self._live.items())

    def add(self, price: Decimal, qty: Decimal, trade_id: int, t_ms: int) -> None:
        """One trade, into the minute and every tracked interval."""
        minute_ms = open_ms_of(t_ms, "1m")
        minute = self._minutes.get(minute_ms)
        if minute is None:
            self._minutes[minute_ms] = self._opened(minute_ms, price, qty, trade_id)
            if len(self._minutes) > KEPT_MINUTES:
                self._minutes.popitem(last=False)
        else:
            minute.add(price, qty)
        for interval, candle in list(self._live.items()):
            open_ms = open_ms_of(t_ms, interval)
            if open_ms == candle.open_ms:
                candle.add(price, qty)
            elif open_ms > candle.open_ms:
                self._live[interval] = self._opened(open_ms, price, qty, trade_id)

    def history(self, interval: str, limit: int, until_ms: int) -> list[Candle]:
        """The last `limit` candles that opened at or before `until_ms`, oldest first."""
        length = INTERVALS_MS[interval]
        last_ms = open_ms_of(until_ms, interval)
        opens = range(last_ms - (limit - 1) * length, last_ms + 1, length)
        candles: list[Candle] = []
        for open_ms in opens:
            live = self._live.get(interval)
            if live is not None and live.open_ms == open_ms:
                candles.append(live)
            else:
                candles.append(self._summed(open_ms, length))
        return candles

    def _opened(self, open_ms: int, price: Decimal, qty: Decimal, trade_id: int) -> Candle:
        return Candle(open_ms, price, price, price, price, qty, price * qty, 1, trade_id)

    def _summed(self, open_ms: int, length_ms: int) -> Candle:
        """From the minutes that happened; where none did, a candle made up from the seed."""
        end_ms = open_ms + length_ms
        happened = [minute for key, minute in self._minutes.items() if open_ms <= key < end_ms]
        if not happened and end_ms <= self._started_minute_ms:
            return self._made_up(open_ms, end_ms)
        if not happened:
            close = self._last_close(open_ms)
            return Candle(open_ms, close, close, close, close, ZERO, ZERO, 0)
        volume = sum((minute.volume for minute in happened), ZERO)
        turnover = sum((minute.turnover for minute in happened), ZERO)
        high, low = max(one.high for one in happened), min(one.low for one in happened)
        first, last = happened[0], happened[-1]
        trades = sum(one.trades for one in happened)
        return Candle(open_ms, first.open, high, low, last.close, volume, turnover, trades, first.first_trade)

    def _last_close(self, before_ms: int) -> Decimal:
        earlier = [minute.close for key, minute in self._minutes.items() if key < before_ms]
        return earlier[-1] if earlier else self._instrument.start_price

    def _made_up(self, open_ms: int, end_ms: int) -> Candle:
        start, end = self._past_price(open_ms), self._past_price(end_ms)
        wick = self._instrument.tick * (1 + self._draw(open_ms, 50))
        volume = self._instrument.step * (1 + self._draw(end_ms, 5000))
        high, low = max(start, end) + wick, min(start, end) - wick
        return Candle(open_ms, start, high, low, end, volume, volume * (start + end) / 2, 1 + self._draw(open_ms, 900))

    def _past_price(self, t_ms: int) -> Decimal:
        """What the price was before this venue started: within 2 % of the start, equal to it at the start."""
        start = self._instrument.start_price
        if t_ms >= self._started_minute_ms:
            return start
        off = Decimal(self._draw(t_ms, 4001) - 2000) / 100_000
        return floor_to(start * (1 + off), self._instrument.tick)

    def _draw(self, t_ms: int, below: int) -> int:
        text = f"{self._seed}:{self._instrument.symbol}:{t_ms}"
        return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big") % below
