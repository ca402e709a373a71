"""One page of candles as every venue cuts it: by limit, start and end."""

from __future__ import annotations

from harness.venue.core.candles import INTERVALS_MS, Candle, open_ms_of
from harness.venue.core.market import Market


def page(market: Market, interval: str, limit: int, start_ms: int, end_ms: int) -> list[Candle]:
    """Candles that opened in [start_ms, end_ms], oldest first; at most `limit`, those at the start when there is one.

    `interval` is the core's (1m, 1h, 1d, ...); `start_ms` 0: no start.
    """
    if limit < 1 or start_ms > end_ms:
        return []
    if start_ms:
        length = INTERVALS_MS[interval]
        first_ms = open_ms_of(start_ms, interval)
        first_ms += 0 if first_ms == start_ms else length
        limit = min(limit, (end_ms - first_ms) // length + 1)
        end_ms = min(end_ms, first_ms + (limit - 1) * length)
    candles = market.candles.history(interval, limit, end_ms) if limit > 0 else []
    return [one for one in candles if one.open_ms >= start_ms]
