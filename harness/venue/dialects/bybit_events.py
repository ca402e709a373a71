"""Bybit's public WebSocket data: tickers, candles, trades and the book, as snapshots and deltas."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from harness.venue.core.candles import INTERVALS_MS
from harness.venue.core.decimals import canonical, money
from harness.venue.core.events import PriceMoved
from harness.venue.core.market import Market
from harness.venue.core.orders import Side
from harness.venue.dialects import bybit_views as views
from harness.venue.dialects.bybit_ids import uuid_of
from harness.venue.dialects.bybit_market import INTERVALS

WORD_OF = {core: word for word, core in INTERVALS.items()}


def dumps(value: Any) -> str:
    """Without blanks."""
    return json.dumps(value, separators=(",", ":"))


def data_frame(topic: str, kind: str, t_ms: int, data: Any, sequence: int) -> str:
    """One public frame; `kind`: snapshot or delta."""
    return dumps({"topic": topic, "type": kind, "data": data, "cs": sequence, "ts": t_ms})


def ticker_snapshot(topic: str, market: Market, now_ms: int) -> str:
    """All fields."""
    return data_frame(topic, "snapshot", now_ms, views.ticker(market, now_ms), market.update_id)


def ticker_moved(topic: str, event: PriceMoved, *, with_last: bool) -> str:
    """What a trade changes."""
    # By hand: this is the one that goes out ten thousand times a second.
    market, one = event.market, event.market.instrument
    last, size = views.price(market.last, one), views.qty(market.top_qty, one)
    extremes = ""
    if market.last == market.high:
        extremes += f'"highPrice24h":"{last}",'
    if market.last == market.low:
        extremes += f'"lowPrice24h":"{last}",'
    shown = f'"lastPrice":"{last}",' if with_last else ""
    return (
        f'{{"topic":"{topic}","type":"delta","data":{{"symbol":"{one.symbol}",{shown}{extremes}'
        f'"indexPrice":"{last}","markPrice":"{last}","price24hPcnt":"{views.change(market)}",'
        f'"openInterestValue":"{canonical(money(market.open_interest * market.mark))}",'
        f'"turnover24h":"{canonical(market.turnover)}","volume24h":"{views.qty(market.volume, one)}",'
        f'"bid1Price":"{views.price(market.bid, one)}","bid1Size":"{size}",'
        f'"ask1Price":"{views.price(market.ask, one)}","ask1Size":"{size}"}},'
        f'"cs":{market.update_id},"ts":{event.t_ms}}}'
    )


def funding_moved(topic: str, market: Market, t_ms: int, *, with_last: bool) -> str:
    """What a new funding rate changes; the last price stays in every delta."""
    data = {"symbol": market.instrument.symbol}
    if with_last:
        data["lastPrice"] = views.price(market.last, market.instrument)
    data["fundingRate"] = canonical(market.funding_rate)
    data["nextFundingTime"] = str(market.next_funding_ms(t_ms))
    return data_frame(topic, "delta", t_ms, data, market.update_id)


def kline(topic: str, event: PriceMoved, interval: str) -> str:
    """The candle of the core's `interval`."""
    one, candle = event.market.instrument, event.candles[interval]
    end_ms = candle.open_ms + INTERVALS_MS[interval] - 1
    row = {
        "start": candle.open_ms,
        "end": end_ms,
        "interval": WORD_OF[interval],
        "open": views.price(candle.open, one),
        "close": views.price(candle.close, one),
        "high": views.price(candle.high, one),
        "low": views.price(candle.low, one),
        "volume": views.qty(candle.volume, one),
        "turnover": canonical(candle.turnover),
        # The last trade of an ended candle closes it; a longer candle that goes on stays open.
        "confirm": event.closes and end_ms < event.t_ms,
        "timestamp": event.trade.t_ms,
    }
    return dumps({"topic": topic, "data": [row], "ts": event.t_ms, "type": "snapshot"})


def trade(topic: str, event: PriceMoved) -> str:
    """The trade just printed."""
    one, trade = event.market.instrument, event.trade
    if trade.price == event.market.before:
        direction = "ZeroPlusTick"
    else:
        direction = "PlusTick" if trade.price > event.market.before else "MinusTick"
    row = {
        "T": trade.t_ms,
        "s": one.symbol,
        "S": "Sell" if trade.buyer_is_maker else "Buy",
        "v": views.qty(trade.qty, one),
        "p": views.price(trade.price, one),
        "L": direction,
        "i": uuid_of(trade.trade_id),
        "BT": False,
        "RPI": False,
        "seq": trade.trade_id,
    }
    return dumps({"topic": topic, "type": "snapshot", "ts": event.t_ms, "data": [row]})


@dataclass(slots=True)
class Book:
    """What the subscribers of one book channel have been told so far; `u` counts its frames."""

    depth: int
    u: int = 1
    told: dict[Side, dict[Decimal, Decimal]] = field(default_factory=dict)

    def snapshot(self, topic: str, market: Market, now_ms: int) -> str:
        """All levels that were told."""
        shown = {side: list(levels.items()) for side, levels in self.told.items()}
        return self._frame(topic, "snapshot", market, now_ms, shown)

    def delta(self, topic: str, market: Market, now_ms: int) -> str:
        """What changed since the last frame, gone levels with size 0; empty when nothing did."""
        changed: dict[Side, list[tuple[Decimal, Decimal]]] = {}
        for side in (Side.BUY, Side.SELL):
            before, after = self.told.get(side, {}), dict(market.levels(side, self.depth))
            gone = [(price, Decimal(0)) for price in before if price not in after]
            changed[side] = gone + [(price, size) for price, size in after.items() if before.get(price) != size]
            self.told[side] = after
        if not any(changed.values()):
            return ""
        self.u += 1
        return self._frame(topic, "delta", market, now_ms, changed)

    def _frame(
        self, topic: str, kind: str, market: Market, now_ms: int, shown: dict[Side, list[tuple[Decimal, Decimal]]]
    ) -> str:
        one = market.instrument
        sides = {
            side: [[views.price(price, one), views.qty(size, one) if size else "0"] for price, size in levels]
            for side, levels in shown.items()
        }
        data = {
            "s": one.symbol,
            "b": sides[Side.BUY],
            "a": sides[Side.SELL],
            "u": self.u,
            "seq": market.update_id,
        }
        return dumps({"topic": topic, "type": kind, "ts": now_ms, "data": data, "cts": now_ms})
