"""Over the simulated binance: every decimal is the venue's own, every order has one fate, every error its code."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import grpc
import pytest
from google.type.decimal_pb2 import Decimal as Wire

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

from .launched import stub
from .simulated import Venue

pytestmark = pytest.mark.self

BTC = "BTCUSDT"
NUMBERS = itertools.count(1)


@pytest.fixture
def calls(channel: grpc.Channel) -> Any:
    return stub(channel)


def limit(**more: Any) -> resources.PlaceOrderRequest:
    fields: dict[str, Any] = {
        "symbol": BTC, "side": types.ORDER_SIDE_BUY, "type": types.ORDER_TYPE_LIMIT, "quantity": Wire(value="0.011"),
        "price": Wire(value="30000.70"), "client_order_id": f"own-{next(NUMBERS)}",
    }  # fmt: skip
    return resources.PlaceOrderRequest(**(fields | more))


def same(told: Wire, wanted: str) -> bool:
    return bool(told.value) and Decimal(told.value) == Decimal(wanted)


def test_account_and_positions_are_the_venues_to_the_last_digit(venue: Venue, calls: Any) -> None:
    venue.do(lambda control: control.move_positions([BTC, "ETHUSDT"], times=3))
    venue.do(lambda control: control.move_balance(times=3))
    everything = venue.do(lambda control: control.state())
    state = everything.accounts[0]
    account = calls.GetAccount(rpc.GetAccountRequest())
    assert same(account.total_wallet_balance, state.wallet_balance)
    assert same(account.total_margin_balance, state.margin_balance)
    assert same(account.available_balance, state.available_balance)
    positions = {one.symbol: one for one in calls.GetPositions(rpc.GetPositionsRequest()).positions}
    held = [one for one in everything.positions if Decimal(one.size)]
    assert set(positions) == {one.symbol for one in held} == {BTC, "ETHUSDT"}
    for one in held:
        told = positions[one.symbol]
        assert same(told.size, one.size)
        assert same(told.entry_price, one.entry_price)
        assert same(told.unrealized_pnl, one.unrealised)
        assert told.leverage == one.leverage
    filtered = calls.GetPositions(rpc.GetPositionsRequest(symbol=BTC)).positions
    assert [one.symbol for one in filtered] == [BTC]
    assert same(calls.GetBalance(rpc.GetBalanceRequest(asset="USDT")).balance, state.wallet_balance)
    assert calls.GetBalance(rpc.GetBalanceRequest(asset="DOGE")).balance.value == "0"


def test_prices_candles_and_rules_are_the_venues(venue: Venue, calls: Any) -> None:
    venue.do(lambda control: control.move_price(BTC, times=5))
    markets = {one.symbol: one for one in venue.do(lambda control: control.state()).markets}
    assert same(calls.GetLatestPrice(rpc.GetLatestPriceRequest(symbol=BTC)).price, markets[BTC].last)
    assert set(calls.GetSymbols(rpc.GetSymbolsRequest()).symbols) == set(markets)
    info = calls.GetSymbolInfo(rpc.GetSymbolInfoRequest(symbol=BTC))
    assert same(info.tick_size, markets[BTC].tick_size)
    assert same(info.step_size, markets[BTC].step_size)
    assert same(info.min_quantity, markets[BTC].min_quantity)
    assert same(info.min_notional, markets[BTC].min_notional)
    assert (info.price_precision, info.quantity_precision) == (
        markets[BTC].price_precision, markets[BTC].quantity_precision,
    )  # fmt: skip
    candles = calls.GetHistoricalKlines(rpc.GetHistoricalKlinesRequest(symbol=BTC, interval="1m", limit=5)).candles
    wanted = venue.do(lambda control: control.candles(BTC, "1m", 5))
    assert [one.timestamp for one in candles] == [one.open_ms for one in wanted]
    for told, own in zip(candles, wanted, strict=True):
        for value, mine in zip(
            (told.open, told.high, told.low, told.close, told.volume),
            (own.open, own.high, own.low, own.close, own.volume), strict=True,
        ):  # fmt: skip
            assert same(value, mine)
    assert [one.is_closed for one in candles][:-1] == [True] * 4
    tickers = {one.symbol: one for one in calls.GetTickers(rpc.GetTickersRequest()).tickers}
    assert set(tickers) == set(markets)
    assert same(tickers[BTC].last_price, markets[BTC].last)
    assert same(calls.GetFundingRate(rpc.GetFundingRateRequest(symbol=BTC)).rate, markets[BTC].funding_rate)
    assert len(calls.GetFundingRates(rpc.GetFundingRatesRequest()).rates) == len(markets)
    assert calls.GetHistoricalFundingRates(rpc.GetHistoricalFundingRatesRequest(symbol=BTC, limit=2)).rates
    interest = calls.GetOpenInterest(rpc.GetOpenInterestRequest(symbol=BTC)).open_interest
    assert same(interest, markets[BTC].open_interest)
    calls.FetchExchangeInfo(rpc.FetchExchangeInfoRequest(symbol=BTC))


def test_an_order_is_placed_found_partly_filled_and_cancelled(venue: Venue, calls: Any) -> None:
    request = limit()
    placed = calls.PlaceOrder(request)
    own = venue.do(lambda control: control.order(client_order_id=request.client_order_id))
    assert own is not None
    assert placed.order_id == int(own.order_id)
    assert same(placed.price, "30000.7")
    assert same(placed.quantity, "0.011")
    venue.do(lambda control: control.fill_order(placed.order_id, "0.004"))
    found = calls.GetOrder(rpc.GetOrderRequest(symbol=BTC, order_id=placed.order_id))
    assert found == calls.GetOrder(rpc.GetOrderRequest(symbol=BTC, client_order_id=request.client_order_id))
    assert found.status == types.ORDER_STATUS_PARTIALLY_FILLED
    assert same(found.executed_qty, "0.004")
    assert placed.order_id in [one.order_id for one in calls.GetOpenOrders(rpc.GetOpenOrdersRequest()).orders]
    calls.CancelOrder(rpc.CancelOrderRequest(symbol=BTC, order_id=placed.order_id))
    gone = calls.GetOrder(rpc.GetOrderRequest(symbol=BTC, order_id=placed.order_id))
    assert gone.status == types.ORDER_STATUS_CANCELED


def test_a_market_order_tells_its_average_price(venue: Venue, calls: Any) -> None:
    placed = calls.PlaceOrder(limit(type=types.ORDER_TYPE_MARKET, price=None))
    own = venue.do(lambda control: control.order(placed.order_id))
    assert own is not None
    assert placed.status == types.ORDER_STATUS_FILLED
    assert same(placed.avg_price, own.average)


def test_one_client_id_is_one_order_again_racing_and_after_it_is_done(venue: Venue, calls: Any) -> None:
    request = limit()
    with ThreadPoolExecutor(6) as pool:
        racing = list(pool.map(lambda _: calls.PlaceOrder(request), range(6)))
    calls.CancelOrder(rpc.CancelOrderRequest(symbol=BTC, order_id=racing[0].order_id))
    again = calls.PlaceOrder(request)
    assert {order.order_id for order in [*racing, again]} == {racing[0].order_id}
    assert again.status == types.ORDER_STATUS_CANCELED


@pytest.mark.parametrize("how", ["close", "reset"])
def test_an_order_whose_reply_is_lost_is_found_and_not_placed_twice(venue: Venue, calls: Any, how: str) -> None:
    request = limit()
    venue.fault("eof_after_accept", how=how, count=1)
    try:
        placed = calls.PlaceOrder(request)
    finally:
        venue.heal()
    assert placed.client_order_id == request.client_order_id
    orders = calls.GetOpenOrders(rpc.GetOpenOrdersRequest(symbol=BTC)).orders
    assert [one.order_id for one in orders if one.client_order_id == request.client_order_id] == [placed.order_id]


def test_batches_tell_each_orders_fate(calls: Any) -> None:
    orders = [limit(), limit(price=Wire(value="30000.123")), limit(), limit(quantity=Wire(value="900"))]
    reply = calls.BatchPlaceOrders(rpc.BatchPlaceOrdersRequest(orders=orders))
    assert [order.client_order_id for order in reply.orders] == [orders[0].client_order_id, orders[2].client_order_id]
    assert [(one.index, grpc_code(one.code)) for one in reply.errors] == [
        (1, "INVALID_ARGUMENT"), (3, "RESOURCE_EXHAUSTED"),
    ]  # fmt: skip
    ids = [order.order_id for order in reply.orders]
    gone = calls.BatchCancelOrders(rpc.BatchCancelOrdersRequest(symbol=BTC, order_ids=[ids[0], 12, ids[1]]))
    assert [(one.index, grpc_code(one.code)) for one in gone.errors] == [(1, "NOT_FOUND")]
    calls.PlaceOrder(limit())
    calls.CancelAllOrders(rpc.CancelAllOrdersRequest(symbol=BTC))
    assert not calls.GetOpenOrders(rpc.GetOpenOrdersRequest(symbol=BTC)).orders


def grpc_code(number: int) -> str:
    return next(code.name for code in grpc.StatusCode if code.value[0] == number)


@pytest.mark.parametrize(
    ("name", "request_", "code"),
    [
        ("PlaceOrder", limit(symbol="NONEUSDT"), "INVALID_ARGUMENT"),
        ("PlaceOrder", limit(price=Wire(value="30000.12")), "INVALID_ARGUMENT"),
        ("PlaceOrder", limit(quantity=Wire(value="0.0001")), "INVALID_ARGUMENT"),
        ("PlaceOrder", limit(quantity=Wire(value="900")), "RESOURCE_EXHAUSTED"),
        ("PlaceOrder", limit(price=Wire(value="60000"), post_only=True), "FAILED_PRECONDITION"),
        ("PlaceOrder", limit(symbol="LTCUSDT", price=Wire(value="50"), quantity=Wire(value="1"), reduce_only=True),
         "FAILED_PRECONDITION"),
        ("CancelOrder", rpc.CancelOrderRequest(symbol=BTC, order_id=12), "NOT_FOUND"),
        ("GetOrder", rpc.GetOrderRequest(symbol=BTC, order_id=12), "NOT_FOUND"),
        ("GetLatestPrice", rpc.GetLatestPriceRequest(symbol="NONEUSDT"), "INVALID_ARGUMENT"),
        ("GetHistoricalKlines", rpc.GetHistoricalKlinesRequest(symbol=BTC, interval="7m"), "INVALID_ARGUMENT"),
    ],
)  # fmt: skip
def test_refusals_have_the_contracts_code(calls: Any, name: str, request_: Any, code: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        getattr(calls, name)(request_)
    assert refused.value.code().name == code


@pytest.mark.parametrize(
    ("knob", "code"),
    [
        ({"kind": "native_error", "code": -2015, "message": "Invalid API-key"}, "UNAUTHENTICATED"),
        ({"kind": "native_error", "code": -1022, "message": "Signature"}, "UNAUTHENTICATED"),
        ({"kind": "native_error", "code": -1003, "message": "Too many requests", "status": 429}, "RESOURCE_EXHAUSTED"),
        ({"kind": "native_error", "code": -1015, "message": "Too many orders"}, "RESOURCE_EXHAUSTED"),
        ({"kind": "native_error", "code": -2018, "message": "Balance"}, "RESOURCE_EXHAUSTED"),
        ({"kind": "native_error", "code": -4116, "message": "Duplicated"}, "ALREADY_EXISTS"),
        ({"kind": "native_error", "code": -1001, "message": "Disconnected"}, "UNAVAILABLE"),
        ({"kind": "native_error", "code": -1008, "message": "Busy"}, "UNAVAILABLE"),
        ({"kind": "native_error", "code": -1016, "message": "Maintenance", "status": 503}, "UNAVAILABLE"),
        ({"kind": "native_error", "code": -2010, "message": "Rejected"}, "FAILED_PRECONDITION"),
        ({"kind": "native_error", "code": -9999, "message": "Odd"}, "UNKNOWN"),
        ({"kind": "http_status", "status": 502, "how": "html"}, "UNAVAILABLE"),
        ({"kind": "http_status", "status": 429, "how": "html"}, "RESOURCE_EXHAUSTED"),
        ({"kind": "http_status", "status": 200, "how": "html"}, "UNAVAILABLE"),
        ({"kind": "http_status", "status": 200, "how": "truncated"}, "UNAVAILABLE"),
    ],
)
def test_native_errors_have_the_contracts_code(venue: Venue, calls: Any, knob: dict[str, Any], code: str) -> None:
    venue.fault(**knob, path="/fapi/v2/account")
    try:
        with pytest.raises(grpc.RpcError) as refused:
            calls.GetAccount(rpc.GetAccountRequest())
    finally:
        venue.heal()
    assert refused.value.code().name == code
    assert "signature=" not in str(refused.value.details())
