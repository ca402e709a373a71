"""Run as a program: a grpcio server with a known, planted behaviour; its first line is its port, its last its truth.

    python -m suites.self.truth.servers plain|sleepy|stalling|shuffled|steady:MS [messages a second]

PlaceOrder answers the request's client order id; what the server itself made a call wait is told on SIGTERM as JSON:
client order id -> [from, to] in Unix ns of this host.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures

import grpc

from harness.wire.opensqt.market_maker.v1 import events_pb2, exchange_pb2, resources_pb2

SERVICE = "opensqt.market_maker.v1.ExchangeService"
SLEEP_S, EVERY = 0.005, 100
"""sleepy: 1 % of the calls."""
STALL_S, PERIOD_S = 0.5, 1.0
"""stalling: no answer at all for the first half of each second."""
HAND, APART_S = 4, 0.002
"""shuffled: so many calls are gathered, then answered the last one first, so far apart."""
GATHER_LIMIT_S = 0.1
_THREADS = 64


class Planted:
    """What makes a call wait, and for how long it did."""

    def __init__(self, kind: str) -> None:
        kind, _, ms = kind.partition(":")
        kinds: dict[str, Callable[[], None]] = {
            "plain": _nothing, "sleepy": self._sleep, "stalling": self._stall, "shuffled": self._shuffle,
            "steady": lambda: time.sleep(float(ms) / 1000),
        }  # fmt: skip
        self.wait = kinds[kind]
        self.truth: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()
        self._number = 0
        self._hand: list[threading.Event] = []

    def _sleep(self) -> None:
        with self._lock:
            self._number += 1
            mine = self._number % EVERY == 0
        if mine:
            time.sleep(SLEEP_S)

    def _stall(self) -> None:
        into_s = time.time() % PERIOD_S
        if into_s < STALL_S:
            time.sleep(STALL_S - into_s)

    def _shuffle(self) -> None:
        mine = threading.Event()
        with self._lock:
            self._hand.append(mine)
            hand, self._hand = (self._hand, []) if len(self._hand) == HAND else ([], self._hand)
        for number, other in enumerate(reversed(hand)):
            if number:
                time.sleep(APART_S)
            other.set()
        mine.wait(GATHER_LIMIT_S)


def _nothing() -> None:
    pass


class Exchange:
    """The few methods that the truth needs."""

    def __init__(self, planted: Planted, rate_per_s: float) -> None:
        self._planted = planted
        self._rate_per_s = rate_per_s

    def place_order(self, request: resources_pb2.PlaceOrderRequest, _: object) -> resources_pb2.Order:
        from_ns = time.time_ns()
        self._planted.wait()
        self._planted.truth[request.client_order_id] = (from_ns, time.time_ns())
        return resources_pb2.Order(order_id=1, client_order_id=request.client_order_id, symbol=request.symbol)

    def get_account(self, _request: object, _: object) -> resources_pb2.Account:
        return resources_pb2.Account()

    def prices(self, _request: object, context: grpc.ServicerContext) -> Iterator[events_pb2.PriceChange]:
        context.send_initial_metadata(())
        due_s, number = time.monotonic(), 0
        while context.is_active():
            number, due_s = number + 1, due_s + 1 / self._rate_per_s
            if (left_s := due_s - time.monotonic()) > 0:
                time.sleep(left_s)
            price = events_pb2.PriceChange(exchange="truth", symbol="BTCUSDT")
            price.price.value = str(number)
            price.timestamp.seconds, price.timestamp.nanos = divmod(time.time_ns(), 1_000_000_000)
            yield price


def main() -> None:
    planted = Planted(sys.argv[1])
    exchange = Exchange(planted, float(sys.argv[2]) if len(sys.argv) > 2 else 1000.0)
    unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
    place, account, prices = (
        resources_pb2.PlaceOrderRequest,
        exchange_pb2.GetAccountRequest,
        exchange_pb2.SubscribePriceRequest,
    )
    handlers: dict[str, grpc.RpcMethodHandler] = {  # type: ignore[type-arg]
        "PlaceOrder": unary(exchange.place_order, place.FromString, resources_pb2.Order.SerializeToString),
        "GetAccount": unary(exchange.get_account, account.FromString, resources_pb2.Account.SerializeToString),
        "SubscribePrice": stream(exchange.prices, prices.FromString, events_pb2.PriceChange.SerializeToString),
    }
    server = grpc.server(futures.ThreadPoolExecutor(_THREADS))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: asked.set())
    server.start()
    print(port, flush=True)  # noqa: T201 (this program's answer)
    asked.wait()
    server.stop(0).wait(5)
    print(json.dumps(planted.truth), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
