"""Following: four streams of the connector into the board, and after every gap what the venue says now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

from harness.reference.live_server import views
from harness.reference.live_server.audience import Audience
from harness.reference.live_server.board import Board
from harness.reference.live_server.settings import Settings
from harness.reference.log import Log
from harness.reference.remote import Remote
from harness.reference.remote_stream import cause_of, pause_s
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

CALL_LIMIT_S = 5.0
SUBSCRIBE_LIMIT_S = 10.0


class Following:
    """Keeps board and audience at the truth. `is_live` from the first complete fetch on."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self.board = Board(settings.symbol, settings.interval, settings.history_candles)
        self.audience = Audience(self.board, log)
        self.is_live = False
        self._settings = settings
        self._log = log
        self._remote = Remote(settings.address, log, backoff_scale=settings.backoff_scale)
        self._turn = asyncio.Lock()

    @property
    def is_current(self) -> bool:
        """Live, and every stream subscribed at this moment."""
        return self.is_live and self._remote.is_connected and all(self._remote.streams().values())

    async def run(self) -> None:
        """Until cancelled. Raises GaveUp when the connector does not answer in ten attempts."""
        self._subscribe()
        self._remote.on_reconnect(self._reconcile)
        first: asyncio.Task[None] | None = None
        try:
            await self._remote.connect()
            first = asyncio.create_task(self._first_state(), name="first state")
            await self._remote.run()
        finally:
            if first is not None:
                first.cancel()
                await asyncio.gather(first, return_exceptions=True)

    async def close(self) -> None:
        """End the streams and the connection."""
        await self._remote.close()

    def _subscribe(self) -> None:
        symbol, interval = self._settings.symbol, self._settings.interval
        board = self.board
        klines = rpc.SubscribeKlinesRequest(symbols=[symbol], interval=interval)
        positions = rpc.SubscribePositionsRequest(symbol=symbol)
        self._stream(
            "klines", lambda stub: stub.SubscribeKlines(klines), lambda one: board.tell_candle(views.candle(one))
        )
        self._stream("orders", lambda stub: stub.SubscribeOrders(rpc.SubscribeOrdersRequest()), self._order_news)
        self._stream(
            "account",
            lambda stub: stub.SubscribeAccount(rpc.SubscribeAccountRequest()),
            lambda one: board.tell_account(views.account(one)),
        )
        self._stream(
            "positions",
            lambda stub: stub.SubscribePositions(positions),
            lambda one: board.tell_position(views.position(one)),
        )

    def _stream(
        self, name: str, subscribe: Callable[[Any], Any], news: Callable[[Any], tuple[views.View, ...]]
    ) -> None:
        self._remote.stream(name, subscribe, lambda message: self.audience.publish(news(message)))

    def _order_news(self, update: Any) -> tuple[views.View, ...]:
        """The order and, when it was filled, the trade: that one even if fetching has overtaken the order's state."""
        news: tuple[views.View, ...] = self.board.tell_order(views.order(update))
        trade = views.trade(update)
        return (*news, trade) if trade is not None and trade.symbol == self.board.symbol else news

    async def _first_state(self) -> None:
        failures = 0
        while not self.is_live:
            await self._remote.subscribed(SUBSCRIBE_LIMIT_S)
            try:
                await self._reconcile()
            except grpc.RpcError as error:
                failures += 1
                wait_s = pause_s(failures)
                self._log.warn("first state not fetched yet", cause=cause_of(error), retry_in_s=wait_s)
                await asyncio.sleep(wait_s)

    async def _reconcile(self) -> None:
        """Fetch everything, tell every difference. Raises grpc.RpcError; then it is to be done again."""
        async with self._turn:
            stub, board, symbol = self._remote.stub, self.board, self._settings.symbol
            board.begin_fetch()
            reply = await stub.GetOpenOrders(rpc.GetOpenOrdersRequest(symbol=symbol), timeout=CALL_LIMIT_S)
            found = [views.order(one) for one in reply.orders if one.symbol == symbol]
            told = self._publish(board.orders.fetch(found))
            for doubtful in board.orders.doubtful(found):
                told += self._publish(await self._outcome(doubtful))
            reply = await stub.GetPositions(rpc.GetPositionsRequest(symbol=symbol), timeout=CALL_LIMIT_S)
            told += self._publish(board.fetch_positions([views.position(one) for one in reply.positions]))
            reply = await stub.GetAccount(rpc.GetAccountRequest(), timeout=CALL_LIMIT_S)
            told += self._publish(board.fetch_account(views.account(reply)))
            request = rpc.GetHistoricalKlinesRequest(
                symbol=symbol, interval=self._settings.interval, limit=self._settings.history_candles
            )
            reply = await stub.GetHistoricalKlines(request, timeout=CALL_LIMIT_S)
            told += self._publish(board.fetch_candles([views.candle(one) for one in reply.candles]))
            if not self.is_live:
                self.is_live = True
                self.audience.open()
                self._log.info("live", candles=len(reply.candles), open_orders=len(found))
                return
            self._log.info("reconciled", differences=told, open_orders=len(found))

    async def _outcome(self, order: views.OrderView) -> tuple[views.OrderView, ...]:
        """What became of an order that is no longer among the open ones."""
        request = rpc.GetOrderRequest(
            symbol=order.symbol, order_id=order.order_id, client_order_id=order.client_order_id
        )
        try:
            reply = await self._remote.stub.GetOrder(request, timeout=CALL_LIMIT_S)
        except grpc.RpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
            self._log.warn("an open order is gone and the venue does not know it", order_id=order.order_id)
            return self.board.orders.forget(order)
        return self.board.orders.fetch([views.order(reply)])

    def _publish(self, news: tuple[views.View, ...]) -> int:
        self.audience.publish(news)
        return len(news)
