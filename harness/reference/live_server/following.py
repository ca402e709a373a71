"""Following: four streams of the connector into the board, and after every gap what the venue says now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc

from harness.reference.live_server import views
from harness.reference.live_server.audience import Audience
from harness.reference.live_server.board import Board
from harness.reference.live_server.settings import Settings
from harness.reference.log import Log
from harness.reference.remote import Remote
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

CALL_LIMIT_S = 5.0


class Following:
    """Keeps board and audience at the truth. `is_live` from the first complete fetch on."""

    def __init__(self, settings: Settings, log: Log) -> None:
        self.board = Board(settings.symbol, settings.interval, settings.history_candles)
        self.audience = Audience(self.board, log)
        self.is_live = False
        self._settings = settings
        self._log = log
        self._remote = Remote(settings.address, log, backoff_scale=settings.backoff_scale, api_key=settings.api_key)

    @property
    def is_current(self) -> bool:
        """Live, every stream subscribed at this moment, and nothing missed that was not fetched since."""
        return self.is_live and self._remote.is_current

    async def run(self) -> None:
        """Until cancelled. Raises GaveUp when the connector does not answer in ten attempts."""
        self._subscribe()
        self._remote.on_reconnect(self._reconcile)
        await self._remote.connect()
        self._remote.missed()  # everything, so far
        await self._remote.run()

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
        trade = views.trade(update)
        news = self.board.tell_order(views.order(update))
        return (*news, *self.board.tell_trade(trade)) if trade is not None else news

    async def _reconcile(self) -> None:
        """Fetch everything, tell every difference. Raises grpc.RpcError; then it is to be done again."""
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
            self._log.info("following", candles=len(reply.candles), open_orders=len(found))
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
