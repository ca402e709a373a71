"""All 28 RPCs of the contract answer on the mock exchange, with the runtime contract's facts."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.type.decimal_pb2 import Decimal as Wire

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

from .launched import Connector, stub

pytestmark = pytest.mark.self

BTC = "BTCUSDT"


def limit(**more: Any) -> resources.PlaceOrderRequest:
    fields: dict[str, Any] = {
        "symbol": BTC, "side": types.ORDER_SIDE_BUY, "type": types.ORDER_TYPE_LIMIT, "quantity": Wire(value="0.5"),
        "price": Wire(value="44000.10"),
    }  # fmt: skip
    return resources.PlaceOrderRequest(**(fields | more))


def market(**more: Any) -> resources.PlaceOrderRequest:
    return limit(type=types.ORDER_TYPE_MARKET, price=None, **more)


UNARY: dict[str, tuple[Any, Callable[[Any], bool]]] = {
    "GetName": (rpc.GetNameRequest(), lambda reply: reply.name == "mock"),
    "GetType": (rpc.GetTypeRequest(), lambda reply: reply.type == types.EXCHANGE_TYPE_FUTURES),
    "PlaceOrder": (limit(), lambda reply: reply.order_id >= 1001 and reply.status == types.ORDER_STATUS_NEW),
    "BatchPlaceOrders": (
        rpc.BatchPlaceOrdersRequest(orders=[limit(), limit(quantity=Wire(value="0"), client_order_id="bad")]),
        lambda reply: len(reply.orders) == 1 and not reply.all_success and reply.errors[0].index == 1
        and reply.errors[0].client_order_id == "bad" and reply.errors[0].code == 3,
    ),
    "CancelOrder": (rpc.CancelOrderRequest(symbol=BTC, order_id=-1), lambda reply: reply.order_id == 0),
    "BatchCancelOrders": (
        rpc.BatchCancelOrdersRequest(symbol=BTC, order_ids=[999]),
        lambda reply: [(one.index, one.code) for one in reply.errors] == [(0, 5)],
    ),
    "CancelAllOrders": (rpc.CancelAllOrdersRequest(symbol="XRPUSDT"), lambda reply: True),
    "GetOrder": (rpc.GetOrderRequest(symbol=BTC, order_id=-1), lambda reply: False),
    "GetOpenOrders": (rpc.GetOpenOrdersRequest(symbol="ADAUSDT"), lambda reply: not reply.orders),
    "GetAccount": (rpc.GetAccountRequest(), lambda reply: float(reply.available_balance.value) >= 0),
    "GetPositions": (rpc.GetPositionsRequest(symbol="ADAUSDT"), lambda reply: not reply.positions),
    "GetBalance": (rpc.GetBalanceRequest(asset="USDT"), lambda reply: float(reply.balance.value) > 0),
    "GetLatestPrice": (rpc.GetLatestPriceRequest(symbol=BTC), lambda reply: reply.price.value == "45000"),
    "GetTickers": (rpc.GetTickersRequest(), lambda reply: "ETHUSDT" in [one.symbol for one in reply.tickers]),
    "GetOpenInterest": (rpc.GetOpenInterestRequest(symbol=BTC), lambda reply: float(reply.open_interest.value) > 0),
    "GetHistoricalKlines": (
        rpc.GetHistoricalKlinesRequest(symbol=BTC, interval="1m", limit=3),
        lambda reply: [one.is_closed for one in reply.candles] == [True, True, False],
    ),
    "FetchExchangeInfo": (rpc.FetchExchangeInfoRequest(), lambda reply: True),
    "GetSymbolInfo": (rpc.GetSymbolInfoRequest(symbol=BTC), lambda reply: reply.base_asset == "BTC"),
    "GetSymbols": (rpc.GetSymbolsRequest(), lambda reply: BTC in reply.symbols),
    "GetFundingRate": (rpc.GetFundingRateRequest(symbol=BTC), lambda reply: reply.next_funding_time > reply.timestamp),
    "GetFundingRates": (rpc.GetFundingRatesRequest(), lambda reply: len(reply.rates) >= 2),
    "GetHistoricalFundingRates": (
        rpc.GetHistoricalFundingRatesRequest(symbol=BTC, limit=4), lambda reply: len(reply.rates) == 4,
    ),
}  # fmt: skip
STREAMS: dict[str, Any] = {
    "SubscribePrice": rpc.SubscribePriceRequest(symbols=[BTC, "ETHUSDT"]),
    "SubscribeKlines": rpc.SubscribeKlinesRequest(symbols=[BTC], interval="1m"),
    "SubscribeFundingRate": rpc.SubscribeFundingRateRequest(symbol=BTC),
    "SubscribeAccount": rpc.SubscribeAccountRequest(),
    "SubscribePositions": rpc.SubscribePositionsRequest(),
    "SubscribeOrders": rpc.SubscribeOrdersRequest(),
}


def test_the_tables_of_this_test_name_every_rpc_of_the_contract() -> None:
    service = rpc.DESCRIPTOR.services_by_name["ExchangeService"]
    assert {method.name for method in service.methods} == {*UNARY, *STREAMS}
    assert len(service.methods) == 28


@pytest.mark.parametrize("name", UNARY)
def test_unary(calls: Any, name: str) -> None:
    request, holds = UNARY[name]
    if name in ("CancelOrder", "GetOrder"):
        request.order_id = calls.PlaceOrder(limit()).order_id
        reply = getattr(calls, name)(request)
        assert name == "CancelOrder" or reply.order_id == request.order_id
    else:
        assert holds(getattr(calls, name)(request))


def test_prices_stand_still_and_tick_every_100_ms_for_each_symbol(calls: Any) -> None:
    stream = calls.SubscribePrice(rpc.SubscribePriceRequest(symbols=[BTC, "ETHUSDT", "DOGEUSDT"]))
    ticks = [next(stream) for _ in range(30)]
    stream.cancel()
    assert {(tick.symbol, tick.price.value) for tick in ticks} == {
        (BTC, "45000"), ("ETHUSDT", "3000"), ("DOGEUSDT", "100"),
    }  # fmt: skip
    times = [tick.timestamp.ToMilliseconds() for tick in ticks if tick.symbol == BTC]
    assert 85 <= (times[-1] - times[0]) / (len(times) - 1) <= 130
    assert abs(times[-1] / 1000 - time.time()) < 1


@pytest.mark.parametrize("name", ["SubscribeKlines", "SubscribeFundingRate", "SubscribeAccount"])
def test_streams_that_speak_at_once(calls: Any, name: str) -> None:
    stream = getattr(calls, name)(STREAMS[name])
    assert next(stream).ByteSize() > 0
    stream.cancel()


def test_a_fill_reaches_orders_account_and_the_filtered_positions_and_nobody_else() -> None:
    with Connector() as connector, connector.channel() as channel:
        calls = stub(channel)
        orders = calls.SubscribeOrders(rpc.SubscribeOrdersRequest())
        account = calls.SubscribeAccount(rpc.SubscribeAccountRequest())
        positions = calls.SubscribePositions(rpc.SubscribePositionsRequest(symbol=BTC))
        for stream in (orders, account, positions):
            stream.initial_metadata()
        assert not next(account).positions
        first = calls.PlaceOrder(market(symbol="ETHUSDT"))
        second = calls.PlaceOrder(market(client_order_id="mine"))
        assert (first.order_id, second.order_id) == (1001, 1002)
        assert second.status == types.ORDER_STATUS_FILLED
        assert second.avg_price.value == "45000"
        assert [next(orders).order_id for _ in range(2)] == [1001, 1002]
        assert [len(next(account).positions) for _ in range(2)] == [1, 2]
        assert next(positions).symbol == BTC
        late = calls.SubscribePositions(rpc.SubscribePositionsRequest(symbol=BTC))
        assert next(late).size.value == "0.5"
        calls.PlaceOrder(market(side=types.ORDER_SIDE_SELL))
        assert next(positions).size.value == next(late).size.value == "0"


def test_the_same_client_id_gives_the_same_order_also_when_many_race(calls: Any) -> None:
    with ThreadPoolExecutor(8) as pool:
        orders = list(pool.map(lambda _: calls.PlaceOrder(limit(client_order_id="race-1")), range(8)))
    assert len({order.order_id for order in orders}) == 1
    assert calls.GetOrder(rpc.GetOrderRequest(symbol=BTC, client_order_id="race-1")).order_id == orders[0].order_id


@pytest.mark.parametrize(
    ("name", "request_", "code"),
    [
        ("PlaceOrder", limit(symbol=""), "INVALID_ARGUMENT"),
        ("PlaceOrder", limit(symbol="no such"), "INVALID_ARGUMENT"),
        ("PlaceOrder", limit(side=0), "INVALID_ARGUMENT"),
        ("PlaceOrder", limit(quantity=Wire(value="-1")), "INVALID_ARGUMENT"),
        ("PlaceOrder", limit(quantity=Wire(value="NaN")), "INVALID_ARGUMENT"),
        ("PlaceOrder", limit(price=Wire(value="twelve")), "INVALID_ARGUMENT"),
        ("CancelOrder", rpc.CancelOrderRequest(symbol=BTC, order_id=7), "NOT_FOUND"),
        ("GetOrder", rpc.GetOrderRequest(symbol=BTC, order_id=7), "NOT_FOUND"),
        ("GetOrder", rpc.GetOrderRequest(symbol=BTC), "INVALID_ARGUMENT"),
        ("GetLatestPrice", rpc.GetLatestPriceRequest(), "INVALID_ARGUMENT"),
        ("GetHistoricalKlines", rpc.GetHistoricalKlinesRequest(symbol=BTC, interval="7m"), "INVALID_ARGUMENT"),
        ("GetHistoricalKlines", rpc.GetHistoricalKlinesRequest(symbol=BTC, limit=-1), "INVALID_ARGUMENT"),
    ],
)
def test_what_cannot_be_done_has_its_own_code(calls: Any, name: str, request_: Any, code: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        getattr(calls, name)(request_)
    assert refused.value.code().name == code
    assert refused.value.details()


@pytest.mark.parametrize(
    "request_",
    [
        rpc.SubscribePriceRequest(),
        rpc.SubscribePriceRequest(symbols=[""]),
        rpc.SubscribePriceRequest(symbols=["no such"]),
        rpc.SubscribePriceRequest(symbols=[f"A{number}USDT" for number in range(201)]),
    ],
)
def test_a_subscription_that_cannot_be_leaves_nothing_behind(mock: Connector, calls: Any, request_: Any) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        next(calls.SubscribePrice(request_))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert mock.settles("venue_subscriptions", 0) == 0
