"""The in-process exchange: no network, prices that stand still and tick every 100 ms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from zlib import crc32

from google.protobuf.message import Message

from harness.reference.connector.backends import mock_market as market
from harness.reference.connector.backends.backend import Sink, Topic
from harness.reference.connector.backends.mock_book import Holding, MockBook, account_of, position_of, price_of
from harness.reference.connector.decimals import now_ms, stamp_now, wire
from harness.reference.connector.refusal import Refusal, invalid
from harness.wire.opensqt.market_maker.v1 import events_pb2 as events
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

TICK_S = 0.1
CANDLE_S = 1.0
FUNDING_S = 1.0
_PHASES = 1000


class MockBackend:
    """Backend `mock`."""

    name = "mock"
    has_venue = False

    def __init__(self) -> None:
        self._book = MockBook()
        self._sink: Sink | None = None
        self._open: set[Topic] = set()
        self._tickers: dict[Topic, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Nothing to validate."""

    async def close(self) -> None:
        """End the tickers."""
        for topic in list(self._open):
            await self.shut(topic)

    async def probe(self) -> None:
        """Always reachable."""

    def venue_sockets(self) -> int:
        """No network."""
        return 0

    def margin(self) -> tuple[types.ExchangeType, bool]:
        """Futures with ordinary margin."""
        return types.EXCHANGE_TYPE_FUTURES, False

    # -- streams --------------------------------------------------------------------------------

    async def open(self, topic: Topic, sink: Sink) -> None:
        """Start the topic's ticker, if it has one; orders, account and positions come with the fills."""
        self._sink = sink
        if topic.symbol:
            market.checked(topic.symbol)
        make: Callable[[], Message] | None = None
        period_s = TICK_S
        if topic.stream == "prices":
            make = lambda: events.PriceChange(  # noqa: E731
                exchange=self.name, symbol=topic.symbol, price=wire(price_of(topic.symbol)),
                timestamp=stamp_now(),
            )  # fmt: skip
        elif topic.stream == "klines":
            length = market.interval_ms(topic.interval)
            period_s = CANDLE_S
            make = lambda: market.candle(topic.symbol, now_ms() // length * length, is_closed=False)  # noqa: E731
        elif topic.stream == "funding":
            period_s = FUNDING_S
            make = lambda: _funding_update(topic.symbol)  # noqa: E731
        self._open.add(topic)
        if make is not None:
            self._tickers[topic] = asyncio.get_running_loop().create_task(
                _tick(topic, make, period_s, sink), name=f"mock {topic.stream} {topic.symbol}"
            )

    async def shut(self, topic: Topic) -> None:
        """End the topic's ticker."""
        self._open.discard(topic)
        task = self._tickers.pop(topic, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def state(self, topic: Topic) -> Sequence[tuple[str, Message]]:
        """Account and positions as they are now; the other streams have no state."""
        if topic.stream == "account":
            return [("", account_of(self._book))]
        if topic.stream == "positions":
            return [(symbol, position_of(symbol, one)) for symbol, one in sorted(self._book.holdings.items())]
        return []

    # -- orders ---------------------------------------------------------------------------------

    async def place_order(self, order: resources.PlaceOrderRequest) -> resources.Order:
        """Place one order."""
        return self._place(order)

    async def place_orders(self, orders: Sequence[resources.PlaceOrderRequest]) -> Sequence[resources.Order | Refusal]:
        """Place each; a refusal in its place."""
        results: list[resources.Order | Refusal] = []
        for order in orders:
            try:
                results.append(self._place(order))
            except Refusal as refusal:
                results.append(refusal)
        return results

    async def cancel_order(self, symbol: str, order_id: int) -> None:
        """Cancel one."""
        market.checked(symbol)
        self._publish_order(self._book.cancel(order_id))

    async def cancel_orders(self, symbol: str, order_ids: Sequence[int]) -> Sequence[Refusal | None]:
        """Cancel each; a refusal in its place."""
        results: list[Refusal | None] = []
        for order_id in order_ids:
            try:
                await self.cancel_order(symbol, order_id)
                results.append(None)
            except Refusal as refusal:
                results.append(refusal)
        return results

    async def cancel_all_orders(self, symbol: str) -> None:
        """Cancel all open orders of the symbol."""
        market.checked(symbol)
        for order in [one for one in self._book.open.values() if one.symbol == symbol]:
            self._publish_order(self._book.cancel(order.order_id))

    async def order(self, symbol: str, order_id: int, client_order_id: str) -> resources.Order:
        """Find one by either id."""
        market.checked(symbol)
        if not order_id and not client_order_id:
            raise invalid("order_id or client_order_id is needed")
        return self._book.find(order_id, client_order_id)

    async def open_orders(self, symbol: str) -> Sequence[resources.Order]:
        """Open orders, of all symbols when none is given."""
        return [order for order in self._book.open.values() if not symbol or order.symbol == symbol]

    # -- account and market ---------------------------------------------------------------------

    async def account(self) -> resources.Account:
        """The account now."""
        return account_of(self._book)

    async def positions(self, symbol: str) -> Sequence[resources.Position]:
        """Open positions."""
        holdings = sorted(self._book.holdings.items())
        return [position_of(name, one) for name, one in holdings if not symbol or name == symbol]

    async def balance(self, asset: str) -> str:
        """USDT's wallet; nothing of any other asset."""
        return format(self._book.wallet, "f") if asset in ("", "USDT") else "0"

    async def latest_price(self, symbol: str) -> str:
        """It never moves."""
        return format(price_of(market.checked(symbol)), "f")

    async def tickers(self) -> Sequence[resources.Ticker]:
        """One per listed symbol."""
        return [market.ticker(symbol) for symbol in market.SYMBOLS]

    async def open_interest(self, symbol: str) -> str:
        """A constant."""
        market.checked(symbol)
        return "1000"

    async def klines(self, symbol: str, interval: str, limit: int) -> Sequence[resources.Candle]:
        """Flat candles."""
        return market.candles(market.checked(symbol), interval, limit)

    async def refresh_symbols(self, symbol: str) -> None:
        """Nothing is cached."""
        if symbol:
            market.checked(symbol)

    async def symbol_info(self, symbol: str) -> resources.SymbolInfo:
        """Trading rules."""
        return market.symbol_info(market.checked(symbol))

    async def symbols(self) -> Sequence[str]:
        """Listed symbols; orders and prices work for others too."""
        return market.SYMBOLS

    async def funding_rate(self, symbol: str) -> resources.FundingRate:
        """A constant rate."""
        return market.funding(market.checked(symbol), now_ms())

    async def funding_rates(self) -> Sequence[resources.FundingRate]:
        """One per listed symbol."""
        return [market.funding(symbol, now_ms()) for symbol in market.SYMBOLS]

    async def funding_history(self, symbol: str, limit: int) -> Sequence[resources.FundingRate]:
        """Past settlements."""
        return market.funding_history(market.checked(symbol), limit)

    # -- inside ---------------------------------------------------------------------------------

    def _place(self, wanted: resources.PlaceOrderRequest) -> resources.Order:
        market.checked(wanted.symbol)
        placed = self._book.place(wanted)
        if placed.is_new:
            self._publish_order(placed.order)
            if placed.order.status == types.ORDER_STATUS_FILLED:
                self._publish_state(placed.order.symbol)
        return placed.order

    def _publish_order(self, order: resources.Order) -> None:
        topic = Topic("orders")
        if self._sink is None or topic not in self._open:
            return
        update = events.OrderUpdate(
            exchange=self.name, order_id=order.order_id, client_order_id=order.client_order_id, symbol=order.symbol,
            side=order.side, type=order.type, status=order.status, price=order.price, quantity=order.quantity,
            executed_qty=order.executed_qty, avg_price=order.avg_price, update_time=order.update_time,
            last_trade=order.trades[-1] if order.trades else None,
        )  # fmt: skip
        self._sink.publish(topic, order.symbol, update)

    def _publish_state(self, symbol: str) -> None:
        if self._sink is None:
            return
        if Topic("account") in self._open:
            self._sink.publish(Topic("account"), "", account_of(self._book))
        if Topic("positions") in self._open:
            holding = self._book.holdings.get(symbol, Holding())
            self._sink.publish(Topic("positions"), symbol, position_of(symbol, holding))


async def _tick(topic: Topic, make: Callable[[], Message], period_s: float, sink: Sink) -> None:
    loop = asyncio.get_running_loop()
    # Each symbol in a phase of its own, as no market waits for another's clock.
    due = loop.time() + crc32(topic.symbol.encode()) % _PHASES / _PHASES * period_s
    while True:
        await asyncio.sleep(due - loop.time())
        sink.publish(topic, topic.symbol, make())
        due = max(due + period_s, loop.time())


def _funding_update(symbol: str) -> events.FundingUpdate:
    rate = market.funding(symbol, now_ms())
    return events.FundingUpdate(
        exchange=rate.exchange, symbol=symbol, rate=rate.rate, predicted_rate=rate.predicted_rate,
        next_funding_time=rate.next_funding_time, timestamp=rate.timestamp,
    )  # fmt: skip
