"""What the control port tells, as frozen values, and how they travel as JSON."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")


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
class SocketCount:
    """Sockets of one path, kind (public, private) and API key."""

    path: str
    kind: str
    key: str
    now: int
    peak: int
    total: int


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """One connection that is open."""

    number: int
    path: str
    kind: str
    key: str
    opened_ns: int
    frames: int
    black_holed: bool


@dataclass(frozen=True, slots=True)
class ClosedSocketState:
    """One connection that is over. `code`: the client's close code; `ended`: how the venue cut it, if it did."""

    number: int
    path: str
    kind: str
    key: str
    opened_ns: int
    closed_ns: int
    code: int | None
    ended: str
    frames: int
    longest_ping_gap_ns: int


@dataclass(frozen=True, slots=True)
class ActiveSubscription:
    """One (channel, symbol, socket)."""

    channel: str
    symbol: str
    socket: int


@dataclass(frozen=True, slots=True)
class RequestCount:
    """Answers of one kind. `status` 0: cut off without one; `code`: native, empty for success."""

    method: str
    path: str
    key: str
    status: int
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class LoginCount:
    """Logins, or what the venue has in their place (listen keys), per key and outcome."""

    key: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class ClientId:
    """How often an order with a client id was asked for, and the order it became."""

    account: str
    client_order_id: str
    asked: int
    order_id: str
    status: str


@dataclass(frozen=True, slots=True)
class FaultCount:
    """A knob and how often it fired."""

    handle: int
    kind: str
    fired: int


@dataclass(frozen=True, slots=True)
class Meters:
    """All meters at one moment."""

    sockets_now: int
    sockets_peak: int
    sockets_total: int
    sockets: tuple[SocketCount, ...]
    open_sockets: tuple[OpenSocket, ...]
    closed_sockets: tuple[ClosedSocketState, ...]
    upgrades_ns: tuple[int, ...]
    subscriptions: tuple[ActiveSubscription, ...]
    subscription_adds: int
    subscription_removes: int
    requests: tuple[RequestCount, ...]
    logins: tuple[LoginCount, ...]
    orders_accepted: int
    client_ids: tuple[ClientId, ...]
    duplicate_client_ids: int
    frames_sent: int
    feed_sent: int
    feed_late_s_max: float
    faults: tuple[FaultCount, ...]


@dataclass(frozen=True, slots=True)
class FaultMark:
    """Name: fault.begin, fault.bit or fault.heal. `t_ns` is Unix time; `subject`: what it hit."""

    t_ns: int
    name: str
    handle: int
    kind: str
    subject: str


def read(kind: type[T], value: Any) -> T:
    """Build a value of this module from its JSON; TypeError or ValueError when it does not fit."""
    return typing.cast(T, _read(kind, value))


def _read(kind: Any, value: Any) -> Any:
    origin = typing.get_origin(kind)
    if origin is tuple:
        item = typing.get_args(kind)[0]
        return tuple(_read(item, one) for one in value)
    if origin in (types.UnionType, typing.Union):
        return None if value is None else _read(typing.get_args(kind)[0], value)
    if isinstance(kind, type) and is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return kind(**{field.name: _read(hints[field.name], value[field.name]) for field in fields(kind)})
    if kind is float:
        return float(value)
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} expected, not {type(value).__name__}")
    return value
