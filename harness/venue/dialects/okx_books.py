"""OKX's order book channels: a snapshot at first, then only what changed, numbered and with a checksum."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass, field
from typing import Any

from harness.venue.core.market import Market
from harness.venue.core.orders import Side
from harness.venue.dialects import okx_market_views as market_views

BOOKS = {"books": 50, "books-l2-tbt": 50, "books50-l2-tbt": 50}
"""Channels that send changes, and the levels a side they keep."""
SNAPSHOTS = {"books5": 5, "bbo-tbt": 1}
"""Channels that send the whole of what they show each time."""
CHECKED_LEVELS = 25
Levels = dict[str, list[str]]


@dataclass(slots=True)
class Shown:
    """What the listeners of a symbol's book know: levels by price, best first."""

    seq_id: int
    asks: Levels = field(default_factory=dict)
    bids: Levels = field(default_factory=dict)


class Books:
    """The books of all symbols as they were last sent."""

    def __init__(self) -> None:
        self._shown: dict[str, Shown] = {}

    def snapshot(self, market: Market, t_ms: int) -> str:
        """Data of a snapshot; later changes continue from it. Call it only while `follow` is called on every event."""
        shown = self._shown.get(market.instrument.symbol)
        if shown is None:
            shown = self._shown[market.instrument.symbol] = _now(market, market.update_id)
        return _data(list(shown.asks.values()), list(shown.bids.values()), shown, -1, t_ms)

    def forget(self, market: Market) -> None:
        """Nobody listens: the next snapshot is taken afresh."""
        self._shown.pop(market.instrument.symbol, None)

    def change(self, market: Market, t_ms: int) -> str:
        """Data of a change, empty when nothing changed."""
        before = self._shown.get(market.instrument.symbol)
        if before is None or crossed(market):
            return ""
        after = _now(market, max(before.seq_id + 1, market.update_id))
        asks, bids = _changed(before.asks, after.asks), _changed(before.bids, after.bids)
        if not asks and not bids:
            return ""
        self._shown[market.instrument.symbol] = after
        return _data(asks, bids, after, before.seq_id, t_ms)


def crossed(market: Market) -> bool:
    """Whether an order that is about to be matched still lies in the book: no venue shows that moment."""
    buy, sell = market.buys.best(), market.sells.best()
    bid = max(market.bid, buy.ticket.price) if buy else market.bid
    ask = min(market.ask, sell.ticket.price) if sell else market.ask
    return bid >= ask


def whole(market: Market, depth: int, t_ms: int) -> str:
    """Data of the channels that always send everything."""
    asks, bids = (market_views.levels(market, side, depth) for side in (Side.SELL, Side.BUY))
    return _dumps({"asks": asks, "bids": bids, "ts": str(t_ms), "seqId": market.update_id})


def checksum(asks: list[list[str]], bids: list[list[str]]) -> int:
    """Signed CRC32 over the best levels of both sides in turn, price and size as they were sent."""
    parts = []
    for index in range(CHECKED_LEVELS):
        parts += [":".join(side[index][:2]) for side in (bids, asks) if index < len(side)]
    value = zlib.crc32(":".join(parts).encode())
    return value - (1 << 32) if value >= 1 << 31 else value


def _now(market: Market, seq_id: int) -> Shown:
    depth = BOOKS["books"]
    asks, bids = (market_views.levels(market, side, depth) for side in (Side.SELL, Side.BUY))
    return Shown(seq_id, {level[0]: level for level in asks}, {level[0]: level for level in bids})


def _changed(before: Levels, after: Levels) -> list[list[str]]:
    gone = [[price, "0", "0", "0"] for price in before if price not in after]
    return gone + [level for price, level in after.items() if before.get(price) != level]


def _data(asks: list[list[str]], bids: list[list[str]], shown: Shown, before: int, t_ms: int) -> str:
    return _dumps(
        {
            "asks": asks,
            "bids": bids,
            "ts": str(t_ms),
            "checksum": checksum(list(shown.asks.values()), list(shown.bids.values())),
            "prevSeqId": before,
            "seqId": shown.seq_id,
        }
    )


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
