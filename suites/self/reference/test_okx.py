"""The okx backend over the simulated venue: contracts as base coins, three addresses, refusals under success."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.type.decimal_pb2 import Decimal as Wire

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

from . import venue_checks as checks
from .launched import Connector, stub
from .simulated import PASSPHRASE, Venue, keys, over

pytestmark = pytest.mark.self


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with Venue("okx") as venue:
        yield venue


@pytest.fixture(scope="module")
def okx(venue: Venue) -> Iterator[Connector]:
    with over(venue) as connector:
        yield connector


@pytest.fixture
def calls(okx: Connector) -> Iterator[Any]:
    with okx.channel() as channel:
        yield stub(channel)


def test_the_account_is_the_venues_to_the_last_digit(venue: Venue, calls: Any) -> None:
    checks.check_account(venue, calls)


def test_market_data_is_the_venues_with_contracts_as_base_coins(venue: Venue, calls: Any) -> None:
    checks.check_market(venue, calls)


def test_orders(venue: Venue, calls: Any) -> None:
    checks.check_orders(venue, calls)
    checks.check_batches(calls)
    checks.check_one_order_a_client_id(venue, calls, "/api/v5/trade/order")


def test_more_orders_than_a_page_and_a_batch(venue: Venue, calls: Any) -> None:
    checks.check_many_orders(venue, calls)


def test_refusals(venue: Venue, calls: Any) -> None:
    checks.check_refusals(calls)
    with checks.faulty(venue, "refusal_form"):
        too_much = checks.limit(quantity=Wire(value="900"))
        assert checks.refusal(lambda: calls.PlaceOrder(too_much)) == "RESOURCE_EXHAUSTED"
        unknown = rpc.CancelOrderRequest(symbol=checks.BTC, order_id=12)
        assert checks.refusal(lambda: calls.CancelOrder(unknown)) == "NOT_FOUND"


@pytest.mark.parametrize(
    ("knob", "code"),
    [
        ({"code": 50111}, "UNAUTHENTICATED"),
        ({"code": 50105}, "UNAUTHENTICATED"),
        ({"code": 50102}, "UNAUTHENTICATED"),
        ({"code": 50011, "status": 429}, "RESOURCE_EXHAUSTED"),
        ({"code": 51016}, "ALREADY_EXISTS"),
        ({"code": 50001, "status": 503}, "UNAVAILABLE"),
        ({"code": 50013}, "UNAVAILABLE"),
        ({"code": 51169}, "FAILED_PRECONDITION"),
        ({"code": 99999}, "UNKNOWN"),
        ({"kind": "http_status", "status": 502, "how": "html"}, "UNAVAILABLE"),
        ({"kind": "http_status", "status": 429, "how": "html"}, "RESOURCE_EXHAUSTED"),
        ({"kind": "http_status", "status": 200, "how": "truncated"}, "UNAVAILABLE"),
    ],
)
def test_native_errors_have_the_contracts_code(venue: Venue, calls: Any, knob: dict[str, Any], code: str) -> None:
    kind = knob.get("kind", "native_error")
    more = {"message": "a reason"} if kind == "native_error" else {}
    with checks.faulty(venue, **{"kind": kind, **more, **knob}, path="/api/v5/account/balance"):
        assert checks.refusal(lambda: calls.GetAccount(rpc.GetAccountRequest())) == code


def test_streams(venue: Venue, okx: Connector) -> None:
    checks.check_public_streams(venue, okx)
    checks.check_private_streams(venue, okx)


def test_candles_have_a_socket_of_their_own_and_nothing_is_left_behind(venue: Venue, okx: Connector) -> None:
    with checks.following(okx, checks.PRICE, checks.KLINES, checks.FUNDING, checks.ACCOUNT, checks.ORDERS):
        assert venue.do(lambda control: control.meters()).sockets_now == okx.look()["venue_sockets"] == 3
    assert okx.settles("venue_sockets", 0) == 0
    checks.check_rounds_leave_nothing(okx)


def test_a_busy_moments_connections_are_closed_though_the_venue_is_asked_for_ever(
    venue: Venue, okx: Connector, calls: Any
) -> None:
    calls.GetAccount(rpc.GetAccountRequest())
    before = okx.at_rest("descriptors", for_s=4)  # longer than an idle connection is kept
    with checks.faulty(venue, "delay", delay_s=0.5, path="/api/v5/account/balance"):
        at_once = [calls.GetAccount.future(rpc.GetAccountRequest()) for _ in range(4)]
        for call in at_once:
            call.result(timeout=10)
    assert okx.look()["descriptors"] > before, "the calls waited for one another: this proves nothing"
    assert okx.settles("descriptors", before, 15) == before


@pytest.mark.parametrize("how", ["close", "reset"])
def test_lost_sockets(venue: Venue, okx: Connector, how: str) -> None:
    checks.check_lost_sockets(venue, okx, how)


def test_refused_frames(venue: Venue, okx: Connector) -> None:
    checks.check_refused_frames(venue, okx, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "env", [{"PASSPHRASE": "another-phrase"}, {"PASSPHRASE": "-"}, {"API_SECRET": "another-secret"}]
)
def test_bad_credentials_never_open_the_port(venue: Venue, env: dict[str, str]) -> None:
    with Connector(env=keys(venue) | env, wait=False) as connector:
        assert connector.exit_code() == 1
        assert connector.line("Credential validation failed").level == "FATAL"
        assert PASSPHRASE not in connector.output
        assert not any(line.message == "serving" for line in connector.log())
