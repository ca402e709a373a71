"""A small real gRPC connector for the client's tests: it says what the test told it to say, and counts who listens."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
from google.protobuf.message import Message as Wire
from google.type.decimal_pb2 import Decimal
from grpc import aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from harness.client.backoff import Backoff
from harness.evidence.clock import monotonic_s
from harness.evidence.records import Call, Mark, Message, Record
from harness.wire.opensqt.market_maker.v1 import events_pb2, exchange_pb2, exchange_pb2_grpc, resources_pb2, types_pb2

QUICK = Backoff(first_s=0.02, connect_limit_s=0.1, stream_limit_s=0.05, attempts=10)
"""The contract's timetable, short enough for a test; ten attempts as ever."""

LIMIT_S = 10.0


def price(value: str, symbol: str = "BTCUSDT") -> events_pb2.PriceChange:
    return events_pb2.PriceChange(exchange="test", symbol=symbol, price=Decimal(value=value))


def account(wallet: str, margin: str = "100", available: str = "50") -> resources_pb2.Account:
    return resources_pb2.Account(
        total_wallet_balance=Decimal(value=wallet),
        total_margin_balance=Decimal(value=margin),
        available_balance=Decimal(value=available),
    )


class _End:
    """Told to a stream instead of a message: end now, with this code."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code


class ScriptedExchange(exchange_pb2_grpc.ExchangeServiceServicer):
    """`publish` reaches every open call of a stream; `refuse` makes the next calls of a method fail."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.metadata: list[dict[str, str]] = []
        self.open: dict[str, list[asyncio.Queue[Wire | _End]]] = defaultdict(list)
        self.opened: Counter[str] = Counter()
        self.written: Counter[str] = Counter()
        self.refusals: dict[str, tuple[int, grpc.StatusCode, str]] = {}
        self.api_key = ""
        self.changed = asyncio.Event()
        self.unary_gate: asyncio.Event | None = None

    def publish(self, stream: str, *messages: Wire) -> None:
        for queue in self.open[stream]:
            for message in messages:
                queue.put_nowait(message)

    def end(self, stream: str, code: grpc.StatusCode) -> None:
        for queue in self.open[stream]:
            queue.put_nowait(_End(code))

    def refuse(self, method: str, times: int, code: grpc.StatusCode, details: str = "scripted") -> None:
        self.refusals[method] = (times, code, details)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something the server sees is so; TimeoutError says that it never was."""
        until_s = monotonic_s() + LIMIT_S
        while not condition():
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), max(0.0, until_s - monotonic_s()))

    async def listeners(self, stream: str, n: int) -> None:
        await self.until(lambda: len(self.open[stream]) == n)

    async def _admit(self, method: str, context: Any) -> None:
        self.calls[method] += 1
        given = {key: value for key, value in context.invocation_metadata() if isinstance(value, str)}
        self.metadata.append(given)
        self.changed.set()
        if self.api_key and given.get("x-api-key") != self.api_key:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"wrong key {given.get('x-api-key')}")
        times, code, details = self.refusals.get(method, (0, grpc.StatusCode.OK, ""))
        if times > 0:
            self.refusals[method] = (times - 1, code, details)
            await context.abort(code, details)
        if self.unary_gate is not None and not method.startswith(("Subscribe", "GetName", "GetType")):
            await self.unary_gate.wait()

    async def _serve(self, stream: str, method: str, context: Any) -> None:
        await self._admit(method, context)
        queue: asyncio.Queue[Wire | _End] = asyncio.Queue()
        self.open[stream].append(queue)
        self.opened[stream] += 1
        self.changed.set()
        try:
            while True:
                message = await queue.get()
                if isinstance(message, _End):
                    if message.code is grpc.StatusCode.OK:
                        return
                    await context.abort(message.code, "scripted end")
                await context.write(message)
                self.written[stream] += 1
                self.changed.set()
        finally:
            self.open[stream].remove(queue)
            self.changed.set()

    async def GetName(self, request: Any, context: Any) -> exchange_pb2.GetNameResponse:  # noqa: N802
        await self._admit("GetName", context)
        return exchange_pb2.GetNameResponse(name="scripted")

    async def GetType(self, request: Any, context: Any) -> exchange_pb2.GetTypeResponse:  # noqa: N802
        await self._admit("GetType", context)
        return exchange_pb2.GetTypeResponse(type=types_pb2.EXCHANGE_TYPE_FUTURES)

    async def PlaceOrder(self, request: Any, context: Any) -> resources_pb2.Order:  # noqa: N802
        await self._admit("PlaceOrder", context)
        return resources_pb2.Order(order_id=1001, client_order_id=request.client_order_id, symbol=request.symbol)

    async def GetOpenOrders(self, request: Any, context: Any) -> exchange_pb2.GetOpenOrdersResponse:  # noqa: N802
        await self._admit("GetOpenOrders", context)
        return exchange_pb2.GetOpenOrdersResponse(orders=[resources_pb2.Order(order_id=1001, symbol="BTCUSDT")])

    async def GetPositions(self, request: Any, context: Any) -> exchange_pb2.GetPositionsResponse:  # noqa: N802
        await self._admit("GetPositions", context)
        return exchange_pb2.GetPositionsResponse(positions=[resources_pb2.Position(symbol="BTCUSDT")])

    async def GetAccount(self, request: Any, context: Any) -> resources_pb2.Account:  # noqa: N802
        await self._admit("GetAccount", context)
        return account("7")

    async def SubscribePrice(self, request: Any, context: Any) -> None:  # noqa: N802
        await self._serve("prices", "SubscribePrice", context)

    async def SubscribeAccount(self, request: Any, context: Any) -> None:  # noqa: N802
        await self._serve("account", "SubscribeAccount", context)

    async def SubscribePositions(self, request: Any, context: Any) -> None:  # noqa: N802
        await self._serve("positions", "SubscribePositions", context)

    async def SubscribeOrders(self, request: Any, context: Any) -> None:  # noqa: N802
        await self._serve("orders", "SubscribeOrders", context)

    async def SubscribeKlines(self, request: Any, context: Any) -> None:  # noqa: N802
        await self._serve("klines", "SubscribeKlines", context)

    async def SubscribeFundingRate(self, request: Any, context: Any) -> None:  # noqa: N802
        await self._serve("funding", "SubscribeFundingRate", context)


class Server:
    """A listening ScriptedExchange with a health service; the same port again after `restart`."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None) -> None:
        self.exchange = ScriptedExchange()
        self.health: Any = None
        self.port = 0
        self._credentials = credentials
        self._server: aio.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        # Without SO_REUSEPORT a port that is still taken is an error, not a second listener.
        self._server = aio.server(options=[("grpc.so_reuseport", 0)])
        exchange_pb2_grpc.add_ExchangeServiceServicer_to_server(self.exchange, self._server)  # type: ignore[no-untyped-call]
        self.health = health_aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        await self.health.set("", health_pb2.HealthCheckResponse.SERVING)
        wanted = f"127.0.0.1:{self.port}"
        if self._credentials is None:
            self.port = self._server.add_insecure_port(wanted)
        else:
            self.port = self._server.add_secure_port(wanted, self._credentials)
        await self._server.start()

    async def stop(self, grace_s: float | None = None) -> None:
        """Stop; with a grace, new connections are refused at once and open streams may finish within it."""
        if self._server is not None:
            server, self._server = self._server, None
            await server.stop(grace_s)


@asynccontextmanager
async def serving(credentials: grpc.ServerCredentials | None = None) -> AsyncIterator[Server]:
    server = Server(credentials)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Sink(list[Record]):
    """Evidence in a list; `sink` itself is what a client records with."""

    def __call__(self, record: Record) -> None:
        self.append(record)

    def marks(self, name: str) -> list[Mark]:
        return [one for one in self if isinstance(one, Mark) and one.name == name]

    def messages(self, stream: str = "") -> list[Message]:
        return [one for one in self if isinstance(one, Message) and stream in ("", one.stream)]

    def calls(self) -> list[Call]:
        return [one for one in self if isinstance(one, Call)]


async def eventually(condition: Callable[[], bool], limit_s: float = LIMIT_S) -> None:
    """Yield to the loop until the condition holds; TimeoutError when it never does."""
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.002)


async def _main() -> None:
    """A connector in a process of its own: says its port on stdout, sends a price every 10 ms, until it is killed."""
    async with serving() as server:
        if len(sys.argv) > 1:
            await server.stop()
            server.port = int(sys.argv[1])
            await server.start()
        print(server.port, flush=True)  # noqa: T201
        number = 0
        while True:
            number += 1
            server.exchange.publish("prices", price(str(number)))
            server.exchange.publish("account", account(str(number)))
            await asyncio.sleep(0.01)


if __name__ == "__main__":
    asyncio.run(_main())
