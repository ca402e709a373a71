"""The six streaming RPCs: from a request to topics, and from a subscriber's queue to the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import grpc

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.hub import Hub, Subscriber
from harness.reference.connector.refusal import invalid
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

MAX_SYMBOLS = 200
Context = grpc.aio.ServicerContext[object, bytes]


class Streams:
    """One method per streaming RPC, named as the RPC in snake case. Messages leave as bytes. All raise Refusal."""

    def __init__(self, hub: Hub, buffer_messages: int) -> None:
        self._hub = hub
        self._buffer_messages = buffer_messages

    async def subscribe_price(self, request: rpc.SubscribePriceRequest, context: Context) -> None:
        """Every price update of the symbols."""
        symbols = _wanted(request.symbols)
        await self._serve(context, "prices", [Topic("prices", symbol) for symbol in symbols])

    async def subscribe_klines(self, request: rpc.SubscribeKlinesRequest, context: Context) -> None:
        """Every candle update of the symbols."""
        interval = request.interval or "1m"
        symbols = _wanted(request.symbols)
        await self._serve(context, "klines", [Topic("klines", symbol, interval) for symbol in symbols])

    async def subscribe_funding_rate(self, request: rpc.SubscribeFundingRateRequest, context: Context) -> None:
        """Every funding update of the symbol."""
        symbols = _wanted([request.symbol])
        await self._serve(context, "funding", [Topic("funding", symbol) for symbol in symbols])

    async def subscribe_orders(self, _: rpc.SubscribeOrdersRequest, context: Context) -> None:
        """Every change of every order."""
        await self._serve(context, "orders", [Topic("orders")])

    async def subscribe_account(self, _: rpc.SubscribeAccountRequest, context: Context) -> None:
        """The account now, then each of its changes."""
        await self._serve(context, "account", [Topic("account")])

    async def subscribe_positions(self, request: rpc.SubscribePositionsRequest, context: Context) -> None:
        """Positions now, then each change; of one symbol when one is given."""
        symbols = frozenset({request.symbol} if request.symbol else ())
        await self._serve(context, "positions", [Topic("positions")], symbols)

    async def _serve(
        self, context: Context, stream: str, topics: Iterable[Topic], symbols: frozenset[str] = frozenset()
    ) -> None:
        subscriber = Subscriber(stream, context.peer(), self._buffer_messages, symbols)
        subscriber.writer = asyncio.current_task()
        try:
            await self._hub.join(topics, subscriber)
            # Headers at once: the client can tell "subscribed, and quiet" from "not subscribed yet".
            await context.send_initial_metadata(())
            while True:
                await subscriber.ready()
                while subscriber.queue:
                    await context.write(subscriber.queue.popleft())
                if subscriber.ended is not None:
                    raise subscriber.ended
        finally:
            self._hub.leave(subscriber)


def _wanted(symbols: Iterable[str]) -> list[str]:
    wanted = list(dict.fromkeys(symbols))
    if not wanted or not all(wanted):
        raise invalid("at least one symbol is needed, and none may be empty")
    if len(wanted) > MAX_SYMBOLS:
        raise invalid(f"at most {MAX_SYMBOLS} symbols in one subscription")
    return wanted
