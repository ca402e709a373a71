"""What positions are worth and tie up at the mark prices."""

from __future__ import annotations

from decimal import Decimal

from harness.venue.core.account import Account, Position
from harness.venue.core.decimals import ZERO, money
from harness.venue.core.market import Market


class Margins:
    """Questions about an account; nothing changes."""

    def __init__(self, markets: dict[str, Market]) -> None:
        self.markets = markets

    def unrealised(self, account: Account) -> Decimal:
        """Profit of all positions at the mark price."""
        return sum((p.unrealised(self.markets[p.symbol].mark) for p in account.positions.values() if p.size), ZERO)

    def position_margin(self, account: Account) -> Decimal:
        """Initial margin of all positions."""
        return sum((p.initial_margin(self.markets[p.symbol].mark) for p in account.positions.values() if p.size), ZERO)

    def maintenance(self, position: Position) -> Decimal:
        """Maintenance margin of one position."""
        market = self.markets[position.symbol]
        return money(abs(position.size) * market.mark * market.instrument.maintenance_rate)

    def available(self, account: Account) -> Decimal:
        """What new orders may use, never below 0."""
        free = account.wallet + self.unrealised(account) - self.position_margin(account) - account.reserved
        return max(ZERO, free)
