"""Gate's order book: numbered by every change of a symbol, so that pushed changes continue what REST has told."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from harness.venue.core.decimals import ZERO
from harness.venue.core.exchange import Exchange
from harness.venue.core.market import Market
from harness.venue.core.orders import Side
from harness.venue.dialects import gate_market_views as market_views
from harness.venue.dialects.gate_views import Json, contract

DEPTHS = ("5", "10", "20", "50", "100")
DEFAULT_DEPTH = "100"
PERIODS = ("20ms", "100ms", "1000ms")
SIDES = (Side.SELL, Side.BUY)


@dataclass(slots=True)
class Told:
    """What the subscribers of one depth know, and the number of the change that they know it from."""

    number: int
    levels: dict[Side, dict[Decimal, Decimal]]


class Books:
    """The books of all symbols."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._numbers = {symbol: market.update_id for symbol, market in exchange.markets.items()}
        self._told: dict[tuple[str, str], Told] = {}

    def changed(self, symbol: str) -> None:
        """Something that may show in the book happened: a price, an order."""
        self._numbers[symbol] += 1

    def number(self, market: Market) -> int:
        """Of the latest change."""
        return self._numbers[market.instrument.symbol]

    def levels(self, market: Market, depth: int) -> tuple[list[Json], list[Json]]:
        """Asks and bids, the best first."""
        asks, bids = (
            [market_views.level(price, qty, market.instrument) for price, qty in market.levels(side, depth)]
            for side in SIDES
        )
        return asks, bids

    def begin(self, symbol: str, depth: str) -> None:
        """Somebody is the first to subscribe: what changes from now on is told."""
        levels = self._now(self._exchange.markets[symbol], depth)
        self._told[symbol, depth] = Told(self._numbers[symbol], levels)

    def delta(self, symbol: str, depth: str, t_ms: int) -> Json | None:
        """What changed since the last delta, gone levels with size 0; None when nothing did."""
        market, told = self._exchange.markets[symbol], self._told[symbol, depth]
        now = self._now(market, depth)
        # An order that is about to be matched still lies in the book: no venue shows that moment.
        if max(now[Side.BUY], default=ZERO) >= min(now[Side.SELL]):
            return None
        changed: dict[Side, list[Json]] = {}
        for side in SIDES:
            before, after = told.levels[side], now[side]
            levels = [(price, ZERO) for price in before if price not in after]
            levels += [(price, qty) for price, qty in after.items() if before.get(price) != qty]
            changed[side] = [market_views.level(price, qty, market.instrument) for price, qty in levels]
        if not any(changed.values()):
            return None
        first, told.number, told.levels = told.number + 1, self._numbers[symbol], now
        name, bids, asks = contract(market.instrument), changed[Side.BUY], changed[Side.SELL]
        return {"t": t_ms, "s": name, "U": first, "u": told.number, "b": bids, "a": asks}

    def _now(self, market: Market, depth: str) -> dict[Side, dict[Decimal, Decimal]]:
        return {side: dict(market.levels(side, int(depth))) for side in SIDES}
