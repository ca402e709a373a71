"""The price at which a cross position would be liquidated, the same arithmetic on every venue."""

from __future__ import annotations

from decimal import Decimal

from harness.venue.core.account import Account, Position
from harness.venue.core.decimals import floor_to
from harness.venue.core.exchange import Exchange


def liquidation_price(exchange: Exchange, owner: Account, one: Position) -> Decimal | None:
    """Where the margin balance would fall to the maintenance margin; None when flat or when no price does it."""
    if not one.size:
        return None
    market = exchange.markets[one.symbol]
    rate = market.instrument.maintenance_rate
    cushion = owner.wallet + exchange.unrealised(owner) - exchange.maintenance(one)
    found = market.mark - cushion / (one.size * (1 - rate * (1 if one.size > 0 else -1)))
    return floor_to(found, market.instrument.tick) if found > 0 else None
