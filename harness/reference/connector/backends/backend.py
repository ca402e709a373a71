"""The one narrow interface between the gRPC service and any exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import Message

from harness.reference.connector.refusal import Refusal
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

STREAMS = ("prices", "orders", "klines", "account", "positions", "funding")


@dataclass(frozen=True, slots=True)
class Topic:
    """One venue subscription: a stream, its symbol (BTCUSDT; "" where there is none) and a candle interval."""

    stream: str
    symbol: str = ""
    interval: str = ""


class Sink(Protocol):
    """Where a backend puts what its venue sends."""

    def publish(self, topic: Topic, symbol: str, message: Message) -> None:
        """Deliver one update to every subscriber of the topic; never blocks."""
        ...

    def lost(self, topic: Topic, reason: str) -> None:
        """The venue subscription broke: updates may have been missed."""
        ...


class Backend(Protocol):
    """An exchange. Symbols are BTCUSDT-like; every method raises Refusal with the contract's code.

    Results are the contract's own messages, so that a decimal passes from the venue to the wire untouched.
    """

    name: str
    has_venue: bool
    """False for the in-process exchange: nothing to probe."""

    async def start(self) -> None:
        """Validate credentials. Raises CredentialsRefused."""
        ...

    async def close(self) -> None:
        """Release every socket and task."""
        ...

    async def probe(self) -> None:
        """One cheap question to the venue; raises when it does not answer."""
        ...

    def venue_sockets(self) -> int:
        """Open WebSocket connections to the venue."""
        ...

    def margin(self) -> tuple[types.ExchangeType, bool]:
        """Kind of exchange, and whether its margin is unified."""
        ...

    # -- streams --------------------------------------------------------------------------------

    async def open(self, topic: Topic, sink: Sink) -> None:
        """Subscribe at the venue; returns once updates will be delivered."""
        ...

    async def shut(self, topic: Topic) -> None:
        """Unsubscribe at the venue and end what `open` started."""
        ...

    def state(self, topic: Topic) -> Sequence[tuple[str, Message]]:
        """Current state for a newcomer (symbol, message), consistent with the updates published so far."""
        ...

    # -- orders ---------------------------------------------------------------------------------

    async def place_order(self, order: resources.PlaceOrderRequest) -> resources.Order:
        """Place, or return the order that already has this client id."""
        ...

    async def place_orders(self, orders: Sequence[resources.PlaceOrderRequest]) -> Sequence[resources.Order | Refusal]:
        """Place each; a Refusal stands in the place of one refused."""
        ...

    async def cancel_order(self, symbol: str, order_id: int) -> None:
        """Cancel an open order."""
        ...

    async def cancel_orders(self, symbol: str, order_ids: Sequence[int]) -> Sequence[Refusal | None]:
        """Cancel each; a Refusal stands in the place of one refused."""
        ...

    async def cancel_all_orders(self, symbol: str) -> None:
        """Cancel all open orders of the symbol."""
        ...

    async def order(self, symbol: str, order_id: int, client_order_id: str) -> resources.Order:
        """By order id when not 0, else by client id."""
        ...

    async def open_orders(self, symbol: str) -> Sequence[resources.Order]:
        """Of one symbol, or of all when it is empty."""
        ...

    # -- account --------------------------------------------------------------------------------

    async def account(self) -> resources.Account:
        """The account as the venue has it now."""
        ...

    async def positions(self, symbol: str) -> Sequence[resources.Position]:
        """Open positions, of one symbol or of all."""
        ...

    async def balance(self, asset: str) -> str:
        """Wallet balance of an asset."""
        ...

    # -- market ---------------------------------------------------------------------------------

    async def latest_price(self, symbol: str) -> str:
        """Last traded price."""
        ...

    async def tickers(self) -> Sequence[resources.Ticker]:
        """The day's figures of every symbol."""
        ...

    async def open_interest(self, symbol: str) -> str:
        """In base coins."""
        ...

    async def klines(self, symbol: str, interval: str, limit: int) -> Sequence[resources.Candle]:
        """The last `limit` candles (0: the venue's default), oldest first."""
        ...

    async def refresh_symbols(self, symbol: str) -> None:
        """Read the trading rules again."""
        ...

    async def symbol_info(self, symbol: str) -> resources.SymbolInfo:
        """Trading rules of a symbol."""
        ...

    async def symbols(self) -> Sequence[str]:
        """Every tradable symbol."""
        ...

    async def funding_rate(self, symbol: str) -> resources.FundingRate:
        """Current funding of a symbol."""
        ...

    async def funding_rates(self) -> Sequence[resources.FundingRate]:
        """Current funding of every symbol."""
        ...

    async def funding_history(self, symbol: str, limit: int) -> Sequence[resources.FundingRate]:
        """Past funding, oldest first."""
        ...
