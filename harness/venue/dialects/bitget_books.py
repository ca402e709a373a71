"""Bitget's order book channel: one shown ladder a symbol, a snapshot of it, then exact differences with a checksum."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from harness.venue.core.market import Market
from harness.venue.core.orders import Side
from harness.venue.dialects.bitget_events import dumps
from harness.venue.dialects.bitget_market import levels

DEPTH = 50
CHECKED = 25
Ladder = list[list[str]]


@dataclass(slots=True)
class Shown:
    """What every subscriber's copy of a book looks like. `seq` grows with each frame."""

    asks: Ladder = field(default_factory=list)
    bids: Ladder = field(default_factory=list)
    seq: int = 0


class Books:
    """The books that somebody listens to."""

    def __init__(self) -> None:
        self._shown: dict[str, Shown] = {}

    def snapshot(self, market: Market, t_ms: int, *, fresh: bool) -> str:
        """The whole ladder; not `fresh`: as those who already listen have it."""
        symbol = market.instrument.symbol
        if fresh or symbol not in self._shown:
            self._shown[symbol] = _ladders(market)
        shown = self._shown[symbol]
        item = {"asks": shown.asks, "bids": shown.bids, "checksum": 0, "seq": shown.seq, "ts": str(t_ms)}
        return dumps([item])

    def update(self, market: Market, t_ms: int) -> str:
        """What changed since the last frame; empty when nothing did, or while a match is still going on."""
        before, after = self._shown.get(market.instrument.symbol), _ladders(market)
        if before is None or (after.asks and after.bids and float(after.asks[0][0]) <= float(after.bids[0][0])):
            return ""
        asks, bids = _difference(before.asks, after.asks), _difference(before.bids, after.bids)
        if not asks and not bids:
            return ""
        after.seq = max(after.seq, before.seq + 1)
        self._shown[market.instrument.symbol] = after
        item = {"asks": asks, "bids": bids, "checksum": checksum(after), "seq": after.seq, "ts": str(t_ms)}
        return dumps([item])


def top(market: Market, depth: int, t_ms: int) -> str:
    """books1, books5, books15: the best levels, whole each time."""
    item = {
        "asks": levels(market, Side.SELL, depth), "bids": levels(market, Side.BUY, depth), "checksum": 0,
        "seq": market.update_id, "ts": str(t_ms),
    }  # fmt: skip
    return dumps([item])


def checksum(shown: Shown) -> int:
    """CRC32 of the best 25 levels of both sides in turn, bid first, as a signed number."""
    parts: list[str] = []
    for level in range(CHECKED):
        for side in (shown.bids, shown.asks):
            if level < len(side):
                parts += side[level]
    value = zlib.crc32(":".join(parts).encode())
    return value - 2**32 if value >= 2**31 else value


def _ladders(market: Market) -> Shown:
    return Shown(levels(market, Side.SELL, DEPTH), levels(market, Side.BUY, DEPTH), market.update_id)


def _difference(before: Ladder, after: Ladder) -> Ladder:
    old, new = dict(before), dict(after)
    gone = [[price, "0"] for price in old if price not in new]
    return gone + [[price, qty] for price, qty in after if old.get(price) != qty]
