"""RemoteExchange connects, reconnects and reconciles as the contract says, and records each call."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Coroutine
from itertools import pairwise
from pathlib import Path
from typing import Any

import grpc
import pytest

from harness.client.backoff import Backoff
from harness.client.errors import ConnectFailed, RemoteError
from harness.client.remote import RemoteExchange
from harness.client.requests import limit_order
from harness.evidence.records import Outcome
from harness.wire.opensqt.market_maker.v1 import types_pb2

from .scripted import LIMIT_S, QUICK, Server, Sink, eventually, price, serving

pytestmark = pytest.mark.self


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def client(server: Server, sink: Sink, name: str = "c1", **more: Any) -> RemoteExchange:
    return RemoteExchange(server.address, name=name, record=sink, backoff=QUICK, **more)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_ten_attempts_then_the_final_sentence() -> None:
    async def story() -> None:
        sink, address = Sink(), f"127.0.0.1:{free_port()}"
        exchange = RemoteExchange(address, name="c1", record=sink, backoff=QUICK)
        with pytest.raises(ConnectFailed) as failed:
            await exchange.connect()
        opening = f"failed to connect to exchange_connector at {address} after 10 attempts: UNAVAILABLE: "
        assert str(failed.value).startswith(opening)
        assert "\n" not in str(failed.value)
        assert (failed.value.code, failed.value.attempts) == ("UNAVAILABLE", 10)
        assert exchange.connect_attempts == 10
        connecting = sink.marks("client.connecting")
        assert [mark.detail["attempt"] for mark in connecting] == [str(n) for n in range(1, 11)]
        gaps_s = [(b.t_ns - a.t_ns) / 1e9 for a, b in pairwise(connecting)]
        for gap_s, wait_s in zip(gaps_s, QUICK.connect_schedule_s(), strict=True):
            assert gap_s >= wait_s * 0.99
        assert not sink.marks("client.connected")
        assert exchange.leftovers() == 0

    run(story())


@pytest.mark.parametrize("method", ["GetName", "GetType"])
def test_an_attempt_counts_only_when_both_answers_came(method: str) -> None:
    async def story() -> None:
        sink = Sink()
        async with serving() as server:
            server.exchange.refuse(method, 3, grpc.StatusCode.UNAVAILABLE)
            async with client(server, sink) as exchange:
                assert exchange.connect_attempts == 4
                [connected] = sink.marks("client.connected")
                assert connected.detail == {"client": "c1", "attempt": "4"}
                assert await exchange.get_name() == "scripted"

    run(story())


def test_the_api_key_travels_and_is_never_shown() -> None:
    async def story() -> None:
        sink, key = Sink(), "k-very-secret-1"
        async with serving() as server:
            server.exchange.api_key = key
            async with client(server, sink, api_key=key) as exchange:
                exchange.account().start()
                await server.exchange.listeners("account", 1)
                await exchange.get_account()
                assert all(given["x-api-key"] == key for given in server.exchange.metadata)
            wrong = client(server, sink, api_key="k-wrong-2")
            with pytest.raises(ConnectFailed) as failed:
                await wrong.connect()
            assert failed.value.code == "UNAUTHENTICATED"
            assert "after 10 attempts" in str(failed.value)
            assert "k-wrong-2" not in str(failed.value)  # although the server echoed it
            assert key not in repr(list(sink))
            assert "k-wrong-2" not in repr(list(sink))

    run(story())


def test_calls_are_recorded_with_their_times_and_outcomes() -> None:
    async def story() -> None:
        sink = Sink()
        order = limit_order("BTCUSDT", types_pb2.ORDER_SIDE_BUY, "0.5", "45000.1", "id-1")
        async with serving() as server, client(server, sink, deadline_s=0.3) as exchange:
            assert (await exchange.place_order(order)).client_order_id == "id-1"
            server.exchange.refuse("PlaceOrder", 1, grpc.StatusCode.ALREADY_EXISTS)
            with pytest.raises(RemoteError) as duplicate:
                await exchange.place_order(order, due_ns=5)
            assert (duplicate.value.code, duplicate.value.method) == ("ALREADY_EXISTS", "PlaceOrder")
            server.exchange.unary_gate = asyncio.Event()
            with pytest.raises(RemoteError, match="DEADLINE_EXCEEDED"):
                await exchange.place_order(order)
            with pytest.raises(RemoteError, match="DEADLINE_EXCEEDED"):
                await exchange.get_account()
            server.exchange.unary_gate.set()
            done, failed, undecided, read = sink.calls()
            assert [call.seq for call in sink.calls()] == [1, 2, 3, 4]
            assert (done.method, done.outcome, done.code) == ("PlaceOrder", Outcome.OK, "OK")
            assert done.due_ns == done.sent_ns < done.done_ns
            assert (failed.outcome, failed.code, failed.due_ns) == (Outcome.FAIL, "ALREADY_EXISTS", 5)
            assert (undecided.outcome, undecided.code) == (Outcome.UNKNOWN, "DEADLINE_EXCEEDED")
            assert undecided.done_ns - undecided.sent_ns >= 0.29e9
            assert (read.method, read.outcome) == ("GetAccount", Outcome.FAIL)

    run(story())


def test_a_restarted_connector_is_found_again_and_the_state_fetched_once() -> None:
    async def story() -> None:
        sink = Sink()
        async with serving() as server, client(server, sink) as exchange:
            prices, orders = exchange.prices(["BTCUSDT"]).start(), exchange.orders().start()
            await server.exchange.listeners("prices", 1)
            await server.exchange.listeners("orders", 1)
            await server.stop()
            await eventually(lambda: exchange.connect_attempts >= 2 and exchange.outages == 1)
            with pytest.raises(RemoteError, match="not connected"):
                await exchange.get_account()
            assert sink.calls()[-1].outcome is Outcome.FAIL
            await server.start()
            await eventually(lambda: exchange.reconciled is not None)
            reconciled = exchange.reconciled
            assert reconciled is not None
            assert (reconciled.orders[0].order_id, reconciled.count) == (1001, 1)
            assert reconciled.positions[0].symbol == "BTCUSDT"
            assert reconciled.account.total_wallet_balance.value == "7"
            await server.exchange.listeners("prices", 1)
            await server.exchange.listeners("orders", 1)
            server.exchange.publish("prices", price("5"))
            assert await prices.wait_received(1, LIMIT_S)
            assert (prices.live, orders.live, prices.subscription) == (1, 1, 2)
            assert len(sink.marks("client.reconciled")) == 1
            assert len(sink.marks("client.disconnected")) == 1
            assert sink.marks("client.connected")[-1].detail["attempt"] == str(exchange.connect_attempts)
            [reconciled_mark] = sink.marks("client.reconciled")
            assert all(m.t_ns < reconciled_mark.t_ns for m in sink.marks("stream.opened"))
        assert exchange.leftovers() == 0

    run(story())


def test_a_graceful_shutdown_does_not_cut_the_open_stream() -> None:
    async def story() -> None:
        sink = Sink()
        async with serving() as server, client(server, sink) as exchange:
            prices = exchange.prices(["BTCUSDT"]).start()
            await server.exchange.listeners("prices", 1)
            stopping = asyncio.create_task(server.stop(LIMIT_S))
            await eventually(lambda: exchange.outages == 1)
            server.exchange.publish("prices", price("1"))
            assert await prices.wait_received(1, LIMIT_S)
            server.exchange.end("prices", grpc.StatusCode.UNAVAILABLE)
            await stopping
            await server.start()
            await server.exchange.listeners("prices", 1)
            server.exchange.publish("prices", price("2"))
            assert await prices.wait_received(2, LIMIT_S)
            assert [(message.subscription, message.value) for message in sink.messages()] == [(1, "1"), (2, "2")]
            assert prices.live == 1
        assert exchange.leftovers() == 0

    run(story())


def test_a_failed_reconciliation_is_tried_again() -> None:
    async def story() -> None:
        sink = Sink()
        async with serving() as server, client(server, sink) as exchange:
            server.exchange.refuse("GetPositions", 2, grpc.StatusCode.RESOURCE_EXHAUSTED)
            await server.stop()
            await server.start()
            await eventually(lambda: exchange.reconciled is not None)
            failures = sink.marks("client.reconcile_failed")
            assert [mark.detail["code"] for mark in failures] == ["RESOURCE_EXHAUSTED"] * 2

    run(story())


def test_gives_up_after_ten_attempts_of_an_outage_and_says_so_to_the_stream() -> None:
    async def story() -> None:
        sink, errors = Sink(), list[RemoteError]()
        async with serving() as server, client(server, sink) as exchange:
            prices = exchange.prices(["BTCUSDT"]).start(on_error=errors.append)
            await server.exchange.listeners("prices", 1)
            await server.stop()
            await eventually(lambda: not prices.running)
            assert exchange.failure is not None
            assert exchange.connect_attempts == 10
            assert "after 10 attempts" in errors[-1].details
            assert len(sink.marks("client.gave_up")) == 1
            assert not await exchange.wait_connected(1)
        assert exchange.leftovers() == 0

    run(story())


def start(*arguments: str) -> tuple[subprocess.Popen[str], int]:
    """A scripted connector in a process of its own, and its port."""
    command = [sys.executable, "-c", _RUN_AS_MODULE, str(Path(__file__).parent), *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def test_a_silent_connector_is_noticed_by_keepalive() -> None:
    async def story() -> None:
        sink, patient = Sink(), Backoff(first_s=0.1, connect_limit_s=1, stream_limit_s=0.2)
        process, port = start()
        try:
            silent = RemoteExchange(
                f"127.0.0.1:{port}", name="c1", record=sink, backoff=patient, deadline_s=1, keepalive_s=1
            )
            async with silent as exchange:
                prices = exchange.prices(["BTCUSDT"]).start()
                assert await prices.wait_received(3, LIMIT_S)
                process.send_signal(signal.SIGSTOP)
                await eventually(lambda: bool(sink.marks("client.disconnected")))
                process.send_signal(signal.SIGCONT)
                assert await prices.wait_received(prices.received + 3, LIMIT_S)
                assert (prices.live, prices.subscription) == (1, 2)
        finally:
            process.kill()
            process.communicate(timeout=LIMIT_S)

    run(story())


def test_a_killed_connector_process_is_survived() -> None:
    async def story() -> None:
        sink, patient = Sink(), Backoff(first_s=0.1, connect_limit_s=1, stream_limit_s=0.2)
        first, port = start()
        second = None
        try:
            async with RemoteExchange(f"127.0.0.1:{port}", name="c1", record=sink, backoff=patient) as exchange:
                prices = exchange.prices(["BTCUSDT"]).start()
                assert await prices.wait_received(3, LIMIT_S)
                first.kill()
                await eventually(lambda: bool(sink.marks("client.disconnected")))
                second, _ = await asyncio.to_thread(start, str(port))
                assert await prices.wait_received(prices.received + 3, LIMIT_S)
                assert 2 <= exchange.connect_attempts <= 10
                assert (prices.live, prices.subscription) == (1, 2)
                await eventually(lambda: exchange.reconciled is not None)
        finally:
            for process in (first, second):
                if process is not None:
                    process.kill()
                    process.communicate(timeout=LIMIT_S)

    run(story())


_RUN_AS_MODULE = """
import asyncio, importlib, pathlib, sys
folder = pathlib.Path(sys.argv.pop(1))
sys.path.insert(0, str(folder.parent))
asyncio.run(importlib.import_module(folder.name + ".scripted")._main())
"""
