"""The null server answers grpcio's own client as any gRPC server would, and streams as it was told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from harness.wire.opensqt.market_maker.v1 import exchange_pb2, exchange_pb2_grpc, resources_pb2, types_pb2

pytestmark = pytest.mark.self

SUBSCRIPTION = exchange_pb2.SubscribePriceRequest(symbols=["BTCUSDT"])


@contextmanager
def null_server(rate_per_s: float = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.reference.null_server", "--port", "0"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "RATE_PER_S": str(rate_per_s)},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline().split("\t")[3])["port"]
        yield f"127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def stub(channel: grpc.Channel) -> exchange_pb2_grpc.ExchangeServiceStub:
    return exchange_pb2_grpc.ExchangeServiceStub(channel)  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with null_server() as (served, _process):
        yield served


@pytest.fixture
def channel(address: str) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(address) as opened:
        yield opened


def test_constant_answers(channel: grpc.Channel) -> None:
    exchange = stub(channel)
    for _ in range(200):  # past the first, the requests' header blocks are remembered ones
        assert exchange.GetName(exchange_pb2.GetNameRequest(), timeout=5).name == "null"
        assert exchange.GetType(exchange_pb2.GetTypeRequest(), timeout=5).type == types_pb2.EXCHANGE_TYPE_FUTURES
    account = exchange.GetAccount(exchange_pb2.GetAccountRequest(), timeout=5)
    assert account.total_wallet_balance.value == "10000"
    order = exchange.PlaceOrder(resources_pb2.PlaceOrderRequest(symbol="BTCUSDT"), timeout=5)
    assert order.status == types_pb2.ORDER_STATUS_NEW


def test_a_method_it_does_not_have(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        stub(channel).GetTickers(exchange_pb2.GetTickersRequest(), timeout=5)
    assert refused.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_health(channel: grpc.Channel) -> None:
    health = health_pb2_grpc.HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service="opensqt.market_maker.v1.ExchangeService")
    assert health.Check(request, timeout=5).status == health_pb2.HealthCheckResponse.SERVING
    watch = health.Watch(request, timeout=5)
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    watch.cancel()


def test_a_request_larger_than_the_windows(channel: grpc.Channel) -> None:
    order = resources_pb2.PlaceOrderRequest(symbol="B" * 1_000_000)
    for _ in range(3):
        assert stub(channel).PlaceOrder(order, timeout=5).order_id == 1


def test_prices_are_numbered_and_stamped_and_several_clients_have_their_own(channel: grpc.Channel) -> None:
    exchange = stub(channel)
    streams = [exchange.SubscribePrice(SUBSCRIPTION, timeout=20) for _ in range(2)]
    for stream in streams:
        last_ns = 0
        for number in range(1, 5001):  # several windows' worth
            price = next(stream)
            sent_ns = price.timestamp.ToNanoseconds()
            assert (price.symbol, price.price.value) == ("BTCUSDT", str(number))
            assert last_ns <= sent_ns <= time.time_ns()
            last_ns = sent_ns
    assert exchange.GetName(exchange_pb2.GetNameRequest(), timeout=5).name == "null"
    for stream in streams:
        stream.cancel()


def test_a_rate_is_kept() -> None:
    with null_server(rate_per_s=500) as (address, _process), grpc.insecure_channel(address) as channel:
        stream = stub(channel).SubscribePrice(SUBSCRIPTION, timeout=20)
        stamps = [next(stream).timestamp.ToNanoseconds() for _ in range(501)]
        stream.cancel()
    assert 0.99 <= (stamps[-1] - stamps[0]) / 1e9 <= 1.5  # never faster; slower only as far as this machine is busy


def test_sigterm_ends_it() -> None:
    with null_server() as (_address, process):
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_taken_port_is_said_in_one_line(address: str) -> None:
    port = address.rpartition(":")[2]
    ran = subprocess.run(
        [sys.executable, "-m", "harness.reference.null_server", "--port", port],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert "\tFATAL\tthe null server cannot serve\t" in ran.stdout
    assert ran.stderr == ""
