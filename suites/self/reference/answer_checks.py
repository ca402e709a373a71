"""What every backend over a simulated venue must answer, for the tests of each: account, market, orders."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from typing import Any

import grpc
import pytest
from google.type.decimal_pb2 import Decimal as Wire

from harness.venue.control import VenueControl
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

from .simulated import Venue

BTC, ETH, LTC = "BTCUSDT", "ETHUSDT", "LTCUSDT"
_NUMBERS = itertools.count(1)


def limit(**more: Any) -> resources.PlaceOrderRequest:
    """A limit order that rests, with a client id of its own."""
    fields: dict[str, Any] = {
        "symbol": BTC, "side": types.ORDER_SIDE_BUY, "type": types.ORDER_TYPE_LIMIT, "quantity": Wire(value="0.011"),
        "price": Wire(value="30000.7"), "client_order_id": f"own{next(_NUMBERS)}",
    }  # fmt: skip
    return resources.PlaceOrderRequest(**(fields | more))


def same(told: Wire, wanted: str) -> bool:
    """Equal to the last digit."""
    return bool(told.value) and Decimal(told.value) == Decimal(wanted)


def refusal(call: Callable[[], Any]) -> str:
    """The code that a call is refused with."""
    with pytest.raises(grpc.RpcError) as refused:
        call()
    return str(refused.value.code().name)


@contextmanager
def faulty(venue: Venue, kind: str, **knob: Any) -> Iterator[None]:
    """A fault for the length of the block."""
    venue.fault(kind, **knob)
    try:
        yield
    finally:
        venue.heal()


def check_account(venue: Venue, calls: Any) -> None:
    """Totals and positions, one of them short, as the venue has them."""
    venue.do(lambda control: control.set_position(BTC, "0.013"))
    venue.do(lambda control: control.set_position(ETH, "-0.25"))
    venue.do(lambda control: control.move_price(ETH, times=3))
    venue.do(lambda control: control.move_balance(times=3))
    placed = calls.PlaceOrder(limit())
    everything = venue.do(lambda control: control.state())
    account, known = calls.GetAccount(rpc.GetAccountRequest()), everything.accounts[0]
    assert same(account.total_wallet_balance, known.wallet_balance)
    assert same(account.total_margin_balance, known.margin_balance)
    assert same(account.available_balance, known.available_balance)
    assert same(account.total_maintenance_margin, known.maintenance_margin)
    positions = {one.symbol: one for one in calls.GetPositions(rpc.GetPositionsRequest()).positions}
    held = [one for one in everything.positions if Decimal(one.size)]
    assert set(positions) == {one.symbol for one in held} >= {BTC, ETH}
    for one in held:
        told = positions[one.symbol]
        assert same(told.size, one.size)
        assert same(told.entry_price, one.entry_price)
        assert same(told.mark_price, one.mark_price)
        assert same(told.unrealized_pnl, one.unrealised)
        assert (told.leverage, told.margin_type) == (one.leverage, "cross")
    assert [one.symbol for one in calls.GetPositions(rpc.GetPositionsRequest(symbol=ETH)).positions] == [ETH]
    assert not calls.GetPositions(rpc.GetPositionsRequest(symbol=LTC)).positions
    assert same(calls.GetBalance(rpc.GetBalanceRequest(asset="USDT")).balance, known.wallet_balance)
    assert calls.GetBalance(rpc.GetBalanceRequest(asset="DOGE")).balance.value == "0"
    calls.CancelOrder(rpc.CancelOrderRequest(symbol=BTC, order_id=placed.order_id))


def check_market(venue: Venue, calls: Any) -> None:
    """Prices, rules, candles, funding, interest as the venue has them, quantities in base coins."""
    venue.do(lambda control: control.move_price(BTC, times=5))
    markets = {one.symbol: one for one in venue.do(lambda control: control.state()).markets}
    own = markets[BTC]
    assert same(calls.GetLatestPrice(rpc.GetLatestPriceRequest(symbol=BTC)).price, own.last)
    assert set(calls.GetSymbols(rpc.GetSymbolsRequest()).symbols) == set(markets)
    for symbol, market in markets.items():
        info = calls.GetSymbolInfo(rpc.GetSymbolInfoRequest(symbol=symbol))
        assert same(info.tick_size, market.tick_size)
        assert same(info.step_size, market.step_size)
        assert same(info.min_quantity, market.min_quantity)
        assert (info.price_precision, info.quantity_precision) == (market.price_precision, market.quantity_precision)
    candles = calls.GetHistoricalKlines(rpc.GetHistoricalKlinesRequest(symbol=BTC, interval="1m", limit=5)).candles
    wanted = venue.do(lambda control: control.candles(BTC, "1m", 5))
    assert [one.timestamp for one in candles] == [one.open_ms for one in wanted]
    for told, mine in zip(candles, wanted, strict=True):
        for name in ("open", "high", "low", "close", "volume"):
            assert same(getattr(told, name), getattr(mine, name)), name
    tickers = {one.symbol: one for one in calls.GetTickers(rpc.GetTickersRequest()).tickers}
    assert set(tickers) == set(markets)
    assert same(tickers[BTC].last_price, own.last)
    assert same(tickers[BTC].volume, own.volume)
    assert abs(tickers[BTC].timestamp / 1000 - time.time()) < 60
    funding = calls.GetFundingRate(rpc.GetFundingRateRequest(symbol=BTC))
    assert same(funding.rate, own.funding_rate)
    assert funding.next_funding_time == own.next_funding_ms
    assert len(calls.GetFundingRates(rpc.GetFundingRatesRequest()).rates) == len(markets)
    past = calls.GetHistoricalFundingRates(rpc.GetHistoricalFundingRatesRequest(symbol=BTC, limit=2)).rates
    assert [one.timestamp for one in past] == sorted(one.timestamp for one in past)
    assert len(past) == 2
    assert same(calls.GetOpenInterest(rpc.GetOpenInterestRequest(symbol=BTC)).open_interest, own.open_interest)
    calls.FetchExchangeInfo(rpc.FetchExchangeInfoRequest(symbol=BTC))


def check_orders(venue: Venue, calls: Any) -> None:
    """Placed, partly filled, found by either id, listed, cancelled; at market; in batches; all cancelled."""
    request = limit()
    placed = calls.PlaceOrder(request)
    own = venue.do(lambda control: control.order(client_order_id=request.client_order_id))
    assert own is not None
    order_id = own.order_id
    assert placed.order_id == int(order_id)
    assert same(placed.price, "30000.7")
    assert same(placed.quantity, "0.011")
    venue.do(lambda control: control.fill_order(order_id, "0.004"))
    found = calls.GetOrder(rpc.GetOrderRequest(symbol=BTC, order_id=placed.order_id))
    assert found == calls.GetOrder(rpc.GetOrderRequest(symbol=BTC, client_order_id=request.client_order_id))
    assert found.status == types.ORDER_STATUS_PARTIALLY_FILLED
    assert same(found.executed_qty, "0.004")
    assert same(found.avg_price, "30000.7")
    assert found in calls.GetOpenOrders(rpc.GetOpenOrdersRequest()).orders
    calls.CancelOrder(rpc.CancelOrderRequest(symbol=BTC, order_id=placed.order_id))
    gone = calls.GetOrder(rpc.GetOrderRequest(symbol=BTC, order_id=placed.order_id))
    assert gone.status == types.ORDER_STATUS_CANCELED
    at_market = calls.PlaceOrder(limit(type=types.ORDER_TYPE_MARKET, price=None))
    own = venue.do(lambda control: control.order(at_market.order_id))
    assert own is not None
    assert (at_market.status, at_market.type) == (types.ORDER_STATUS_FILLED, types.ORDER_TYPE_MARKET)
    assert same(at_market.avg_price, own.average)


def check_batches(calls: Any) -> None:
    """Each order has its own fate."""
    orders = [limit(), limit(price=Wire(value="30000.123")), limit(), limit(quantity=Wire(value="900"))]
    reply = calls.BatchPlaceOrders(rpc.BatchPlaceOrdersRequest(orders=orders))
    assert [order.client_order_id for order in reply.orders] == [orders[0].client_order_id, orders[2].client_order_id]
    names = {code.value[0]: code.name for code in grpc.StatusCode}
    fates = [(one.index, names[one.code]) for one in reply.errors]
    assert fates == [(1, "INVALID_ARGUMENT"), (3, "RESOURCE_EXHAUSTED")]
    ids = [order.order_id for order in reply.orders]
    gone = calls.BatchCancelOrders(rpc.BatchCancelOrdersRequest(symbol=BTC, order_ids=[ids[0], 12, ids[1]]))
    assert [(one.index, names[one.code]) for one in gone.errors] == [(1, "NOT_FOUND")]
    for _ in range(3):
        calls.PlaceOrder(limit())
    other = calls.PlaceOrder(limit(symbol=LTC, price=Wire(value="50"), quantity=Wire(value="1")))
    calls.CancelAllOrders(rpc.CancelAllOrdersRequest(symbol=BTC))
    left = calls.GetOpenOrders(rpc.GetOpenOrdersRequest()).orders
    assert [one.order_id for one in left] == [other.order_id]
    calls.CancelAllOrders(rpc.CancelAllOrdersRequest(symbol=LTC))
    calls.CancelAllOrders(rpc.CancelAllOrdersRequest(symbol=LTC))  # nothing left is no failure


def check_many_orders(venue: Venue, calls: Any, count: int = 105) -> None:
    """More than a page of the venue's lists and a batch of its cancels."""

    async def place(control: VenueControl) -> set[int]:
        return {int((await control.place_resting(BTC)).order_id) for _ in range(count)}

    placed = venue.do(place)
    assert {one.order_id for one in calls.GetOpenOrders(rpc.GetOpenOrdersRequest()).orders} == placed
    assert len(calls.GetOpenOrders(rpc.GetOpenOrdersRequest(symbol=BTC)).orders) == count
    calls.CancelAllOrders(rpc.CancelAllOrdersRequest(symbol=BTC))
    assert not venue.do(lambda control: control.state()).open_orders


def check_one_order_a_client_id(venue: Venue, calls: Any, path: str) -> None:
    """Asked at once, again, after it is done, and when the reply is lost."""
    request = limit()
    with ThreadPoolExecutor(4) as pool:
        racing = list(pool.map(lambda _: calls.PlaceOrder(request), range(4)))
    calls.CancelOrder(rpc.CancelOrderRequest(symbol=BTC, order_id=racing[0].order_id))
    again = calls.PlaceOrder(request)
    assert {order.order_id for order in [*racing, again]} == {racing[0].order_id}
    assert again.status == types.ORDER_STATUS_CANCELED
    request = limit()
    with faulty(venue, "eof_after_accept", how="close", count=1):
        placed = calls.PlaceOrder(request)
    assert placed.client_order_id == request.client_order_id
    request = limit()
    with faulty(venue, "http_status", path=path, status=200, how="html", count=1):
        assert refusal(lambda: calls.PlaceOrder(request)) == "UNAVAILABLE"
    orders = calls.GetOpenOrders(rpc.GetOpenOrdersRequest(symbol=BTC)).orders
    assert [one.order_id for one in orders] == [placed.order_id]
    calls.CancelAllOrders(rpc.CancelAllOrdersRequest(symbol=BTC))


REFUSED: tuple[tuple[str, Any, str], ...] = (
    ("PlaceOrder", limit(symbol="NONEUSDT"), "INVALID_ARGUMENT"),
    ("PlaceOrder", limit(price=Wire(value="30000.12")), "INVALID_ARGUMENT"),
    ("PlaceOrder", limit(quantity=Wire(value="0.0001")), "INVALID_ARGUMENT"),
    ("PlaceOrder", limit(quantity=Wire(value="900")), "RESOURCE_EXHAUSTED"),
    ("PlaceOrder", limit(symbol=LTC, price=Wire(value="50"), quantity=Wire(value="1"), reduce_only=True),
     "FAILED_PRECONDITION"),
    ("CancelOrder", rpc.CancelOrderRequest(symbol=BTC, order_id=12), "NOT_FOUND"),
    ("GetOrder", rpc.GetOrderRequest(symbol=BTC, order_id=12), "NOT_FOUND"),
    ("GetOrder", rpc.GetOrderRequest(symbol=BTC, client_order_id="never-seen"), "NOT_FOUND"),
    ("GetLatestPrice", rpc.GetLatestPriceRequest(symbol="NONEUSDT"), "INVALID_ARGUMENT"),
    ("GetHistoricalKlines", rpc.GetHistoricalKlinesRequest(symbol=BTC, interval="7m"), "INVALID_ARGUMENT"),
)  # fmt: skip


def check_refusals(calls: Any) -> None:
    """Each with the contract's code; a post-only order that would take is booked and cancelled by the venue."""
    for name, request, code in REFUSED:
        assert refusal(partial(getattr(calls, name), request)) == code, request
    taking = calls.PlaceOrder(limit(price=Wire(value="60000"), post_only=True))
    assert taking.status == types.ORDER_STATUS_CANCELED
