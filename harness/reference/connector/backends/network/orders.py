"""Orders: placed at most once per client id, found, cancelled."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import grpc

from harness.reference.connector.backends.network.dialect import Raw
from harness.reference.connector.backends.network.session import Session
from harness.reference.connector.decimals import parse
from harness.reference.connector.refusal import Refusal, invalid, unavailable
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

AT_ONCE = 10
"""Orders of one batch that are on their way at the same time."""
KNOWN_FOR_S = 600.0
"""For so long a client id is remembered; clients send again within a minute. So memory follows the rate of orders, not
their number, and levels off as soon."""
RESEND_WINDOW_S = 60.0
"""For so long after the start an unknown client id is looked up before it is placed: clients may send again what they
had sent to the process before this one."""
LOOK_UP_AGAIN_S = 0.3


class Orders:
    """The order calls of the network backend. All raise Refusal."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._placing: dict[str, asyncio.Task[resources.Order]] = {}
        self._placed: OrderedDict[str, tuple[int, float]] = OrderedDict()
        """Client id -> order id and when it was placed, the oldest first."""
        self._started_s = time.monotonic()

    async def place(self, order: resources.PlaceOrderRequest) -> resources.Order:
        """At most one order per client id, whoever asks, how often and however many at once."""
        client_id = order.client_order_id
        task = self._placing.get(client_id) if client_id else None
        if task is None:
            # A task of its own: when the client hangs up, what happened to its order must still be found out.
            task = asyncio.get_running_loop().create_task(self._place_once(order), name="place order")
            if client_id:
                self._placing[client_id] = task
                task.add_done_callback(lambda _: self._placing.pop(client_id, None))
        return await asyncio.shield(task)

    async def place_all(self, orders: Sequence[resources.PlaceOrderRequest]) -> Sequence[resources.Order | Refusal]:
        """Each by itself, so that each has its own fate."""
        room = asyncio.Semaphore(AT_ONCE)

        async def place_one(order: resources.PlaceOrderRequest) -> resources.Order | Refusal:
            async with room:
                try:
                    return await self.place(order)
                except Refusal as refusal:
                    return refusal

        return await asyncio.gather(*map(place_one, orders))

    async def cancel(self, symbol: str, order_id: int) -> None:
        """Cancel one."""
        unified = self._session.symbols.unified(symbol)
        await self._session.asked(self._session.dialect.cancel_order(self._session.native, unified, order_id))

    async def cancel_each(self, symbol: str, order_ids: Sequence[int]) -> Sequence[Refusal | None]:
        """Each by itself."""
        self._session.symbols.unified(symbol)
        room = asyncio.Semaphore(AT_ONCE)

        async def cancel_one(order_id: int) -> Refusal | None:
            async with room:
                try:
                    await self.cancel(symbol, order_id)
                except Refusal as refusal:
                    return refusal
            return None

        return await asyncio.gather(*map(cancel_one, order_ids))

    async def cancel_all(self, symbol: str) -> None:
        """Cancel all open orders of the symbol."""
        unified = self._session.symbols.unified(symbol)
        await self._session.asked(self._session.dialect.cancel_all(self._session.native, unified))

    async def find(self, symbol: str, order_id: int, client_order_id: str) -> resources.Order:
        """Find one by either id."""
        unified = self._session.symbols.unified(symbol)
        return await self._session.order_of(
            self._session.dialect.find(self._session.native, unified, order_id, client_order_id)
        )

    async def open(self, symbol: str) -> Sequence[resources.Order]:
        """Open orders, of all symbols when none is given."""
        unified = self._session.symbols.unified(symbol) if symbol else None
        found = await self._session.asked(self._session.dialect.open_orders(self._session.native, unified))
        return [self._session.dialect.order(one, self._session.symbols) for one in found]

    async def _place_once(self, wanted: resources.PlaceOrderRequest) -> resources.Order:
        market = self._session.symbols.market(wanted.symbol)
        client_id = wanted.client_order_id
        if client_id:
            known = await self._known(wanted.symbol, client_id)
            if known is not None:
                return known
        arguments = _order_arguments(wanted, self._session.dialect.contract_size(market))
        sent_id = client_id or f"nfr-{uuid.uuid4().hex[:20]}"  # some venues take no more than 26 characters
        arguments[-1]["clientOrderId"] = sent_id
        try:
            reply = await self._session.asked(self._session.dialect.place(self._session.native, market, *arguments))
            placed = await self._read_back(market, reply)
        except Refusal as refusal:
            placed = await self._after(refusal, wanted.symbol, sent_id)
        if client_id:
            self._remember(client_id, placed.order_id)
        return placed

    async def _read_back(self, market: Raw, reply: Raw) -> resources.Order:
        """What goes wrong here is no refusal: the order is booked."""

        async def placed() -> Raw:
            return await self._session.dialect.placed(self._session.native, market, reply)

        try:
            return await self._session.order_of(placed())
        except Refusal as refusal:
            raise unavailable(f"the order may be booked but could not be read back: {refusal.reason}") from None

    async def _known(self, symbol: str, client_id: str) -> resources.Order | None:
        if client_id in self._placed:
            return await self.find(symbol, self._placed[client_id][0], "")
        is_old = time.monotonic() - self._started_s > RESEND_WINDOW_S
        if is_old and self._session.dialect.refuses_used_ids:
            return None
        return await self._look_up(symbol, client_id)

    async def _after(self, refusal: Refusal, symbol: str, client_id: str) -> resources.Order:
        """The order may be booked all the same: it was there before, or only the reply was lost."""
        if refusal.code is grpc.StatusCode.ALREADY_EXISTS:
            found = await self._look_up(symbol, client_id)
            if found is not None:
                return found
        elif refusal.code is grpc.StatusCode.UNAVAILABLE:
            for _ in range(2):
                try:
                    found = await self._look_up(symbol, client_id)
                except Refusal:
                    found = None
                if found is not None:
                    return found
                await asyncio.sleep(LOOK_UP_AGAIN_S)
        raise refusal

    async def _look_up(self, symbol: str, client_id: str) -> resources.Order | None:
        try:
            return await self.find(symbol, 0, client_id)
        except Refusal as refusal:
            if refusal.code is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def _remember(self, client_id: str, order_id: int) -> None:
        now_s = time.monotonic()
        self._placed[client_id] = order_id, now_s
        self._placed.move_to_end(client_id)
        while next(iter(self._placed.values()))[1] < now_s - KNOWN_FOR_S:
            self._placed.popitem(last=False)


def _order_arguments(
    wanted: resources.PlaceOrderRequest, contract_size: Decimal
) -> tuple[str, str, str, str | None, dict[str, Any]]:
    """A dialect's place arguments after the market, the quantity in the venue's units.

    Raises Refusal for what no venue could take.
    """
    if wanted.side not in (types.ORDER_SIDE_BUY, types.ORDER_SIDE_SELL):
        raise invalid("side must be BUY or SELL")
    if wanted.type not in (types.ORDER_TYPE_LIMIT, types.ORDER_TYPE_MARKET):
        raise invalid("type must be LIMIT or MARKET")
    quantity, price = parse(wanted.quantity, "quantity"), parse(wanted.price, "price")
    if quantity <= 0:
        raise invalid("quantity must be above 0")
    is_limit = wanted.type == types.ORDER_TYPE_LIMIT
    if is_limit and price <= 0:
        raise invalid("a limit order needs a price above 0")
    options: dict[str, Any] = {}
    if wanted.reduce_only:
        options["reduceOnly"] = True
    if is_limit:
        if wanted.post_only or wanted.time_in_force == types.TIME_IN_FORCE_GTX:
            options["postOnly"] = True
        else:
            force = wanted.time_in_force or types.TIME_IN_FORCE_GTC
            options["timeInForce"] = types.TimeInForce.Name(force).removeprefix("TIME_IN_FORCE_")
    side = "buy" if wanted.side == types.ORDER_SIDE_BUY else "sell"
    amount = quantity / contract_size
    if amount * contract_size != quantity:
        raise invalid(f"quantity {_plain(quantity)} is no whole number of contracts of {_plain(contract_size)}")
    return "limit" if is_limit else "market", side, _plain(amount), _plain(price) if is_limit else None, options


def _plain(number: Decimal) -> str:
    return format(number, "f")
