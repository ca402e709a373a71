"""Orders and fills as the core keeps them, in no venue's dialect."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from harness.venue.core.decimals import ZERO, money
from harness.venue.core.instruments import Instrument


class Side(StrEnum):
    """Which way."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def other(self) -> Side:
        """The opposite one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class Kind(StrEnum):
    """Limit or market."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"


class Force(StrEnum):
    """Time in force; GTX is post-only."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    GTX = "GTX"


class Status(StrEnum):
    """The life of an order."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"

    @property
    def is_open(self) -> bool:
        """Still on the book."""
        return self is Status.NEW or self is Status.PARTIALLY_FILLED


@dataclass(frozen=True, slots=True)
class Ticket:
    """What is asked for. `price` is 0 for a market order; `client_id` may be empty."""

    symbol: str
    side: Side
    kind: Kind
    qty: Decimal
    price: Decimal = ZERO
    force: Force = Force.GTC
    reduce_only: bool = False
    client_id: str = ""
    tag: str = ""
    """A label that the client sticks on its order and gets back with it."""


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution of an order. `fee` and `realised` in the quote asset."""

    trade_id: int
    order_id: int
    symbol: str
    side: Side
    qty: Decimal
    price: Decimal
    fee: Decimal
    realised: Decimal
    maker: bool
    t_ms: int


@dataclass(slots=True)
class Order:
    """One accepted order; it changes while it lives."""

    order_id: int
    account: str
    ticket: Ticket
    instrument: Instrument
    created_ms: int
    updated_ms: int
    margin_qty: Decimal
    """How much of the quantity opens a position, and so needs margin while it rests."""
    leverage: int
    status: Status = Status.NEW
    executed: Decimal = ZERO
    quote_executed: Decimal = ZERO
    fees: Decimal = ZERO
    ended_by_venue: bool = False
    """It was neither filled nor cancelled by anybody: its time in force, or nothing left to reduce, ended it."""
    fills: list[Fill] = field(default_factory=list)

    @property
    def client_id(self) -> str:
        """The client's own id, may be empty."""
        return self.ticket.client_id

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self.ticket.symbol

    @property
    def remaining(self) -> Decimal:
        """Quantity not yet executed."""
        return self.ticket.qty - self.executed

    @property
    def average(self) -> Decimal:
        """Average price of what was executed, 0 when nothing was."""
        return money(self.quote_executed / self.executed) if self.executed else ZERO

    @property
    def reserved(self) -> Decimal:
        """Margin held for the part that still rests."""
        if not self.status.is_open:
            return ZERO
        return money(min(self.margin_qty, self.remaining) * self.ticket.price / self.leverage)
