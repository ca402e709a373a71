"""What differs from venue to venue behind ccxt: addresses, options, native codes, exact REST fields and frames."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

import grpc

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.backends.network.symbols import Symbols
from harness.wire.opensqt.market_maker.v1 import events_pb2 as events
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources

PRIVATE_STREAMS = frozenset({"orders", "account", "positions"})
Raw = Mapping[str, Any]
Native = Any
"""A ccxt.pro exchange object, or one of its WebSocket clients: ccxt has no types."""


@dataclass(frozen=True, slots=True)
class PositionState:
    """A position as the venue last told it; decimals as it spelled them."""

    symbol: str
    size: str
    entry_price: str
    unrealised: str
    margin_type: str = "cross"
    isolated_margin: str = ""
    leverage: int = 0
    mark_price: str = ""
    liquidation_price: str = ""
    updated_ms: int = 0


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """The account at one moment, by REST: what the account stream starts from."""

    wallet: str
    wallet_updated_ms: int
    margin: str
    available: str
    order_margin: Decimal
    maintenance_margin: str
    positions: tuple[PositionState, ...]
    leverage_of: Mapping[str, int] = field(default_factory=dict)
    """Leverage by symbol, where the venue lists it."""
    is_timed: bool = True
    """False: no times tell what it contains, but every event until it was taken has been heard (`caught_up`)."""


@dataclass(frozen=True, slots=True)
class Totals:
    """An account event of a venue that tells all of it; decimals as it spelled them."""

    wallet: str
    margin: str
    available: str
    maintenance_margin: str = ""


class Readings(Protocol):
    """Where a dialect puts what it read from a frame. Symbols are BTCUSDT-like, times Unix ms."""

    def price(self, symbol: str, price: str, t_ms: int) -> None:
        """One price update."""
        ...

    def candle(self, interval: str, candle: resources.Candle) -> None:
        """One candle update."""
        ...

    def funding(self, symbol: str, rate: str, next_ms: int, t_ms: int) -> None:
        """The funding rate as told now, changed or not."""
        ...

    def order(self, update: events.OrderUpdate) -> None:
        """One order event."""
        ...

    def account(
        self, t_ms: int, wallet: str | None, positions: Sequence[PositionState], totals: Totals | None = None
    ) -> None:
        """One account event: the wallet when it was told, the positions it named, the totals where it has them."""
        ...

    def totals(self, told: Totals) -> None:
        """One account event of a venue that tells all totals."""
        ...

    def all_positions(self, positions: Sequence[PositionState]) -> None:
        """One positions event of a venue that tells the full list, closed ones being absent."""
        ...

    def accepted(self, client: Native, request_id: str) -> None:
        """The venue acknowledged a subscription."""
        ...

    def confirmed(self, channel: Topic) -> None:
        """The venue acknowledged the subscription of this channel."""
        ...

    def private_ready(self, snapshot: AccountSnapshot | None) -> None:
        """The private socket is logged in and subscribed; the snapshot, where the venue begins with one."""
        ...

    def private_over(self, reason: str) -> None:
        """The venue ended the private stream although its socket may stay open."""
        ...


class Dialect(Protocol):
    """One venue. A sixth venue is one of these and one line in the registry."""

    name: str
    ccxt_id: str
    config: Mapping[str, Any]
    """Constructor arguments of the ccxt class besides credentials."""
    code_pattern: re.Pattern[str]
    native_codes: Mapping[str, grpc.StatusCode]
    max_candles: int
    exact_frames: bool
    """Decimals in frames are JSON numbers: they must be read as the text they are."""
    refuses_used_ids: bool
    """False: a client id sent twice may be two orders, so it is looked up before."""
    logs_in: bool
    """The private socket is open only when the dialect says `private_ready`; else as soon as it is connected."""

    def point_at(self, native: Native, base_url: str) -> None:
        """Send every request and socket to `base_url`."""
        ...

    # -- REST -----------------------------------------------------------------------------------

    async def ping(self, native: Native) -> None:
        """One cheap public question."""
        ...

    async def snapshot(self, native: Native) -> AccountSnapshot:
        """The account by REST; also the proof that the credentials work."""
        ...

    def account(self, snapshot: AccountSnapshot) -> resources.Account:
        """The snapshot as the contract's message."""
        ...

    async def positions(self, native: Native, venue_id: str) -> Sequence[PositionState]:
        """Open positions, of one market or (empty id) of all."""
        ...

    async def balance(self, native: Native, asset: str) -> str:
        """Wallet balance of an asset, "0" when there is none."""
        ...

    def order(self, raw: Raw, symbols: Symbols) -> resources.Order:
        """An order of a REST reply."""
        ...

    def precisions(self, market: Raw) -> tuple[int, int]:
        """Digits after the point of prices and of quantities, these in base coins."""
        ...

    def contract_size(self, market: Raw) -> Decimal:
        """Base coins per unit in which the venue counts quantities."""
        ...

    async def place(
        self,
        native: Native,
        market: Raw,
        kind: str,
        side: str,
        amount: str,
        price: str | None,
        options: Mapping[str, Any],
    ) -> Raw:
        """Place an order; the venue's reply. limit or market, buy or sell, `amount` in the venue's units.

        Options: clientOrderId; reduceOnly, postOnly: true or absent; timeInForce: GTC, IOC or FOK.
        """
        ...

    async def placed(self, native: Native, market: Raw, reply: Raw) -> Raw:
        """The order that was placed, from the reply to placing it."""
        ...

    async def find(self, native: Native, unified: str, order_id: int, client_order_id: str) -> Raw:
        """An order by its id when not 0, else by the client's."""
        ...

    async def open_orders(self, native: Native, unified: str | None) -> Sequence[Raw]:
        """Every open order of a market, or of all."""
        ...

    async def cancel_order(self, native: Native, unified: str, order_id: int) -> None:
        """Cancel one order."""
        ...

    async def cancel_all(self, native: Native, unified: str) -> None:
        """Cancel all open orders of a market."""
        ...

    async def candles(self, native: Native, market: Raw, interval: str, limit: int) -> Sequence[Sequence[Any]]:
        """[ms, open, high, low, close, volume in base coins], oldest first."""
        ...

    async def open_interest(self, native: Native, market: Raw) -> str:
        """In base coins."""
        ...

    def volumes(self, ticker: Raw) -> tuple[str | None, str | None]:
        """The day's volume in base and in quote coins, of a ticker of ccxt's; None where it is not told."""
        ...

    # -- streams --------------------------------------------------------------------------------

    def channel(self, topic: Topic) -> Topic:
        """The public topic whose venue subscription carries this one: itself, unless two share one."""
        ...

    async def watch(self, native: Native, topic: Topic, unified: str) -> None:
        """Subscribe and hold on; ends by raising when the subscription or its socket is gone."""
        ...

    async def unwatch(self, native: Native, topic: Topic, unified: str) -> None:
        """Unsubscribe a public topic."""
        ...

    def subscription_hash(self, topic: Topic, unified: str) -> str:
        """The name under which ccxt keeps a public subscription in `client.subscriptions`."""
        ...

    def is_private(self, url: str) -> bool:
        """Whether a socket's address is the private endpoint's."""
        ...

    async def caught_up(self, native: Native) -> None:
        """Return when every private event that the venue sent before now has been read."""
        ...

    def renew(self, native: Native) -> None:
        """Before a new private socket: forget session keys, which may have died with the old one."""
        ...

    def read(self, client: Native, frame: Raw, symbols: Symbols, into: Readings) -> bool:
        """Read one frame; False leaves it to ccxt. Cheap: it runs for every update."""
        ...
