"""One account: wallet, positions (one-way, cross margin), margin, and the books that must balance."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from harness.venue.core.decimals import ZERO, money

DEFAULT_LEVERAGE = 20
START_BALANCE = Decimal("1000000.00000000")


@dataclass(slots=True)
class Position:
    """A signed position. `cost` is signed too: what was paid for `size`, so that nothing is lost in averages."""

    symbol: str
    size: Decimal = ZERO
    cost: Decimal = ZERO
    leverage: int = DEFAULT_LEVERAGE
    margin_type: str = "cross"
    realised: Decimal = ZERO
    created_ms: int = 0
    updated_ms: int = 0

    @property
    def entry(self) -> Decimal:
        """Average entry price, 0 when flat."""
        return money(self.cost / self.size) if self.size else ZERO

    def unrealised(self, mark: Decimal) -> Decimal:
        """Profit if it were closed at `mark`."""
        return money(self.size * mark - self.cost)

    def initial_margin(self, mark: Decimal) -> Decimal:
        """Margin that the position ties up."""
        return money(abs(self.size) * mark / self.leverage)

    def trade(self, qty: Decimal, price: Decimal) -> Decimal:
        """Add a signed quantity at a price; returns the profit realised by the part that closed."""
        if not self.size or (self.size > 0) == (qty > 0):
            self.size += qty
            self.cost += qty * price
            return ZERO
        closing = min(abs(qty), abs(self.size)) * (1 if qty > 0 else -1)
        if abs(closing) == abs(self.size):
            freed = self.cost
            realised = money(-closing * price - freed)
        else:
            freed = self.cost * -closing / self.size
            realised = money(-closing * price - freed)
        # What rounding took from the profit stays in the cost: wallet plus positions always add up.
        left = self.cost - (-closing * price - realised)
        self.size += closing
        opening = qty - closing
        self.cost = left + opening * price
        self.size += opening
        self.realised += realised
        return realised


@dataclass(slots=True)
class Account:
    """What one name owns. Several API keys may trade on it."""

    name: str
    wallet: Decimal = START_BALANCE
    positions: dict[str, Position] = field(default_factory=dict)
    reserved: Decimal = ZERO
    """Margin held for resting orders: the sum of Order.reserved."""
    deposited: Decimal = START_BALANCE
    fees: Decimal = ZERO
    paid_for_trades: Decimal = ZERO
    """Sum of signed quantity times price over all fills."""
    updated_ms: int = 0

    def position(self, symbol: str) -> Position:
        """The position in a symbol, flat when there never was one."""
        found = self.positions.get(symbol)
        if found is None:
            found = self.positions[symbol] = Position(symbol)
        return found

    def discrepancy(self) -> Decimal:
        """Zero when every unit of money is accounted for: deposits, fees, trades, wallet and cost of positions."""
        cost = sum((position.cost for position in self.positions.values()), ZERO)
        return self.wallet - cost - (self.deposited - self.fees - self.paid_for_trades)
