"""The bybit backend over the simulated venue: UUIDs as numbers, one topic for prices and funding, deltas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference.connector.backends.network.order_ids import OrderIds
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

from . import venue_checks as checks
from .launched import Connector, stub
from .simulated import Venue, keys, over

pytestmark = pytest.mark.self


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with Venue("bybit") as venue:
        yield venue


@pytest.fixture(scope="module")
def bybit(venue: Venue) -> Iterator[Connector]:
    with over(venue) as connector:
        yield connector


@pytest.fixture
def calls(bybit: Connector) -> Iterator[Any]:
    with bybit.channel() as channel:
        yield stub(channel)


def test_the_account_is_the_venues_to_the_last_digit(venue: Venue, calls: Any) -> None:
    checks.check_account(venue, calls)


def test_market_data_is_the_venues(venue: Venue, calls: Any) -> None:
    checks.check_market(venue, calls)


def test_orders(venue: Venue, calls: Any) -> None:
    checks.check_orders(venue, calls)
    checks.check_batches(calls)
    checks.check_one_order_a_client_id(venue, calls, "/v5/order/create")


def test_more_orders_than_a_page(venue: Venue, calls: Any) -> None:
    checks.check_many_orders(venue, calls)


def test_refusals(calls: Any) -> None:
    checks.check_refusals(calls)


def test_an_order_keeps_its_number_in_another_process(venue: Venue, calls: Any) -> None:
    resting, done = calls.PlaceOrder(checks.limit()), calls.PlaceOrder(checks.limit())
    calls.CancelOrder(rpc.CancelOrderRequest(symbol=checks.BTC, order_id=done.order_id))
    with over(venue) as second, second.channel() as channel:
        others = stub(channel)
        assert others.GetOrder(rpc.GetOrderRequest(symbol=checks.BTC, order_id=resting.order_id)) == resting
        found = others.GetOrder(rpc.GetOrderRequest(symbol=checks.BTC, order_id=done.order_id))
        assert found.client_order_id == done.client_order_id
    with over(venue) as third, third.channel() as channel:
        others = stub(channel)
        others.CancelOrder(rpc.CancelOrderRequest(symbol=checks.BTC, order_id=resting.order_id))
        assert not others.GetOpenOrders(rpc.GetOpenOrdersRequest()).orders


def test_numeric_order_ids_are_numbers(venue: Venue, calls: Any) -> None:
    with checks.faulty(venue, "field_form", how="other_id"):
        placed = calls.PlaceOrder(checks.limit())
        own = venue.do(lambda control: control.order(client_order_id=placed.client_order_id))
        assert own is not None
        assert placed.order_id == int(own.order_id)
        calls.CancelOrder(rpc.CancelOrderRequest(symbol=checks.BTC, order_id=placed.order_id))


@given(st.lists(st.uuids().map(str) | st.integers(1, 2**62).map(str) | st.text(min_size=1, max_size=40), unique=True))
def test_numbers_are_positive_int64_one_an_id_and_lead_back(texts: list[str]) -> None:
    ids = OrderIds()
    numbers = [ids.number(text) for text in texts]
    assert len(set(numbers)) == len(texts)
    assert all(0 < number < 2**63 for number in numbers)
    assert [ids.text(number) for number in numbers] == texts
    assert [ids.number(text) for text in texts] == numbers


@pytest.mark.parametrize(
    ("knob", "code"),
    [
        ({"code": 10003}, "UNAUTHENTICATED"),
        ({"code": 10004}, "UNAUTHENTICATED"),
        ({"code": 10002}, "UNAUTHENTICATED"),
        ({"code": 10006}, "RESOURCE_EXHAUSTED"),
        ({"code": 10018, "status": 403}, "RESOURCE_EXHAUSTED"),
        ({"code": 110072}, "ALREADY_EXISTS"),
        ({"code": 10016}, "UNAVAILABLE"),
        ({"code": 110017}, "FAILED_PRECONDITION"),
        ({"code": 99999}, "UNKNOWN"),
        ({"kind": "http_status", "status": 502, "how": "html"}, "UNAVAILABLE"),
        ({"kind": "http_status", "status": 429, "how": "html"}, "RESOURCE_EXHAUSTED"),
        ({"kind": "http_status", "status": 200, "how": "truncated"}, "UNAVAILABLE"),
    ],
)
def test_native_errors_have_the_contracts_code(venue: Venue, calls: Any, knob: dict[str, Any], code: str) -> None:
    kind = knob.get("kind", "native_error")
    more = {"message": "a reason"} if kind == "native_error" else {}
    with checks.faulty(venue, **{"kind": kind, **more, **knob}, path="/v5/account/wallet-balance"):
        assert checks.refusal(lambda: calls.GetAccount(rpc.GetAccountRequest())) == code


def test_streams(venue: Venue, bybit: Connector) -> None:
    checks.check_public_streams(venue, bybit)
    checks.check_private_streams(venue, bybit)


def test_prices_and_funding_share_a_topic_until_both_have_gone(venue: Venue, bybit: Connector) -> None:
    with checks.following(bybit, checks.FUNDING) as (funding,):
        with checks.following(bybit, checks.PRICE) as (prices,):
            held = venue.do(lambda control: control.meters()).subscriptions
            assert [one.channel for one in held if one.symbol] == ["tickers"]
            first = venue.do(lambda control: control.serial())
            venue.do(lambda control: control.move_funding(checks.BTC))
            venue.do(lambda control: control.move_price(checks.BTC))
            checks.check_prices(venue, first, prices, checks.BTC)  # that of funding repeats the price, no update
        before = len(funding.has(1))
        assert bybit.settles("venue_subscriptions", 1) == 1
        venue.do(lambda control: control.move_funding(checks.BTC))
        assert len(funding.has(before + 1)) == before + 1
    assert bybit.settles("venue_sockets", 0) == 0


def test_a_delta_without_the_price_is_no_price(venue: Venue, bybit: Connector) -> None:
    with checks.following(bybit, checks.PRICE) as (prices,):
        with checks.faulty(venue, "bare_delta"):
            venue.do(lambda control: control.move_price(checks.BTC, times=3))
        first = venue.do(lambda control: control.serial())
        venue.do(lambda control: control.move_price(checks.BTC))
        checks.check_prices(venue, first, prices, checks.BTC)


def test_one_socket_an_endpoint_and_nothing_is_left_behind(venue: Venue, bybit: Connector) -> None:
    with checks.following(bybit, checks.PRICE, checks.KLINES, checks.FUNDING, checks.ACCOUNT, checks.ORDERS):
        assert venue.do(lambda control: control.meters()).sockets_now == bybit.look()["venue_sockets"] == 2
    assert bybit.settles("venue_sockets", 0) == 0
    checks.check_rounds_leave_nothing(bybit)


@pytest.mark.parametrize("how", ["close", "reset"])
def test_lost_sockets(venue: Venue, bybit: Connector, how: str) -> None:
    checks.check_lost_sockets(venue, bybit, how)


def test_refused_frames(venue: Venue, bybit: Connector) -> None:
    checks.check_refused_frames(venue, bybit, "UNAUTHENTICATED")


def test_bad_credentials_never_open_the_port(venue: Venue) -> None:
    with Connector(env=keys(venue) | {"API_SECRET": "another-secret"}, wait=False) as connector:
        assert connector.exit_code() == 1
        assert connector.line("Credential validation failed").level == "FATAL"
        assert not any(line.message == "serving" for line in connector.log())
