"""What the core emits: each event is numbered and stamped before anybody renders it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from harness.venue.core.account import Account, Position
from harness.venue.core.candles import Candle
from harness.venue.core.market import Market, PublicTrade
from harness.venue.core.orders import Fill, Order


@dataclass(frozen=True, slots=True)
class PriceMoved:
    """Streams prices and klines. `closes`: this trade was the last of its candles."""

    serial: int
    kline_serial: int
    t_ms: int
    market: Market
    trade: PublicTrade
    candles: dict[str, Candle]
    closes: bool


@dataclass(frozen=True, slots=True)
class FundingChanged:
    """Stream funding."""

    serial: int
    t_ms: int
    market: Market


@dataclass(frozen=True, slots=True)
class OrderChanged:
    """Stream orders. `execution`: NEW, TRADE, CANCELED or EXPIRED; `fill` with TRADE."""

    serial: int
    t_ms: int
    account: Account
    order: Order
    execution: str
    fill: Fill | None = None


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """Streams account (its wallet always differs from before) and positions (those named, maybe none)."""

    serial: int
    position_serials: tuple[int, ...]
    t_ms: int
    account: Account
    reason: str
    change: Decimal
    positions: tuple[Position, ...]


Event = PriceMoved | FundingChanged | OrderChanged | AccountChanged
