"""Locust over grpcio with gevent, as Locust's documentation shows it: an interceptor that times, constant_throughput.

NAIVE_RATE_PER_S=20 NAIVE_ANSWER=FILE locust -f naive_locustfile.py --headless -u 10 -r 10 -t 8s --host HOST:PORT
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped,unused-ignore]
import grpc
import grpc.experimental.gevent as grpc_gevent
from locust import User, constant_throughput, events, task
from locust.exception import StopUser

from harness.wire.opensqt.market_maker.v1 import exchange_pb2, exchange_pb2_grpc

grpc_gevent.init_gevent()

RATE_PER_S = float(os.environ["NAIVE_RATE_PER_S"])
"""Of each user; 0: it reads a stream instead."""
timed: list[tuple[int, int]] = []
"""Begin and end, Unix ns."""


class Timing(grpc.UnaryUnaryClientInterceptor):
    """Times each call."""

    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        began_ns = time.time_ns()
        response = continuation(details, request)
        response.result()
        timed.append((began_ns, time.time_ns()))
        took_ms = (timed[-1][1] - began_ns) / 1e6
        events.request.fire(  # type: ignore[no-untyped-call]
            request_type="grpc",
            name="GetAccount",
            response_time=took_ms,
            response_length=0,
            exception=None,
            context={},
        )
        return response


class GrpcUser(User):
    """One of the documentation's users."""

    wait_time = constant_throughput(RATE_PER_S or 1.0)

    def __init__(self, environment: Any) -> None:
        super().__init__(environment)
        self._channel = grpc.intercept_channel(grpc.insecure_channel(environment.host), Timing())
        self._stub = exchange_pb2_grpc.ExchangeServiceStub(self._channel)  # type: ignore[no-untyped-call]

    @task
    def work(self) -> None:
        """One call, or the stream."""
        if RATE_PER_S:
            self._stub.GetAccount(exchange_pb2.GetAccountRequest(), timeout=5)
            return
        try:
            for price in self._stub.SubscribePrice(exchange_pb2.SubscribePriceRequest(symbols=["BTCUSDT"])):
                stamp_ns = price.timestamp.seconds * 1_000_000_000 + price.timestamp.nanos
                timed.append((stamp_ns, time.time_ns()))
                gevent.sleep(0)
        except grpc.RpcError:
            raise StopUser from None


@events.quitting.add_listener  # type: ignore[untyped-decorator]
def _answer(**_: Any) -> None:
    Path(os.environ["NAIVE_ANSWER"]).write_text(json.dumps(timed))
