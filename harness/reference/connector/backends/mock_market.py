"""The mock exchange's market data: candles, funding, tickers and symbols, computed from a price that never moves."""

from __future__ import annotations

import re

from harness.reference.connector.backends.mock_book import price_of
from harness.reference.connector.decimals import now_ms, wire
from harness.reference.connector.refusal import invalid
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
FUNDING_RATE = "0.0001"
FUNDING_PERIOD_MS = 8 * 3_600_000
MAX_CANDLES = 1500
INTERVALS_MS = {
    "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000, "2h": 7_200_000,
    "4h": 14_400_000, "6h": 21_600_000, "8h": 28_800_000, "12h": 43_200_000, "1d": 86_400_000, "3d": 259_200_000,
    "1w": 604_800_000,
}  # fmt: skip
_SYMBOL = re.compile(r"[A-Z0-9]{2,20}")


def checked(symbol: str) -> str:
    """The symbol, if it can be one: the mock knows every well-formed symbol. Raises Refusal."""
    if not _SYMBOL.fullmatch(symbol):
        raise invalid(f"invalid symbol {symbol[:40]!r}")
    return symbol


def interval_ms(interval: str) -> int:
    """Length of a candle. Raises Refusal."""
    length = INTERVALS_MS.get(interval)
    if length is None:
        raise invalid(f"invalid interval {interval[:20]!r}: one of {', '.join(INTERVALS_MS)}")
    return length


def candle(symbol: str, start_ms: int, *, is_closed: bool) -> resources.Candle:
    """One candle, flat."""
    price = wire(price_of(symbol))
    return resources.Candle(
        symbol=symbol, open=price, high=price, low=price, close=price, volume=wire(1), timestamp=start_ms,
        is_closed=is_closed,
    )  # fmt: skip


def candles(symbol: str, interval: str, limit: int) -> list[resources.Candle]:
    """The last `limit` candles (default 100), oldest first; the last one is still open."""
    if limit < 0 or limit > MAX_CANDLES:
        raise invalid(f"limit must be between 1 and {MAX_CANDLES}")
    length = interval_ms(interval)
    last = now_ms() // length * length
    count = limit or 100
    return [candle(symbol, last - n * length, is_closed=n > 0) for n in range(count - 1, -1, -1)]


def ticker(symbol: str) -> resources.Ticker:
    """A day in which nothing moved."""
    return resources.Ticker(
        symbol=symbol, price_change=wire(0), price_change_percent=wire(0), last_price=wire(price_of(symbol)),
        volume=wire(1), quote_volume=wire(price_of(symbol)), timestamp=now_ms(), open_interest=wire(1000),
    )  # fmt: skip


def symbol_info(symbol: str) -> resources.SymbolInfo:
    """Trading rules."""
    return resources.SymbolInfo(
        symbol=symbol, price_precision=2, quantity_precision=3, base_asset=symbol.removesuffix("USDT"),
        quote_asset="USDT", min_quantity=wire("0.001"), min_notional=wire("5"), tick_size=wire("0.01"),
        step_size=wire("0.001"),
    )  # fmt: skip


def funding(symbol: str, at_ms: int) -> resources.FundingRate:
    """The rate at a moment, and when it is next due."""
    return resources.FundingRate(
        exchange="mock", symbol=symbol, rate=wire(FUNDING_RATE), predicted_rate=wire(FUNDING_RATE),
        next_funding_time=(at_ms // FUNDING_PERIOD_MS + 1) * FUNDING_PERIOD_MS, timestamp=at_ms,
    )  # fmt: skip


def funding_history(symbol: str, limit: int) -> list[resources.FundingRate]:
    """Past settlements, oldest first; each is over, so its next_funding_time is 0."""
    last = now_ms() // FUNDING_PERIOD_MS * FUNDING_PERIOD_MS
    past = []
    for n in range((limit or 100) - 1, -1, -1):
        rate = funding(symbol, last - n * FUNDING_PERIOD_MS)
        rate.next_funding_time = 0
        past.append(rate)
    return past
