"""The bitget backend over the simulated bitget: what every backend must do, and what is bitget's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

from . import any_venue
from . import stream_checks as streams
from . import venue_checks as checks
from .launched import Connector, stub
from .simulated import PASSPHRASE, Venue, keys, over

pytestmark = pytest.mark.self


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with Venue("bitget") as venue:
        yield venue


@pytest.fixture(scope="module")
def bitget(venue: Venue) -> Iterator[Connector]:
    with over(venue) as connector:
        yield connector


@pytest.fixture
def calls(bitget: Connector) -> Iterator[Any]:
    with bitget.channel() as channel:
        yield stub(channel)


def test_the_account_is_the_venues_to_the_last_digit(venue: Venue, calls: Any) -> None:
    checks.check_account(venue, calls)


def test_market_data_is_the_venues_in_base_coins(venue: Venue, calls: Any) -> None:
    checks.check_market(venue, calls)


def test_orders(venue: Venue, calls: Any) -> None:
    checks.check_orders(venue, calls)
    checks.check_batches(calls)
    checks.check_one_order_a_client_id(venue, calls, "/api/v2/mix/order/place-order")
    any_venue.check_kinds_of_orders(calls)


def test_more_orders_than_a_page(venue: Venue, calls: Any) -> None:
    checks.check_many_orders(venue, calls)


def test_failing_requests_have_the_contracts_code(venue: Venue, calls: Any) -> None:
    any_venue.check_transport(venue, calls, "/api/v2/mix/account/accounts")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (40012, "UNAUTHENTICATED"), (40018, "UNAUTHENTICATED"), (43012, "RESOURCE_EXHAUSTED"), (43001, "NOT_FOUND"),
        (40786, "ALREADY_EXISTS"), (22002, "FAILED_PRECONDITION"), (40015, "UNAVAILABLE"), (99999, "UNKNOWN"),
    ],
)  # fmt: skip
def test_bitgets_own_errors(venue: Venue, calls: Any, code: int, name: str) -> None:
    with checks.faulty(venue, "native_error", code=code, message="a reason", path="/api/v2/mix/account/accounts"):
        assert checks.refusal(lambda: calls.GetAccount(rpc.GetAccountRequest())) == name


def test_refusals(calls: Any) -> None:
    checks.check_refusals(calls)


def test_an_order_whose_reading_back_fails_is_not_told_as_refused(venue: Venue, calls: Any) -> None:
    # The reply to placing has nothing but ids, so the order is asked for; by its client id when that fails.
    with checks.faulty(venue, "native_error", how="rate limit", path="/api/v2/mix/order/detail", count=1):
        placed = calls.PlaceOrder(checks.limit(client_order_id=""))
    assert placed.status == types.ORDER_STATUS_NEW
    calls.CancelOrder(rpc.CancelOrderRequest(symbol=checks.BTC, order_id=placed.order_id))


def test_streams(venue: Venue, bitget: Connector) -> None:
    streams.check_public_streams(venue, bitget)
    streams.check_private_streams(venue, bitget)


def test_subscribing_while_all_moves(venue: Venue, bitget: Connector) -> None:
    any_venue.check_subscribing_while_all_moves(venue, bitget)


def test_prices_and_funding_share_a_channel_and_either_may_go(venue: Venue, bitget: Connector) -> None:
    assert bitget.settles("venue_sockets", 0) == 0
    with streams.following(bitget, streams.PRICE) as (prices,):
        with streams.following(bitget, streams.FUNDING) as (funding,):
            venue.do(lambda control: control.move_funding(checks.BTC))
            assert funding.has(1)
            assert venue.do(lambda control: control.meters()).sockets_now == bitget.look()["venue_sockets"] == 1
        first = venue.do(lambda control: control.serial())
        venue.do(lambda control: control.move_price(checks.BTC, times=3))
        streams.check_prices(venue, first, prices, checks.BTC)


def test_one_socket_an_endpoint_and_nothing_is_left_behind(venue: Venue, bitget: Connector) -> None:
    with streams.following(
        bitget, streams.PRICE, streams.KLINES, streams.FUNDING, streams.ACCOUNT, streams.ORDERS, streams.ORDERS
    ):
        assert venue.do(lambda control: control.meters()).sockets_now == bitget.look()["venue_sockets"] == 2
    assert bitget.settles("venue_sockets", 0) == 0
    streams.check_rounds_leave_nothing(bitget)


def test_lost_sockets(venue: Venue, bitget: Connector) -> None:
    streams.check_lost_sockets(venue, bitget, "reset")


def test_refused_frames(venue: Venue, bitget: Connector) -> None:
    streams.check_refused_frames(venue, bitget, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "env", [{"PASSPHRASE": "another-phrase"}, {"PASSPHRASE": "-"}, {"API_SECRET": "another-secret"}]
)
def test_bad_credentials_never_open_the_port(venue: Venue, env: dict[str, str]) -> None:
    with Connector(env=keys(venue) | env, wait=False) as connector:
        assert connector.exit_code() == 1
        assert connector.line("Credential validation failed").level == "FATAL"
        assert PASSPHRASE not in connector.output
        assert not any(line.message == "serving" for line in connector.log())
