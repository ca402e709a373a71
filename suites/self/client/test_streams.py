"""RemoteExchange keeps exactly one subscription per stream, survives errors, and stops when it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any

import grpc
import pytest

from harness.client.content import Update
from harness.client.errors import RemoteError
from harness.client.remote import RemoteExchange
from harness.evidence.clock import now_ns

from .scripted import LIMIT_S, QUICK, Server, Sink, account, eventually, price, serving

pytestmark = pytest.mark.self


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def client(server: Server, sink: Sink, name: str = "c1", **more: Any) -> RemoteExchange:
    return RemoteExchange(server.address, name=name, record=sink, backoff=QUICK, **more)


def test_updates_reach_the_callback_and_the_evidence() -> None:
    async def story() -> None:
        sink, seen = Sink(), list[Update]()
        async with serving() as server, client(server, sink) as exchange:
            prices = exchange.prices(["BTCUSDT"]).start(seen.append, live_on_first=True)
            await server.exchange.listeners("prices", 1)
            before_ns = now_ns()
            server.exchange.publish("prices", price("45000.10"), price("45000.20"))
            assert await prices.wait_received(2, LIMIT_S)
            first, second = sink.messages("prices")
            assert (first.client, first.key, first.value, first.serial) == ("c1", "BTCUSDT", "45000.1", 0)
            assert second.value == "45000.2"
            assert before_ns <= first.received_ns <= second.received_ns <= now_ns()
            assert first.subscription == 1
            assert first.wrong == ""
            assert seen == [price("45000.10"), price("45000.20")]
            [live] = sink.marks("stream.live")
            assert live.detail == {"client": "c1", "stream": "prices", "subscription": "1", "keys": "BTCUSDT"}
        assert exchange.leftovers() == 0

    run(story())


def test_no_callback_after_cancel_and_the_server_sees_the_stream_end() -> None:
    async def story() -> None:
        sink, seen = Sink(), list[Update]()
        async with serving() as server, client(server, sink) as exchange:
            updates = exchange.account().start(seen.append)
            await server.exchange.listeners("account", 1)
            server.exchange.publish("account", *(account(str(n)) for n in range(500)))
            assert await updates.wait_received(1, LIMIT_S)
            await updates.cancel()
            received = len(seen)
            await server.exchange.listeners("account", 0)
            assert len(seen) == received == updates.received == len(sink.messages())
            assert updates.callbacks_after_cancel == 0
            assert updates.live == 0
            names = [mark.name for mark in (*sink.marks("stream.cancelled"), *sink.marks("stream.ended"))]
            assert names == ["stream.cancelled", "stream.ended"]
            assert not sink.marks("stream.down")
            assert not sink.marks("stream.error")

    run(story())


def test_a_callback_after_cancel_would_be_counted() -> None:
    async def story() -> None:
        sink = Sink()
        async with serving() as server, client(server, sink) as exchange:
            updates = exchange.prices(["BTCUSDT"]).start(lambda update: None)
            await server.exchange.listeners("prices", 1)
            await updates.cancel()
            updates._deliver(price("1").SerializeToString(), now_ns())  # what the guard normally prevents
            assert updates.callbacks_after_cancel == 1

    run(story())


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.OK]
)
def test_subscribes_again_after_any_end(code: grpc.StatusCode) -> None:
    async def story() -> None:
        sink, errors = Sink(), list[RemoteError]()
        async with serving() as server, client(server, sink) as exchange:
            prices = exchange.prices(["BTCUSDT"]).start(on_error=errors.append)
            await server.exchange.listeners("prices", 1)
            server.exchange.publish("prices", price("1"))
            server.exchange.end("prices", code)
            await server.exchange.until(lambda: server.exchange.opened["prices"] == 2)
            server.exchange.publish("prices", price("2"))
            assert await prices.wait_received(2, LIMIT_S)
            assert [error.code for error in errors] == [code.name] == list(prices.errors)
            assert [message.subscription for message in sink.messages()] == [1, 2]
            assert (prices.live, prices.attempts, prices.subscription) == (1, 2, 2)
            [error] = sink.marks("stream.error")
            assert error.detail == {"client": "c1", "stream": "prices", "subscription": "1", "code": code.name}
            [down] = sink.marks("stream.down")
            assert down.detail["subscription"] == "1"
            assert not sink.marks("client.disconnected")  # the connection was never the trouble

    run(story())


def test_never_two_subscriptions_at_once() -> None:
    async def story() -> None:
        sink, most = Sink(), 0
        async with serving() as server, client(server, sink) as exchange:
            prices = exchange.prices(["BTCUSDT"]).start()
            for attempt in range(1, 6):
                await server.exchange.until(lambda n=attempt: server.exchange.opened["prices"] == n)  # type: ignore[misc]
                await server.exchange.listeners("prices", 1)
                most = max(most, len(server.exchange.open["prices"]), prices.live)
                server.exchange.publish("prices", price(str(attempt)))
                server.exchange.end("prices", grpc.StatusCode.INTERNAL)
            assert most == 1
            assert [mark.detail["subscription"] for mark in sink.marks("stream.opened")][:5] == list("12345")
            with pytest.raises(RuntimeError, match="has a subscription already"):
                exchange.prices(["ETHUSDT"]).start()
            await prices.cancel()
            await server.exchange.listeners("prices", 0)
            again = exchange.prices(["ETHUSDT"]).start()
            await server.exchange.listeners("prices", 1)
            assert again.subscription > 5

    run(story())


def test_stream_backoff_doubles_until_a_message_comes() -> None:
    async def story() -> None:
        sink = Sink()
        async with serving() as server, client(server, sink) as exchange:
            server.exchange.refuse("SubscribePrice", 4, grpc.StatusCode.INTERNAL)
            exchange.prices(["BTCUSDT"]).start()
            await server.exchange.listeners("prices", 1)
            opened = [mark.t_ns for mark in sink.marks("stream.opened")]
            gaps_s = [(later - earlier) / 1e9 for earlier, later in pairwise(opened)]
            assert len(gaps_s) == 4
            for gap_s, wait_s in zip(gaps_s, (0.02, 0.04, 0.05, 0.05), strict=True):
                assert gap_s >= wait_s * 0.99

    run(story())


def test_a_paused_client_blocks_the_server_and_loses_nothing() -> None:
    async def story() -> None:
        sink, many = Sink(), 20_000
        async with serving() as server, client(server, sink) as exchange:
            prices = exchange.prices(["BTCUSDT"]).start()
            await server.exchange.listeners("prices", 1)
            prices.pause()
            server.exchange.publish("prices", *(price(str(n)) for n in range(1, many + 1)))
            written = -1
            while written != server.exchange.written["prices"]:  # until a while passes without a write
                written = server.exchange.written["prices"]
                await asyncio.sleep(0.5)
            assert 0 < written < many
            assert prices.received <= 1  # the one already asked for
            prices.resume()
            assert await prices.wait_received(many, 25)
            assert [message.value for message in sink.messages()] == [str(n) for n in range(1, many + 1)]

    run(story())


def test_the_same_bytes_have_the_same_digest_for_every_client() -> None:
    async def story() -> None:
        sink = Sink()
        async with serving() as server, client(server, sink, "c1") as one, client(server, sink, "c2") as two:
            streams = [exchange.prices(["BTCUSDT"]).start() for exchange in (one, two)]
            await server.exchange.listeners("prices", 2)
            server.exchange.publish("prices", price("1"), price("1.0"))
            for stream in streams:
                assert await stream.wait_received(2, LIMIT_S)
            of_client = {name: [m.digest for m in sink.messages() if m.client == name] for name in ("c1", "c2")}
            assert of_client["c1"] == of_client["c2"]
            assert len(set(of_client["c1"])) == 2
            assert all(0 < digest < 2**63 for digest in of_client["c1"])
            assert {m.value for m in sink.messages()} == {"1"}

    run(story())


def test_a_callback_that_raises_ends_its_stream_and_is_reported_by_close() -> None:
    async def story() -> None:
        sink = Sink()

        def broken(update: Update) -> None:
            raise ZeroDivisionError("in the callback")

        async with serving() as server:
            exchange = client(server, sink)
            await exchange.connect()
            prices = exchange.prices(["BTCUSDT"]).start(broken)
            await server.exchange.listeners("prices", 1)
            server.exchange.publish("prices", price("1"))
            await eventually(lambda: not prices.running)
            with pytest.raises(ZeroDivisionError, match="in the callback"):
                await exchange.close()
            assert exchange.leftovers() == 0

    run(story())
