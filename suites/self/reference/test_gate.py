"""The gate backend over the simulated gate: what every backend must do, and what is gate's own."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from google.type.decimal_pb2 import Decimal as Wire

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

from . import any_venue
from . import stream_checks as streams
from . import venue_checks as checks
from .launched import Connector, stub
from .simulated import PASSPHRASE, Venue, keys, over

pytestmark = pytest.mark.self


@pytest.fixture(scope="module")
def venue() -> Iterator[Venue]:
    with Venue("gate") as venue:
        yield venue


@pytest.fixture(scope="module")
def gate(venue: Venue) -> Iterator[Connector]:
    with over(venue) as connector:
        yield connector


@pytest.fixture
def calls(gate: Connector) -> Iterator[Any]:
    with gate.channel() as channel:
        yield stub(channel)


def test_the_account_is_the_venues_to_the_last_digit(venue: Venue, calls: Any) -> None:
    checks.check_account(venue, calls)


def test_market_data_is_the_venues_in_base_coins(venue: Venue, calls: Any) -> None:
    checks.check_market(venue, calls)


def test_orders(venue: Venue, calls: Any) -> None:
    checks.check_orders(venue, calls)
    checks.check_batches(calls)
    checks.check_one_order_a_client_id(venue, calls, "/api/v4/futures/usdt/orders")
    any_venue.check_kinds_of_orders(calls)


def test_more_orders_than_a_page(venue: Venue, calls: Any) -> None:
    checks.check_many_orders(venue, calls)


def test_failing_requests_have_the_contracts_code(venue: Venue, calls: Any) -> None:
    any_venue.check_transport(venue, calls, "/api/v4/futures/usdt/accounts")


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("READ_ONLY", "UNAUTHENTICATED"), ("BALANCE_NOT_ENOUGH", "RESOURCE_EXHAUSTED"),
        ("TOO_FAST", "RESOURCE_EXHAUSTED"), ("POC_FILL_IMMEDIATELY", "FAILED_PRECONDITION"),
        ("POSITION_EMPTY", "FAILED_PRECONDITION"), ("ORDER_FINISHED", "NOT_FOUND"), ("TOO_BUSY", "UNAVAILABLE"),
        ("NEVER_HEARD_OF", "UNKNOWN"),
    ],
)  # fmt: skip
def test_gates_own_errors(venue: Venue, calls: Any, label: str, name: str) -> None:
    with checks.faulty(
        venue, "native_error", code=1, message=f"{label}: a reason", path="/api/v4/futures/usdt/accounts"
    ):
        assert checks.refusal(lambda: calls.GetAccount(rpc.GetAccountRequest())) == name


def test_refusals(calls: Any) -> None:
    told = [checks.refusal(partial(getattr(calls, name), request)) for name, request, _ in checks.REFUSED]
    assert told == [code for _, _, code in checks.REFUSED]
    taking = checks.limit(price=Wire(value="60000"), post_only=True)
    assert checks.refusal(lambda: calls.PlaceOrder(taking)) == "FAILED_PRECONDITION"


def test_quantities_are_base_coins_to_the_last_contract(calls: Any) -> None:
    # 0.001 coins are one contract of BTC_USDT here: half a contract is the venue's to refuse, never ours to cut.
    placed = calls.PlaceOrder(checks.limit(quantity=Wire(value="1.2340"), price=Wire(value="20000")))
    assert checks.same(placed.quantity, "1.234")
    calls.CancelOrder(rpc.CancelOrderRequest(symbol=checks.BTC, order_id=placed.order_id))
    halves = checks.limit(quantity=Wire(value="1.2345"))
    assert checks.refusal(lambda: calls.PlaceOrder(halves)) == "INVALID_ARGUMENT"


def test_a_wallet_of_many_digits_is_not_rounded(venue: Venue, gate: Connector) -> None:
    # The socket tells the balance as a JSON number: read as a float it would lose its last digits.
    with streams.following(gate, streams.ACCOUNT) as (account,):
        account.has(1)
        venue.do(lambda control: control.change_balance("90000000000.12345678"))
        wallet = venue.do(lambda control: control.state()).account.wallet_balance
        assert checks.same(account.has(2)[1].total_wallet_balance, wallet)
        venue.do(lambda control: control.change_balance("-90000000000.12345678"))


def test_streams(venue: Venue, gate: Connector) -> None:
    streams.check_public_streams(venue, gate)
    any_venue.check_private_streams(venue, gate)


def test_subscribing_while_all_moves(venue: Venue, gate: Connector) -> None:
    any_venue.check_subscribing_while_all_moves(venue, gate)


def test_prices_and_funding_share_a_channel_and_either_may_go(venue: Venue, gate: Connector) -> None:
    assert gate.settles("venue_sockets", 0) == 0
    with streams.following(gate, streams.PRICE) as (prices,):
        with streams.following(gate, streams.FUNDING) as (funding,):
            venue.do(lambda control: control.move_funding(checks.BTC))
            assert funding.has(1)
            assert venue.do(lambda control: control.meters()).sockets_now == gate.look()["venue_sockets"] == 1
        first = venue.do(lambda control: control.serial())
        venue.do(lambda control: control.move_price(checks.BTC, times=3))
        streams.check_prices(venue, first, prices, checks.BTC)


def test_one_socket_an_endpoint_and_nothing_is_left_behind(venue: Venue, gate: Connector) -> None:
    with streams.following(
        gate, streams.PRICE, streams.KLINES, streams.FUNDING, streams.ACCOUNT, streams.ORDERS, streams.ORDERS
    ):
        assert venue.do(lambda control: control.meters()).sockets_now == gate.look()["venue_sockets"] == 2
    assert gate.settles("venue_sockets", 0) == 0
    streams.check_rounds_leave_nothing(gate)


def test_lost_sockets(venue: Venue, gate: Connector) -> None:
    streams.check_lost_sockets(venue, gate, "reset")


def test_refused_frames(venue: Venue, gate: Connector) -> None:
    streams.check_refused_frames(venue, gate, "UNAUTHENTICATED")


@pytest.mark.parametrize("env", [{"API_KEY": "another-key"}, {"API_KEY": "-"}, {"API_SECRET": "another-secret"}])
def test_bad_credentials_never_open_the_port(venue: Venue, env: dict[str, str]) -> None:
    with Connector(env=keys(venue) | env, wait=False) as connector:
        assert connector.exit_code() == 1
        assert connector.line("Credential validation failed").level == "FATAL"
        assert PASSPHRASE not in connector.output
        assert not any(line.message == "serving" for line in connector.log())
