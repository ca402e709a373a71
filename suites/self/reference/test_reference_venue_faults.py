"""When the venue fails: bad credentials never open the port, lost sockets end streams, health follows."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

from .launched import Connector, stub
from .simulated import KEY, SECRET, Venue, over
from .test_reference_streams import BTC, Follower, assert_each_once, spelled

pytestmark = pytest.mark.self

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
def healed(venue: Venue) -> Iterator[Venue]:
    yield venue
    venue.heal()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "env",
    [
        {"API_KEY": "wrongkey0123456789"},
        {"API_SECRET": "wrongsecret0123456789"},
        {"BASE_URL": "http://127.0.0.1:9"},
    ],
)
def test_bad_credentials_never_open_the_port(venue: Venue, env: dict[str, str]) -> None:
    port = free_port()
    keys = {"EXCHANGE": "binance", "BASE_URL": venue.base_url, "API_KEY": KEY, "API_SECRET": SECRET, "PORT": str(port)}
    with Connector(env=keys | env, wait=False) as connector:
        connects = 0
        while connector.process.poll() is None:
            with socket.socket() as attempt:
                connects += attempt.connect_ex(("127.0.0.1", port)) == 0
            time.sleep(0.05)
        assert connector.exit_code() == 1
        assert connects == 0
        assert connector.line("Credential validation failed").level == "FATAL"
        for secret in (*(keys | env).values(),):
            assert len(secret) < 16 or secret.startswith("http") or secret not in connector.output


def test_a_venue_that_never_answers_ends_the_start_within_the_limit(healed: Venue) -> None:
    healed.fault("refuse", how="hang")
    began_s = time.monotonic()
    with Connector(
        env={"EXCHANGE": "binance", "BASE_URL": healed.base_url, "API_KEY": KEY, "API_SECRET": SECRET}, wait=False
    ) as connector:
        assert connector.exit_code(35) == 1
        assert connector.line("Credential validation failed")
    assert time.monotonic() - began_s < 35


@pytest.mark.parametrize("how", ["close", "no_close_frame", "reset"])
def test_a_lost_venue_socket_ends_the_streams_at_once_and_they_can_be_had_again(
    healed: Venue, binance: Connector, how: str
) -> None:
    prices = Follower(binance, "SubscribePrice", rpc.SubscribePriceRequest(symbols=[BTC]))
    account = Follower(binance, "SubscribeAccount", rpc.SubscribeAccountRequest())
    healed.fault("drop_sockets", how=how)
    for follower in (prices, account):
        assert follower.ended(1.0).code() is grpc.StatusCode.UNAVAILABLE
        follower.close()
    again = Follower(binance, "SubscribePrice", rpc.SubscribePriceRequest(symbols=[BTC]))
    first = healed.do(lambda control: control.serial())
    healed.do(lambda control: control.move_price(BTC, times=3))
    updates = healed.ledger(first, "prices")
    assert_each_once([(one.symbol, spelled(one.price.value)) for one in again.has(len(updates))], updates)
    again.close()


def test_an_ended_listen_key_ends_the_private_streams_only(healed: Venue, binance: Connector) -> None:
    prices = Follower(binance, "SubscribePrice", rpc.SubscribePriceRequest(symbols=[BTC]))
    orders = Follower(binance, "SubscribeOrders", rpc.SubscribeOrdersRequest())
    healed.fault("expire_listen_key", how="event")
    assert orders.ended(1.0).code() is grpc.StatusCode.UNAVAILABLE
    assert prices.error is None
    again = Follower(binance, "SubscribeOrders", rpc.SubscribeOrdersRequest())
    healed.do(lambda control: control.place_resting(BTC))
    assert len(again.has(1)) == 1
    assert binance.settles("venue_sockets", 2) == 2
    for follower in (prices, orders, again):
        follower.close()


def test_health_follows_the_venue_within_5_and_10_seconds(healed: Venue) -> None:
    with over(healed) as connector, connector.channel() as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watch).status == SERVING
        healed.fault("maintenance")
        began_s = time.monotonic()
        assert next(watch).status == NOT_SERVING
        assert time.monotonic() - began_s <= 5
        with pytest.raises(grpc.RpcError) as refused:
            stub(channel).GetAccount(rpc.GetAccountRequest())
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        healed.heal()
        began_s = time.monotonic()
        assert next(watch).status == SERVING
        assert time.monotonic() - began_s <= 10
        assert connector.stop() == 0


def test_a_refused_stream_endpoint_alone_is_a_failed_venue_too(healed: Venue, binance: Connector) -> None:
    prices = Follower(binance, "SubscribePrice", rpc.SubscribePriceRequest(symbols=[BTC]))
    healed.fault("refuse_upgrade")
    healed.fault("drop_sockets", how="close", count=1)
    assert prices.ended(1.0).code() is grpc.StatusCode.UNAVAILABLE
    prices.close()
    with binance.channel() as channel:
        watch: Any = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        while next(watch).status != NOT_SERVING:
            pass
        healed.heal()
        began_s = time.monotonic()
        assert next(watch).status == SERVING
        assert time.monotonic() - began_s <= 10
        watch.cancel()
    assert binance.settles("venue_sockets", 0) == 0
