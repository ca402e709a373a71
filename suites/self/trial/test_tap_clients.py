"""The tap watches real, unmodified grpcio clients of real servers: its records are what the client itself saw."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path as FilePath
from typing import Any

import grpc
import pytest
from grpc import aio

from harness.client import methods, requests
from harness.client.channel import open_blocking_channel, open_channel
from harness.client.content import STREAMS, digest_of
from harness.client.errors import RemoteError
from harness.client.remote import RemoteExchange
from harness.evidence.clock import now_ns
from harness.evidence.records import Call, Mark, Message, Outcome
from harness.trial.followed import Followable
from harness.trial.path import Path
from harness.trial.tap import ClientTap, Exchange
from harness.trial.trial import Trial
from harness.wire.opensqt.market_maker.v1 import exchange_pb2, exchange_pb2_grpc, resources_pb2, types_pb2
from suites.self.client.scripted import QUICK, Server, Sink, account, eventually, price, serving
from suites.self.trial.tap_proxy import Proxy, proxied

pytestmark = pytest.mark.self

DATA, PING, GOAWAY = 0, 6, 7


def invoke(channel: aio.Channel, method: Any, request: Any, **options: Any) -> Any:
    call: Any = channel.unary_unary(
        method.path, request_serializer=method.serialise, response_deserializer=method.parse
    )
    return call(request, **options)


def subscribe(channel: aio.Channel) -> Any:
    request = requests.price_stream(["BTCUSDT"])
    call: Any = channel.unary_stream(request.path)
    return call(request.payload)


def frame_kinds(proxy: Proxy, side: str) -> Counter[int]:
    """Kinds and numbers of the frames that have passed: proof that a test has exercised what it says."""
    whole: dict[int, bytes] = {}
    for one in proxy.told:
        if one.side == side:
            whole[one.connection] = whole.get(one.connection, b"") + one.chunk
    kinds: Counter[int] = Counter()
    for chunk in whole.values():
        at = 24 if side == "sent" else 0
        while at + 9 <= len(chunk):
            kinds[chunk[at + 3]] += 1
            at += 9 + int.from_bytes(chunk[at : at + 3], "big")
    return kinds


def names(marks: Iterable[object], client: str = "seen") -> list[tuple[str, str, str, str]]:
    """The stream marks in order: name, stream, subscription, code."""
    return [
        (one.name, one.detail["stream"], one.detail["subscription"], one.detail.get("code", ""))
        for one in marks
        if isinstance(one, Mark) and one.name.startswith("stream.")
    ]  # fmt: skip


def contents(sink: Sink, stream: str) -> list[tuple[str, str, int, int, str]]:
    return [(one.key, one.value, one.subscription, one.digest, one.wrong) for one in sink.messages(stream)]


@asynccontextmanager
async def watched(server: Server, sink: Sink, **options: int) -> AsyncIterator[tuple[ClientTap, Proxy]]:
    tap = ClientTap("seen", sink)
    async with proxied(tap, server.address, **options) as proxy:
        yield tap, proxy


def test_each_unary_call_is_recorded_as_its_client_saw_it_end() -> None:
    async def scenario() -> None:
        sink, exchanges = Sink(), list[Exchange]()
        async with serving() as server, watched(server, sink) as (tap, proxy):
            tap.on_exchange = exchanges.append
            server.exchange.refuse("GetAccount", 1, grpc.StatusCode.NOT_FOUND)
            server.exchange.refuse("PlaceOrder", 1, grpc.StatusCode.FAILED_PRECONDITION)
            order = requests.limit_order("BTCUSDT", types_pb2.ORDER_SIDE_BUY, "1", "2", "mine")
            saw: list[tuple[str, str, int, int]] = []
            async with open_channel(proxy.address) as channel:
                for method, request in (
                    (methods.GET_NAME, exchange_pb2.GetNameRequest()),
                    (methods.GET_ACCOUNT, exchange_pb2.GetAccountRequest()),
                    (methods.PLACE_ORDER, order),
                    (methods.PLACE_ORDER, order),
                    (methods.GET_TICKERS, exchange_pb2.GetTickersRequest()),  # the server has not implemented it
                    (methods.GET_OPEN_ORDERS, exchange_pb2.GetOpenOrdersRequest(symbol="BTCUSDT")),
                ):
                    began_ns, code = now_ns(), "OK"
                    try:
                        await invoke(channel, method, request)
                    except aio.AioRpcError as error:
                        code = error.code().name
                    saw.append((method.name, code, began_ns, now_ns()))
            await eventually(lambda: tap.connections == 0)

        calls = sink.calls()
        assert [(one.method, one.code) for one in calls] == [(method, code) for method, code, _, _ in saw]
        assert {code for _, code, _, _ in saw} == {"OK", "NOT_FOUND", "FAILED_PRECONDITION", "UNIMPLEMENTED"}
        assert [one.seq for one in calls] == [1, 2, 3, 4, 5, 6]
        for call, (_, _, began_ns, ended_ns) in zip(calls, saw, strict=True):
            assert began_ns <= call.sent_ns == call.due_ns <= call.done_ns <= ended_ns
        assert [(one.method, one.code, one.sent_ns, one.done_ns) for one in exchanges] == [
            (one.method, one.code, one.sent_ns, one.done_ns) for one in calls
        ]
        placed = exchanges[3]
        assert placed.request == order.SerializeToString()
        assert resources_pb2.Order.FromString(placed.reply).client_order_id == "mine"
        assert exchanges[2].reply == b""
        # Connected with the first good answer, not with the first answer or the TCP connection.
        order_of_marks = [one.name for one in sink if isinstance(one, Mark)]
        assert order_of_marks == ["connection.opened", "client.connected", "client.disconnected", "connection.closed"]
        assert sink.index(sink.marks("client.connected")[0]) == sink.index(calls[0]) + 1

    asyncio.run(scenario())


def test_a_connection_without_a_good_answer_is_no_connected_client() -> None:
    async def scenario() -> None:
        sink = Sink()
        async with serving() as server, watched(server, sink) as (tap, proxy):
            server.exchange.api_key = "right"
            async with open_channel(proxy.address) as channel:
                with pytest.raises(aio.AioRpcError):
                    await invoke(channel, methods.GET_NAME, exchange_pb2.GetNameRequest())
            await eventually(lambda: tap.connections == 0)
        assert [one.name for one in sink if isinstance(one, Mark)] == ["connection.opened", "connection.closed"]

    asyncio.run(scenario())


def test_deadlines_and_cancellations_leave_a_write_unknown_and_a_read_failed() -> None:
    async def scenario() -> None:
        sink = Sink()
        async with serving() as server, watched(server, sink) as (_, proxy):
            server.exchange.unary_gate = asyncio.Event()
            order = requests.limit_order("BTCUSDT", types_pb2.ORDER_SIDE_BUY, "1", "2")
            async with open_channel(proxy.address) as channel:
                saw = []
                for timeout_s in (0.03, 0.25, 1.234):  # C core sends the last one rounded up
                    for method, request in ((methods.PLACE_ORDER, order), (methods.GET_ACCOUNT, None)):
                        with pytest.raises(aio.AioRpcError) as caught:
                            await invoke(
                                channel, method, request or exchange_pb2.GetAccountRequest(), timeout=timeout_s
                            )
                        saw.append(caught.value.code().name)
                for method, request in ((methods.PLACE_ORDER, order), (methods.GET_ACCOUNT, None)):
                    before = server.exchange.calls[method.name]
                    call = invoke(channel, method, request or exchange_pb2.GetAccountRequest(), timeout=30)
                    await server.exchange.until(lambda: server.exchange.calls[method.name] > before)  # noqa: B023
                    call.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await call
                    saw.append((await call.code()).name)
                await eventually(lambda: len(sink.calls()) == len(saw))
        assert [one.code for one in sink.calls()] == saw == ["DEADLINE_EXCEEDED"] * 6 + ["CANCELLED"] * 2
        assert [one.outcome for one in sink.calls()] == [Outcome.UNKNOWN, Outcome.FAIL] * 4

    asyncio.run(scenario())


def test_the_projects_own_client_and_the_tap_write_down_the_same() -> None:
    """Six streams at once, wrong content, an error, a cancel, a restart of the server: the two evidences agree."""

    async def scenario() -> None:
        ours, seen = Sink(), Sink()
        async with serving() as server, watched(server, seen) as (tap, proxy):
            exchange = RemoteExchange(
                proxy.address, name="seen", record=ours, api_key="k3y-of-the-client", backoff=QUICK
            )
            async with exchange:
                subscriptions = [
                    exchange.account(), exchange.positions("BTCUSDT"), exchange.orders(),
                    exchange.prices(["BTCUSDT", "ETHUSDT"]), exchange.klines(["BTCUSDT"]), exchange.funding(),
                ]  # fmt: skip
                for one in subscriptions:
                    one.start()
                    await server.exchange.listeners(one.stream, 1)
                await eventually(lambda: len(tap.open_streams()) == len(STREAMS))
                assert dict(tap.open_streams()) == dict.fromkeys(STREAMS, 1)
                for one in subscriptions:
                    assert tap.stream(one.stream).keys == one.keys
                for number in range(50):
                    server.exchange.publish("prices", price(f"{number}.50"), price("2", "ETHUSDT"), price("nonsense"))
                    server.exchange.publish("account", account(str(number)))
                await subscriptions[3].wait_received(150, 10)
                await subscriptions[0].wait_received(50, 10)
                server.exchange.end("account", grpc.StatusCode.UNAVAILABLE)
                await eventually(lambda: subscriptions[0].attempts == 2)
                await server.exchange.listeners("account", 1)
                server.exchange.publish("account", account("7.70"))
                await subscriptions[0].wait_received(51, 10)
                await exchange.place_order(requests.limit_order("BTCUSDT", types_pb2.ORDER_SIDE_BUY, "1", "2", "a"))
                with pytest.raises(RemoteError):
                    await exchange.get_tickers()
                await subscriptions[5].cancel()
                await server.exchange.listeners("funding", 0)

                await server.stop()
                await server.start()
                await eventually(lambda: exchange.reconciled is not None)
                await server.exchange.listeners("prices", 1)
                server.exchange.publish("prices", price("9"))
                await subscriptions[3].wait_received(151, 10)
                await eventually(lambda: tap.stream("prices").received == 151)
                received = {one.stream: one.received for one in subscriptions}
            await eventually(lambda: not tap.open_streams())
        assert tap.connections == 0
        for stream in STREAMS:
            assert contents(seen, stream) == contents(ours, stream)
            assert tap.stream(stream).received == received[stream] == len(seen.messages(stream))
            # stream.ended is the end of a Subscription, which is nothing on the wire.
            own = [one for one in names(ours) if one[1] == stream and one[0] != "stream.ended"]
            assert [one for one in names(seen) if one[1] == stream] == own
        made = [(one.method, one.outcome, one.code) for one in seen.calls() if one.method not in ("GetName", "GetType")]
        assert made == [(one.method, one.outcome, one.code) for one in ours.calls()]
        for name in ("client.connected", "client.disconnected"):
            assert len(seen.marks(name)) == 2, name
        for message, own_message in zip(seen.messages("prices"), ours.messages("prices"), strict=True):
            assert message.received_ns <= own_message.received_ns
        assert not any("k3y-of-the-client" in repr(one) for one in seen)

    asyncio.run(scenario())


def test_a_client_that_closes_its_channel_has_cancelled_what_was_open() -> None:
    async def scenario() -> None:
        sink = Sink()
        async with serving() as server, watched(server, sink) as (tap, proxy):
            async with open_channel(proxy.address) as channel:
                stream = subscribe(channel)
                await server.exchange.listeners("prices", 1)
                await channel.close()
                assert (await stream.code()) is grpc.StatusCode.CANCELLED
            await eventually(lambda: not tap.open_streams())
        assert names(sink) == [("stream.opened", "prices", "1", ""), ("stream.cancelled", "prices", "1", "")]

    asyncio.run(scenario())


def test_many_streams_of_one_kind_are_told_apart() -> None:
    async def scenario() -> None:
        sink = Sink()
        async with (
            serving() as server,
            watched(server, sink, chunk_bytes=1000) as (tap, proxy),
            open_channel(proxy.address) as channel,
        ):
            streams = []
            for number in range(1, 41):
                streams.append(subscribe(channel))
                await server.exchange.listeners("prices", number)
            assert dict(tap.open_streams()) == {"prices": 40}
            sent = [price(str(number)) for number in range(1, 26)]
            server.exchange.publish("prices", *sent)
            saw = [[await stream.read() for _ in sent] for stream in streams]
            await eventually(lambda: len(sink.messages("prices")) == 40 * len(sent))
            streams[3].cancel()
            await server.exchange.listeners("prices", 39)
            assert dict(tap.open_streams()) == {"prices": 39}
        for number, replies in enumerate(saw, 1):
            mine = [one.digest for one in sink.messages("prices") if one.subscription == number]
            assert mine == [digest_of(reply) for reply in replies]

    asyncio.run(scenario())


def test_keepalive_pings_and_much_metadata_do_not_disturb() -> None:
    async def scenario() -> None:
        sink = Sink()
        async with (
            serving_patiently() as server,
            watched(server, sink, chunk_bytes=37) as (_, proxy),
            open_channel(proxy.address, keepalive_s=0.05) as channel,
        ):
            for round_ in range(3):
                # Beyond the dynamic table, so that entries are evicted; big enough for a CONTINUATION.
                much = tuple((f"x-{number}", f"{round_}-{number}" * 12) for number in range(300))
                await invoke(channel, methods.GET_NAME, exchange_pb2.GetNameRequest(), metadata=much)
            stream = subscribe(channel)
            await server.exchange.listeners("prices", 1)
            await eventually(lambda: PING in frame_kinds(proxy, "sent"))
            server.exchange.publish("prices", price("5"))
            assert digest_of(await stream.read()) == sink.messages("prices")[0].digest
        assert [one.code for one in sink.calls()] == ["OK"] * 3
        assert sink.marks("tap.blind") == []

    asyncio.run(scenario())


@asynccontextmanager
async def serving_patiently() -> AsyncIterator[Server]:
    """A server that allows frequent pings and large metadata."""
    async with serving() as server:
        await server.stop()
        patient = aio.server(
            options=[
                ("grpc.http2.min_ping_interval_without_data_ms", 1), ("grpc.http2.max_ping_strikes", 0),
                ("grpc.max_metadata_size", 1_000_000), ("grpc.absolute_max_metadata_size", 1_000_000),
            ]
        )  # fmt: skip
        exchange_pb2_grpc.add_ExchangeServiceServicer_to_server(server.exchange, patient)  # type: ignore[no-untyped-call]
        server.port = patient.add_insecure_port("127.0.0.1:0")
        await patient.start()
        try:
            yield server
        finally:
            await patient.stop(None)


def test_a_graceful_shutdown_lets_open_streams_finish_and_the_tap_sees_them_do_so() -> None:
    async def scenario() -> None:
        sink = Sink()
        async with serving() as server, watched(server, sink) as (tap, proxy):
            async with open_channel(proxy.address) as channel:
                await invoke(channel, methods.GET_NAME, exchange_pb2.GetNameRequest())
                stream = subscribe(channel)
                await server.exchange.listeners("prices", 1)
                stopping = asyncio.create_task(server.stop(10))
                await eventually(lambda: GOAWAY in frame_kinds(proxy, "replied"))
                server.exchange.publish("prices", price("1"))
                assert isinstance(await stream.read(), bytes)
                assert dict(tap.open_streams()) == {"prices": 1}
                server.exchange.end("prices", grpc.StatusCode.OK)
                assert (await stream.code()) is grpc.StatusCode.OK
                await stopping
            await eventually(lambda: tap.connections == 0)
        assert [one.value for one in sink.messages()] == ["1"]
        assert names(sink)[-2:] == [("stream.down", "prices", "1", ""), ("stream.error", "prices", "1", "OK")]
        assert len(sink.marks("client.disconnected")) == 1

    asyncio.run(scenario())


def test_a_killed_server_leaves_its_calls_unavailable_and_its_streams_down() -> None:
    async def scenario() -> None:
        sink = Sink()
        server = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "suites.self.client.scripted", stdout=asyncio.subprocess.PIPE
        )
        try:
            assert server.stdout is not None
            port = int(await asyncio.wait_for(server.stdout.readline(), 20))
            tap = ClientTap("seen", sink)
            async with proxied(tap, f"127.0.0.1:{port}") as proxy, open_channel(proxy.address) as channel:
                await invoke(channel, methods.GET_NAME, exchange_pb2.GetNameRequest())
                stream = subscribe(channel)
                saw = [await stream.read() for _ in range(3)]
                server.send_signal(signal.SIGSTOP)  # so that the calls are under way when it dies
                calls = [
                    invoke(channel, methods.PLACE_ORDER, resources_pb2.PlaceOrderRequest(symbol="BTCUSDT")),
                    invoke(channel, methods.GET_ACCOUNT, exchange_pb2.GetAccountRequest()),
                ]
                waiting = [asyncio.ensure_future(one.code()) for one in calls]
                await eventually(lambda: frame_kinds(proxy, "sent")[DATA] == 4)
                server.kill()
                codes = [(await one).name for one in waiting]
                while isinstance(reply := await read_or_end(stream), bytes):
                    saw.append(reply)
                await eventually(lambda: tap.connections == 0)
        finally:
            if server.returncode is None:
                server.kill()
            await server.wait()
        assert codes == ["UNAVAILABLE"] * 2
        lost = {one.method: (one.outcome, one.code) for one in sink.calls()[1:]}
        assert lost == {
            "PlaceOrder": (Outcome.UNKNOWN, "UNAVAILABLE"), "GetAccount": (Outcome.FAIL, "UNAVAILABLE"),
        }  # fmt: skip
        assert names(sink) == [
            ("stream.opened", "prices", "1", ""), ("stream.down", "prices", "1", ""),
            ("stream.error", "prices", "1", "UNAVAILABLE"),
        ]  # fmt: skip
        assert [one.digest for one in sink.messages()][: len(saw)] == [digest_of(one) for one in saw]
        assert len(sink.marks("client.disconnected")) == 1

    asyncio.run(scenario())


async def read_or_end(stream: Any) -> Any:
    try:
        return await stream.read()
    except aio.AioRpcError as error:
        return error.code()


def test_a_black_hole_ends_as_the_clients_keepalive_finds_it() -> None:
    async def scenario() -> None:
        sink = Sink()
        async with (
            serving() as server,
            watched(server, sink) as (_, proxy),
            open_channel(proxy.address, keepalive_s=0.3) as channel,
        ):
            await invoke(channel, methods.GET_NAME, exchange_pb2.GetNameRequest())
            stream = subscribe(channel)
            await server.exchange.listeners("prices", 1)
            proxy.black_hole()
            assert await read_or_end(stream) is grpc.StatusCode.UNAVAILABLE
            proxy.heal()
            await eventually(lambda: bool(sink.marks("connection.closed")))
        assert names(sink)[-1] == ("stream.error", "prices", "1", "UNAVAILABLE")

    asyncio.run(scenario())


def test_the_harness_own_path_tells_it_all_there_is_to_see() -> None:
    async def scenario() -> None:
        sink = Sink()
        tap = ClientTap("seen", sink)
        async with serving() as server, Path(server.address, observe=tap.connection) as path:
            async with open_channel(path.address) as channel:
                await invoke(channel, methods.GET_NAME, exchange_pb2.GetNameRequest())
                stream = subscribe(channel)
                await server.exchange.listeners("prices", 1)
                server.exchange.publish("prices", *[price(str(number)) for number in range(1, 201)])
                saw = [await stream.read() for _ in range(200)]
                await path.reset()
                assert await read_or_end(stream) is grpc.StatusCode.UNAVAILABLE
            assert path.observer_failures == []
        assert [one.digest for one in sink.messages()] == [digest_of(one) for one in saw]
        assert [one.code for one in sink.calls()] == ["OK"]
        assert names(sink)[-1] == ("stream.error", "prices", "1", "UNAVAILABLE")
        assert len(sink.marks("client.disconnected")) == 1

    asyncio.run(scenario())


class Pushed:
    def polled_s(self, stream: str) -> float:
        return 0.0


def test_a_trial_follows_a_watched_stream_like_one_of_its_own(tmp_path: FilePath) -> None:
    async def scenario() -> None:
        sink = Sink()
        trial = Trial(sink, Pushed(), tmp_path)
        tap = ClientTap("seen", trial.record)
        watched_stream: Any = tap.stream("prices")
        async with (
            serving() as server,
            proxied(tap, server.address) as proxy,
            RemoteExchange(proxy.address, name="seen", record=Sink(), backoff=QUICK) as exchange,
        ):
            own = exchange.prices(["BTCUSDT"]).start()
            both: tuple[Followable, ...] = (own, tap.stream("prices"))
            await server.exchange.listeners("prices", 1)
            following = asyncio.create_task(trial.follow(watched_stream, limit_s=10))
            server.exchange.publish("prices", price("1"))
            await following
            assert (
                len({(one.client, one.stream, one.keys, one.live, one.paused, one.subscription) for one in both}) == 1
            )
            await trial.settle()
        seen = [one.name for one in sink if isinstance(one, Mark) and one.name.startswith(("stream", "trial"))]
        assert seen == ["stream.opened", "stream.live", "trial.settled", "stream.cancelled"]

    asyncio.run(scenario())


class Blocking(exchange_pb2_grpc.ExchangeServiceServicer):
    """A server of grpcio's synchronous API: large answers, orders that it echoes, a stream of a thousand prices."""

    def GetName(self, request: Any, context: Any) -> exchange_pb2.GetNameResponse:  # noqa: N802
        return exchange_pb2.GetNameResponse(name="n" * 1_000_000)

    def PlaceOrder(self, request: Any, context: Any) -> resources_pb2.Order:  # noqa: N802
        context.set_compression(grpc.Compression.Gzip)
        return resources_pb2.Order(order_id=7, client_order_id=request.client_order_id)

    def SubscribePrice(self, request: Any, context: Any) -> Any:  # noqa: N802
        context.set_compression(grpc.Compression.Deflate)
        yield from (price(str(number), "BTCUSDT" * 20) for number in range(1, 1001))


def test_the_synchronous_api_large_and_compressed_messages() -> None:
    async def scenario() -> None:
        sink, exchanges = Sink(), list[Exchange]()
        server = grpc.server(ThreadPoolExecutor(4))
        exchange_pb2_grpc.add_ExchangeServiceServicer_to_server(Blocking(), server)  # type: ignore[no-untyped-call]
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        tap = ClientTap("seen", sink)
        tap.on_exchange = exchanges.append
        order = resources_pb2.PlaceOrderRequest(symbol="BTCUSDT", client_order_id="c" * 1_000_000)
        stream = requests.price_stream(["BTCUSDT"])

        def client(address: str) -> tuple[bytes, bytes, list[bytes]]:
            with open_blocking_channel(address, extra=(("grpc.max_metadata_size", 1_000_000),)) as channel:
                get_name: Any = channel.unary_unary(methods.GET_NAME.path)
                place_order: Any = channel.unary_unary(methods.PLACE_ORDER.path)
                prices: Any = channel.unary_stream(stream.path)
                placed = place_order(order.SerializeToString(), timeout=20, compression=grpc.Compression.Gzip)
                return get_name(b"", timeout=20), placed, list(prices(stream.payload, timeout=20))

        try:
            async with proxied(tap, f"127.0.0.1:{port}") as proxy:
                name, placed, prices = await asyncio.to_thread(client, proxy.address)
                await eventually(lambda: tap.connections == 0)
        finally:
            server.stop(None).wait(10)
        assert [(one.method, one.code, one.reply) for one in exchanges] == [
            ("PlaceOrder", "OK", placed), ("GetName", "OK", name),
        ]  # fmt: skip
        assert exchanges[0].request == order.SerializeToString()
        assert sum(len(one.chunk) for one in proxy.told if one.side == "sent") < 500_000  # it was compressed
        assert [one.digest for one in sink.messages("prices")] == [digest_of(one) for one in prices]
        assert len(prices) == 1000
        assert sink.marks("tap.blind") == []
        assert all(isinstance(one, Call | Message | Mark) for one in sink)

    asyncio.run(scenario())
