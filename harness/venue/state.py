"""What the control port tells, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Identity:
    """Who answers on the control port."""

    venue: str
    profile: str
    seed: int
    pid: int
    host: str
    port: int
    control_port: int
    accounts: tuple[str, ...]
    keys: tuple[str, ...]
    """API keys, without their secrets."""
    symbols: tuple[str, ...]


class LedgerRow(NamedTuple):
    """One spelling of one update. `account` is empty for public streams; `sent_ns` is Unix time."""

    serial: int
    stream: str
    key: str
    value: str
    sent_ns: int
    account: str = ""


@dataclass(frozen=True, slots=True)
class OrderState:
    """One order. Decimals as plain strings; times in Unix ms."""

    order_id: str
    client_order_id: str
    account: str
    symbol: str
    side: str
    type: str
    time_in_force: str
    price: str
    quantity: str
    executed: str
    average: str
    status: str
    reduce_only: bool
    created_ms: int
    updated_ms: int


@dataclass(frozen=True, slots=True)
class PositionState:
    """One position; `size` is signed."""

    account: str
    symbol: str
    size: str
    entry_price: str
    mark_price: str
    unrealised: str
    leverage: int
    margin_type: str


@dataclass(frozen=True, slots=True)
class AccountState:
    """One account, in USDT. `discrepancy` is 0 as long as no money appeared or vanished."""

    name: str
    wallet_balance: str
    margin_balance: str
    available_balance: str
    unrealised: str
    initial_margin: str
    maintenance_margin: str
    reserved: str
    fees: str
    discrepancy: str


@dataclass(frozen=True, slots=True)
class MarketState:
    """One symbol."""

    symbol: str
    last: str
    bid: str
    ask: str
    mark: str
    funding_rate: str
    next_funding_ms: int
    open_interest: str
    open_24h: str
    volume: str
    turnover: str
    tick_size: str
    step_size: str
    min_quantity: str
    min_notional: str
    price_precision: int
    quantity_precision: int
    base_asset: str
    quote_asset: str


@dataclass(frozen=True, slots=True)
class CandleState:
    """One candle."""

    open_ms: int
    open: str
    high: str
    low: str
    close: str
    volume: str


@dataclass(frozen=True, slots=True)
class VenueState:
    """Everything at one moment, `serial` being the last update before it. `orders`: all; `open_orders`: those open."""

    serial: int
    time_ms: int
    accounts: tuple[AccountState, ...]
    positions: tuple[PositionState, ...]
    markets: tuple[MarketState, ...]
    open_orders: tuple[OrderState, ...]
    orders: tuple[OrderState, ...]

    @property
    def account(self) -> AccountState:
        """The first account."""
        return self.accounts[0]

    def market(self, symbol: str) -> MarketState:
        """KeyError when there is none of that symbol."""
        for one in self.markets:
            if one.symbol == symbol:
                return one
        raise KeyError(symbol)

    def position(self, symbol: str, account: str = "") -> PositionState | None:
        """The position in a symbol, None when it is flat; of the first account unless one is named."""
        name = account or self.account.name
        return next((one for one in self.positions if (one.symbol, one.account) == (symbol, name)), None)


@dataclass(frozen=True, slots=True)
class FaultMark:
    """Name: fault.begin, fault.bit or fault.heal. `t_ns` is Unix time; `subject`: what it hit."""

    t_ns: int
    name: str
    handle: int
    kind: str
    subject: str
