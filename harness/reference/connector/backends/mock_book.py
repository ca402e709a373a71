"""The mock exchange's orders, positions and wallet: exact, in memory, and bounded."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal

from harness.reference.connector.decimals import now_ms, parse, timestamp, wire
from harness.reference.connector.refusal import invalid, not_found
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

FIRST_ORDER_ID = 1001
WALLET_USDT = Decimal(100_000)
LEVERAGE = 10
PRICES = {"BTCUSDT": Decimal(45_000), "ETHUSDT": Decimal(3_000)}
OTHER_PRICE = Decimal(100)
KEPT_DONE_ORDERS = 10_000
"""Orders that are over are forgotten beyond this number, oldest first, so that memory stays bounded."""


def price_of(symbol: str) -> Decimal:
    """The mock's price never moves."""
    return PRICES.get(symbol, OTHER_PRICE)


@dataclass
class Holding:
    """One position: signed size and average entry."""

    size: Decimal = Decimal(0)
    entry: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Placed:
    """What placing did: the order as stored, and whether it was new and filled."""

    order: resources.Order
    is_new: bool


class MockBook:
    """Limit orders rest as NEW, market orders fill at once at the symbol's price."""

    def __init__(self) -> None:
        self._ids = itertools.count(FIRST_ORDER_ID)
        self._trade_ids = itertools.count(1)
        self.open: dict[int, resources.Order] = {}
        self._done: OrderedDict[int, resources.Order] = OrderedDict()
        self._by_client_id: dict[str, resources.Order] = {}
        self.holdings: dict[str, Holding] = {}
        self.wallet = WALLET_USDT

    def place(self, wanted: resources.PlaceOrderRequest) -> Placed:
        """Book the order, or return the one that has its client id. Raises Refusal."""
        known = self._by_client_id.get(wanted.client_order_id) if wanted.client_order_id else None
        if known is not None:
            return Placed(known, is_new=False)
        quantity, price = self._checked(wanted)
        stamp_ms = now_ms()
        order = resources.Order(
            order_id=next(self._ids),
            client_order_id=wanted.client_order_id,
            symbol=wanted.symbol,
            side=wanted.side,
            type=wanted.type,
            price=wire(price),
            quantity=wire(quantity),
            executed_qty=wire(0),
            avg_price=wire(0),
            status=types.ORDER_STATUS_NEW,
            created_at=timestamp(stamp_ms),
            update_time=stamp_ms,
        )
        if order.client_order_id:
            self._by_client_id[order.client_order_id] = order
        if wanted.type == types.ORDER_TYPE_MARKET:
            self._fill(order, quantity)
        else:
            self.open[order.order_id] = order
        return Placed(order, is_new=True)

    def find(self, order_id: int, client_order_id: str) -> resources.Order:
        """By exchange id when given, else by client id. Raises Refusal (NOT_FOUND)."""
        if order_id:
            order = self.open.get(order_id) or self._done.get(order_id)
        else:
            order = self._by_client_id.get(client_order_id)
        if order is None:
            raise not_found(f"no order {order_id or client_order_id!r}")
        return order

    def cancel(self, order_id: int) -> resources.Order:
        """Cancel an open order. Raises Refusal (NOT_FOUND) for one unknown or over."""
        order = self.open.pop(order_id, None)
        if order is None:
            raise not_found(f"no open order {order_id}")
        order.status = types.ORDER_STATUS_CANCELED
        order.update_time = now_ms()
        self._keep_done(order)
        return order

    def _checked(self, wanted: resources.PlaceOrderRequest) -> tuple[Decimal, Decimal]:
        if not wanted.symbol:
            raise invalid("symbol is missing")
        if wanted.side not in (types.ORDER_SIDE_BUY, types.ORDER_SIDE_SELL):
            raise invalid("side must be BUY or SELL")
        if wanted.type not in (types.ORDER_TYPE_LIMIT, types.ORDER_TYPE_MARKET):
            raise invalid("type must be LIMIT or MARKET")
        quantity = parse(wanted.quantity, "quantity")
        if quantity <= 0:
            raise invalid("quantity must be above 0")
        price = parse(wanted.price, "price") if wanted.type == types.ORDER_TYPE_LIMIT else Decimal(0)
        if wanted.type == types.ORDER_TYPE_LIMIT and price <= 0:
            raise invalid("a limit order needs a price above 0")
        return quantity, price

    def _fill(self, order: resources.Order, quantity: Decimal) -> None:
        price = price_of(order.symbol)
        signed = quantity if order.side == types.ORDER_SIDE_BUY else -quantity
        realised = self._move(order.symbol, signed, price)
        order.status = types.ORDER_STATUS_FILLED
        order.executed_qty.CopyFrom(order.quantity)
        order.avg_price.CopyFrom(wire(price))
        order.trades.append(
            resources.Trade(
                trade_id=str(next(self._trade_ids)),
                order_id=order.order_id,
                symbol=order.symbol,
                side=order.side,
                price=wire(price),
                quantity=order.quantity,
                fee=wire(0),
                fee_asset="USDT",
                timestamp=order.created_at,
                realized_pnl=wire(realised),
            )
        )
        self._keep_done(order)

    def _move(self, symbol: str, signed: Decimal, price: Decimal) -> Decimal:
        holding = self.holdings.setdefault(symbol, Holding())
        if holding.size * signed >= 0:
            total = holding.size + signed
            holding.entry = (holding.size * holding.entry + signed * price) / total
            holding.size = total
            return Decimal(0)
        closed = min(abs(signed), abs(holding.size)) * (1 if holding.size > 0 else -1)
        realised = closed * (price - holding.entry)
        holding.size += signed
        if holding.size * signed > 0:
            holding.entry = price  # it went through zero: what is left was opened here
        elif holding.size == 0:
            del self.holdings[symbol]
        self.wallet += realised
        return realised

    def _keep_done(self, order: resources.Order) -> None:
        self._done[order.order_id] = order
        if len(self._done) > KEPT_DONE_ORDERS:
            _, oldest = self._done.popitem(last=False)
            self._by_client_id.pop(oldest.client_order_id, None)


def account_of(book: MockBook) -> resources.Account:
    """The account: the price never moves, so nothing is unrealised."""
    used = sum((abs(one.size) * one.entry for one in book.holdings.values()), Decimal(0)) / LEVERAGE
    return resources.Account(
        total_wallet_balance=wire(book.wallet),
        total_margin_balance=wire(book.wallet),
        available_balance=wire(max(Decimal(0), book.wallet - used)),
        positions=[position_of(symbol, one) for symbol, one in sorted(book.holdings.items())],
        account_leverage=LEVERAGE,
        health_score=wire(1),
        margin_mode=types.MARGIN_MODE_REGULAR,
        adjusted_equity=wire(book.wallet),
        total_maintenance_margin=wire(0),
    )


def position_of(symbol: str, holding: Holding) -> resources.Position:
    """One position, closed ones with size 0."""
    return resources.Position(
        symbol=symbol,
        size=wire(holding.size),
        entry_price=wire(holding.entry),
        mark_price=wire(price_of(symbol)),
        unrealized_pnl=wire(0),
        leverage=LEVERAGE,
        margin_type="cross",
        isolated_margin=wire(0),
        liquidation_price=wire(0),
    )
