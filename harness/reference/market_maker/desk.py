"""Desk: decides after every change, sends what was decided, and finds out what became of what went wrong."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import grpc

from harness.reference.log import Log
from harness.reference.market_maker.grid import Grid, Level, Side
from harness.reference.market_maker.order import FINAL, OPEN, Order, Status, number, plain, seen
from harness.reference.market_maker.orders import Orders
from harness.reference.remote import Remote
from harness.reference.remote_stream import cause_of, pause_s
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

CALL_LIMIT_S = 5.0
AT_ONCE = 8
NOT_CURRENT_S = 0.25
"""How often to look whether the connection is back, while it is away."""
REFUSED = frozenset(
    {
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.FAILED_PRECONDITION,
        grpc.StatusCode.UNAUTHENTICATED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.NOT_FOUND,
        grpc.StatusCode.UNIMPLEMENTED,
    }
)
"""With these an order was certainly not placed; with any other it may have been."""


class Desk:
    """`on_price`, `on_order` and `reconcile` tell it what happened; `run` acts on it until `stop`."""

    def __init__(self, remote: Remote, orders: Orders, grid: Grid, symbol: str, log: Log) -> None:
        self.price = Decimal(0)
        """Last price; 0: none yet."""
        self.anchor: Decimal | None = None
        self.is_stopping = False
        self.foreign = 0
        """Open orders of the symbol that are not ours."""
        self._remote = remote
        self._orders = orders
        self._grid = grid
        self._symbol = symbol
        self._log = log
        self._wake = asyncio.Event()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_price_old = False
        """An order was filled: the market is elsewhere, and the price that says so may come after the fill."""
        self._failures = 0
        self._not_before_s = 0.0

    def levels(self) -> tuple[Level, ...]:
        """Where an order should rest now."""
        return self._grid.levels(self.price, self._orders.last_fill, self.anchor) if self.price else ()

    @property
    def is_backing_off(self) -> bool:
        """Whether it waits after a failure."""
        return time.monotonic() < self._not_before_s

    def on_price(self, price: Decimal) -> None:
        """The last price."""
        if price > 0 and price != self.price:
            self.price = price
            self._wake.set()

    def on_order(self, message: Any) -> None:
        """An update of any order of the account."""
        told = seen(message)
        if told is None or told.symbol != self._symbol:
            return
        order = self._orders.get(told.client_order_id)
        if self._orders.apply(told):
            is_ended = told.status in FINAL and told.status is not Status.FILLED
            if is_ended and order is not None and not order.is_busy and not self.is_stopping:
                self._failed("order ended by the venue", order, told.status)  # placed again, but not in a hot loop
            self._is_price_old |= told.status is Status.FILLED
            self._wake.set()

    async def run(self) -> None:
        """Decide and send, for ever. Failures of the venue, the connection and the disk are waited out."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self.is_stopping:
                return
            wait_s = self._not_before_s - time.monotonic()
            if not self._remote.is_current or not self.price:
                wait_s = NOT_CURRENT_S
            if wait_s > 0:
                await asyncio.sleep(wait_s)  # what comes meanwhile is dealt with then, all at once
                self._wake.set()
                continue
            try:
                if self._is_price_old:
                    await self._fetch_price()
                self._decide()
            except grpc.RpcError as error:
                self._failed("no price", None, cause_of(error))
            except sqlite3.Error as error:
                self._failed("decision could not be stored", None, str(error))

    def wake(self) -> None:
        """Look again."""
        self._wake.set()

    async def reconcile(self) -> None:
        """Fetch what may have been missed, and ask about every order of ours that is not open. Raises RpcError."""
        await self._fetch_price()
        request = rpc.GetOpenOrdersRequest(symbol=self._symbol)
        reply = await self._remote.stub.GetOpenOrders(request, timeout=CALL_LIMIT_S)
        told = [one for one in map(seen, reply.orders) if one is not None]
        adopted, self.foreign = self._orders.adopt(told)
        at_venue = {one.client_order_id for one in told}
        lost = [one for one in self._orders.live() if one.client_order_id not in at_venue and not one.is_busy]
        await asyncio.gather(*(self._look_up(order) for order in lost))
        self._log.info(
            "reconciled", open=len(told), looked_up=len(lost), adopted=adopted, foreign=self.foreign,
            unknown=self._orders.in_doubt(),
        )  # fmt: skip
        self.wake()

    async def settle(self, limit_s: float) -> None:
        """Decide nothing more, and wait until the calls on their way are answered."""
        self.is_stopping = True
        self._wake.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=limit_s)

    async def cancel_open(self, limit_s: float) -> list[Order]:
        """Cancel every open order of ours, twice at most; what may be left."""
        with contextlib.suppress(TimeoutError, grpc.RpcError):
            async with asyncio.timeout(limit_s):
                await asyncio.gather(*(self._look_up(order) for order in self._orders.unknown()))
                for _ in range(2):
                    if orders := self._orders.open():
                        await self._cancel_batch(orders)
        return self._orders.live()

    async def _fetch_price(self) -> None:
        self._is_price_old = False
        try:
            request = rpc.GetLatestPriceRequest(symbol=self._symbol)
            latest = await self._remote.stub.GetLatestPrice(request, timeout=CALL_LIMIT_S)
        except grpc.RpcError:
            self._is_price_old = True
            raise
        self.on_price(number(latest.price))

    def _decide(self) -> None:
        resting = self._orders.resting()
        plan = self._grid.plan(self.price, resting, self._orders.last_fill, self.anchor)
        for client_order_id in plan.cancel:
            order = self._orders.get(client_order_id)
            if order is not None and order.status in OPEN and not order.is_busy:
                self._begin(order, self._cancel)
        for order in self._orders.unknown():
            self._begin(order, self._resolve)
        for order in self._orders.decide(plan.place):
            self._begin(order, self._place)

    def _begin(self, order: Order, act: Callable[[Order], Coroutine[Any, Any, None]]) -> None:
        async def go() -> None:
            try:
                async with self._room:
                    await act(order)
            finally:
                order.is_busy = False
                self._wake.set()

        order.is_busy = True
        task = asyncio.create_task(go(), name=f"order {order.client_order_id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _place(self, order: Order) -> None:
        if self.is_stopping:
            self._orders.mark(order, Status.DEAD)
            return
        await self._send(order)

    async def _send(self, order: Order) -> None:
        """PlaceOrder under the order's one and only client id."""
        request = resources.PlaceOrderRequest(
            symbol=self._symbol,
            side=types.ORDER_SIDE_BUY if order.side is Side.BUY else types.ORDER_SIDE_SELL,
            type=types.ORDER_TYPE_LIMIT,
            time_in_force=types.TIME_IN_FORCE_GTC,
            client_order_id=order.client_order_id,
        )
        request.price.value = plain(order.price)
        request.quantity.value = plain(order.quantity)
        try:
            reply = await self._remote.stub.PlaceOrder(request, timeout=CALL_LIMIT_S)
        except grpc.RpcError as error:
            if _code(error) in REFUSED:
                self._orders.mark(order, Status.REJECTED)
                self._failed("order refused", order, cause_of(error))
            else:
                self._orders.mark(order, Status.UNKNOWN)
                self._failed("order outcome unknown", order, cause_of(error))
            return
        told = seen(reply)
        if told is not None:
            self._orders.apply(told)
        if order.status in FINAL and order.status is not Status.FILLED:
            self._failed("order ended by the venue", order, order.status)
        else:
            self._failures = 0

    async def _cancel(self, order: Order) -> None:
        request = rpc.CancelOrderRequest(symbol=self._symbol, order_id=order.order_id)
        try:
            await self._remote.stub.CancelOrder(request, timeout=CALL_LIMIT_S)
        except grpc.RpcError as error:
            if _code(error) is grpc.StatusCode.NOT_FOUND:
                await self._resolve(order)  # it was filled meanwhile: nothing failed
                return
            self._failed("cancel failed", order, cause_of(error))
            if _code(error) in REFUSED:
                await self._resolve(order)
            return
        self._orders.mark(order, Status.CANCELED)

    async def _cancel_batch(self, orders: list[Order]) -> None:
        request = rpc.BatchCancelOrdersRequest(symbol=self._symbol, order_ids=[one.order_id for one in orders])
        reply = await self._remote.stub.BatchCancelOrders(request, timeout=CALL_LIMIT_S)
        failed = {error.index: error.error_message for error in reply.errors}
        for index, order in enumerate(orders):
            if index in failed:
                await self._look_up(order)
            else:
                self._orders.mark(order, Status.CANCELED)

    async def _resolve(self, order: Order) -> None:
        try:
            await self._look_up(order)
        except grpc.RpcError as error:
            self._failed("order could not be looked up", order, cause_of(error))

    async def _look_up(self, order: Order) -> None:
        """Ask by client id. One that was never booked is sent again under the same id if it is still wanted."""
        request = rpc.GetOrderRequest(symbol=self._symbol, client_order_id=order.client_order_id)
        try:
            reply = await self._remote.stub.GetOrder(request, timeout=CALL_LIMIT_S)
        except grpc.RpcError as error:
            if _code(error) is not grpc.StatusCode.NOT_FOUND:
                raise
        else:
            told = seen(reply)
            if told is not None:
                self._orders.apply(told)
            return
        is_wanted = not self.is_stopping and not order.order_id and Level(order.side, order.price) in self.levels()
        if is_wanted:
            self._log.info("order sent again", client_order_id=order.client_order_id)
            await self._send(order)
            return
        if order.order_id:
            self._log.warn("the venue has forgotten an order", client_order_id=order.client_order_id)
        self._orders.mark(order, Status.DEAD)

    def _failed(self, what: str, order: Order | None, cause: str) -> None:
        """Say so, and do nothing for a while: 1 s after the first of several failures, up to 30 s."""
        now_s = time.monotonic()
        if now_s >= self._not_before_s:
            self._failures += 1
            self._not_before_s = now_s + pause_s(self._failures)
        wait_s = round(self._not_before_s - now_s, 3)
        self._log.warn(what, client_order_id=order.client_order_id if order else "", cause=cause, retry_in_s=wait_s)
        self._wake.set()


def _code(error: grpc.RpcError) -> grpc.StatusCode:
    code: grpc.StatusCode = error.code()
    return code
