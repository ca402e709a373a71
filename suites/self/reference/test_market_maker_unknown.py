"""Calls whose outcome is unknown: whatever is lost and wherever, one order a level at the venue and no second id."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import grpc
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from harness.reference.log import Log
from harness.reference.market_maker import desk as desk_module
from harness.reference.market_maker.desk import Desk
from harness.reference.market_maker.grid import Grid, Rules
from harness.reference.market_maker.orders import Orders
from harness.reference.market_maker.store import Store
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

pytestmark = pytest.mark.self

GRID = Grid(Decimal(100), Decimal(30), 2, 2, Rules(Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), Decimal(5)))
FINE, LOST_BEFORE, LOST_AFTER, REFUSED = "fine", "lost before", "lost after", "refused"
"""What happens to a call: answered; never arrived; carried out, but the answer was lost; refused."""


class Lost(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "as scripted"


class Exchange:
    """A connector and its venue as the desk sees them: a stub whose calls fare as scripted."""

    def __init__(self, fates: list[str]) -> None:
        self.is_current = True
        self.fates = fates
        self.price = "45050"
        self.orders: dict[str, resources.Order] = {}

    @property
    def stub(self) -> Exchange:
        return self

    def open(self) -> list[resources.Order]:
        return [one for one in self.orders.values() if one.status == types.ORDER_STATUS_NEW]

    @contextmanager
    def _call(self) -> Iterator[str]:
        fate = self.fates.pop(0) if self.fates else FINE
        if fate == LOST_BEFORE:
            raise Lost(grpc.StatusCode.UNAVAILABLE)
        if fate == REFUSED:
            raise Lost(grpc.StatusCode.RESOURCE_EXHAUSTED)
        yield fate
        if fate == LOST_AFTER:
            raise Lost(grpc.StatusCode.DEADLINE_EXCEEDED)

    async def PlaceOrder(self, request: resources.PlaceOrderRequest, timeout: float) -> resources.Order:  # noqa: N802
        await asyncio.sleep(0)
        with self._call():
            if request.client_order_id not in self.orders:
                resting = [one for one in self.open() if one.price.value == request.price.value]
                assert not resting, f"a second order at {request.price.value}"
                self.orders[request.client_order_id] = resources.Order(
                    order_id=len(self.orders) + 1, client_order_id=request.client_order_id, symbol=request.symbol,
                    side=request.side, price=request.price, quantity=request.quantity, status=types.ORDER_STATUS_NEW,
                )  # fmt: skip
        return self.orders[request.client_order_id]

    async def CancelOrder(self, request: rpc.CancelOrderRequest, timeout: float) -> rpc.CancelOrderResponse:  # noqa: N802
        await asyncio.sleep(0)
        with self._call():
            for order in self.open():
                if order.order_id == request.order_id:
                    order.status = types.ORDER_STATUS_CANCELED
                    break
            else:
                raise Lost(grpc.StatusCode.NOT_FOUND)
        return rpc.CancelOrderResponse()

    async def GetOrder(self, request: rpc.GetOrderRequest, timeout: float) -> resources.Order:  # noqa: N802
        await asyncio.sleep(0)
        with self._call():
            if request.client_order_id not in self.orders:
                raise Lost(grpc.StatusCode.NOT_FOUND)
        return self.orders[request.client_order_id]

    async def GetOpenOrders(  # noqa: N802
        self, request: rpc.GetOpenOrdersRequest, timeout: float
    ) -> rpc.GetOpenOrdersResponse:
        with self._call():
            pass
        return rpc.GetOpenOrdersResponse(orders=self.open())

    async def GetLatestPrice(  # noqa: N802
        self, request: rpc.GetLatestPriceRequest, timeout: float
    ) -> rpc.GetLatestPriceResponse:
        reply = rpc.GetLatestPriceResponse()
        reply.price.value = self.price
        return reply


async def until_quiet(exchange: Exchange, orders: Orders, desk: Desk) -> None:
    """Wait until every fate has been met and the orders at the venue are the levels wanted."""
    async with asyncio.timeout(4):
        while True:
            await asyncio.sleep(0.002)
            at_venue = {(one.client_order_id, Decimal(one.price.value)) for one in exchange.open()}
            known = {(one.client_order_id, one.price) for one in orders.open()}
            levels = {level.price for level in desk.levels()}
            if not orders.in_doubt() and at_venue == known and {price for _, price in known} == levels:
                return


fates = st.lists(st.sampled_from([FINE, LOST_BEFORE, LOST_AFTER, REFUSED]), max_size=14)
moves = st.lists(st.sampled_from(["44850", "44950", "45050", "45150", "45850"]), max_size=4)


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # shrinking waits
@given(st.lists(fates, min_size=1, max_size=4), moves, st.booleans())
def test_in_the_end_both_know_the_same_orders(rounds: list[list[str]], prices: list[str], restarts: bool) -> None:
    async def trial(store: Store) -> None:
        exchange = Exchange([])
        orders = Orders(store, Log("FATAL"))
        desk = Desk(exchange, orders, GRID, "BTCUSDT", Log("FATAL"))  # type: ignore[arg-type]
        running = asyncio.create_task(desk.run())
        for number, fates in enumerate(rounds):
            exchange.fates[:] = fates
            exchange.price = [*prices, "45050"][min(number, len(prices))]
            desk.on_price(Decimal(exchange.price))
            if restarts and number % 2:
                # As after a kill: what was on its way is cut off, and all that is left is the file.
                running.cancel()
                for task in list(desk._tasks):
                    task.cancel()
                await asyncio.gather(running, *desk._tasks, return_exceptions=True)
                orders = Orders(store, Log("FATAL"))
                desk = Desk(exchange, orders, GRID, "BTCUSDT", Log("FATAL"))  # type: ignore[arg-type]
                exchange.fates[:] = []
                await desk.reconcile()
                running = asyncio.create_task(desk.run())
            await until_quiet(exchange, orders, desk)
        await desk.settle(5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk_module, "pause_s", lambda failures: 0.001)
        store = Store(Path(folder) / "orders.db", "BTCUSDT")
        asyncio.run(trial(store))
        store.close()


def test_an_order_given_up_that_turns_up_is_taken_over_and_cancelled() -> None:
    async def trial(store: Store) -> None:
        exchange = Exchange([LOST_BEFORE] * 4)
        orders = Orders(store, Log("FATAL"))
        desk = Desk(exchange, orders, GRID, "BTCUSDT", Log("FATAL"))  # type: ignore[arg-type]
        desk.on_price(Decimal("45050"))
        running = asyncio.create_task(desk.run())
        async with asyncio.timeout(5):
            while orders.in_doubt() < 4:
                await asyncio.sleep(0.001)
            late = orders.live()[0]
            exchange.price = "48050"  # nothing of what was decided is wanted any more
            desk.on_price(Decimal("48050"))
        await until_quiet(exchange, orders, desk)
        assert late.client_order_id not in exchange.orders
        arrived = resources.Order(
            order_id=99, client_order_id=late.client_order_id, symbol="BTCUSDT", side=types.ORDER_SIDE_BUY,
            status=types.ORDER_STATUS_NEW,
        )  # fmt: skip
        arrived.price.value, arrived.quantity.value = "45000", "0.001"
        exchange.orders[late.client_order_id] = arrived
        desk.on_order(arrived)
        assert orders.get(late.client_order_id) is not None
        await until_quiet(exchange, orders, desk)
        assert arrived.status == types.ORDER_STATUS_CANCELED
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(desk_module, "pause_s", lambda failures: 0.05)
        store = Store(Path(folder) / "orders.db", "BTCUSDT")
        asyncio.run(trial(store))
        store.close()
