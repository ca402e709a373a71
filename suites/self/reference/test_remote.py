"""Remote: attempts as the runtime contract says, one subscription a stream, and what was missed is asked for."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from harness.reference.log import Log
from harness.reference.remote import CONNECT_PAUSES_S, GaveUp, Remote
from harness.reference.remote_stream import pause_s
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

from .launched import LINE, Connector, LogLine

pytestmark = pytest.mark.self

PRICES = rpc.SubscribePriceRequest(symbols=["BTCUSDT"])


class Told:
    """A log that can be read back."""

    def __init__(self) -> None:
        self._text = io.StringIO()
        self.log = Log("DEBUG", self._text)

    def lines(self, message: str = "") -> list[LogLine]:
        found = [LINE.match(line) for line in self._text.getvalue().splitlines()]
        lines = [LogLine(one[1], one[2], json.loads(one[3] or "{}")) for one in found if one]
        return [line for line in lines if line.message == message or not message]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def connector() -> Iterator[Connector]:
    with Connector() as connector:
        yield connector


async def until(condition: Callable[[], bool], limit_s: float = 10.0) -> None:
    async with asyncio.timeout(limit_s):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(remote: Remote) -> AsyncIterator[asyncio.Task[None]]:
    """Connected and watched for the length of the block."""
    await remote.connect()
    task = asyncio.create_task(remote.run())
    try:
        yield task
    finally:
        await remote.close()
        await asyncio.wait({task}, timeout=5)
        assert task.done(), "run() went on after close()"


def run(trial: Coroutine[Any, Any, None]) -> None:
    asyncio.run(trial, debug=True)


def test_the_pauses_are_those_of_the_contract() -> None:
    assert CONNECT_PAUSES_S == (1, 2, 4, 8, 16, 32, 60, 60, 60, 60)
    assert [pause_s(failures) for failures in range(1, 9)] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert pause_s(100_000) == 30


def test_it_gives_up_after_ten_attempts_with_the_contracts_sentence(told: Told) -> None:
    async def trial() -> None:
        remote = Remote("127.0.0.1:1", told.log, backoff_scale=0.004)
        began_s = time.monotonic()
        with pytest.raises(
            GaveUp, match=r"^failed to connect to exchange_connector at 127.0.0.1:1 after 10 attempts: "
        ):
            await remote.connect()
        assert time.monotonic() - began_s >= sum(CONNECT_PAUSES_S) * 0.004
        assert remote.state == "gave up"
        await remote.close()

    run(trial())
    assert [line.fields["attempt"] for line in told.lines("connecting to exchange_connector")] == list(range(1, 11))
    failed = told.lines("connection attempt failed")
    assert {line.level for line in failed} == {"WARN"}
    assert [line.fields["retry_in_s"] for line in failed] == [pause * 0.004 for pause in CONNECT_PAUSES_S]


def test_who_accepts_and_says_nothing_is_no_connector(told: Told) -> None:
    async def trial() -> None:
        writers: list[asyncio.StreamWriter] = []
        silent = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
        port = silent.sockets[0].getsockname()[1]
        remote = Remote(f"127.0.0.1:{port}", told.log, backoff_scale=0.0)
        connecting = asyncio.create_task(remote.connect())
        began_s = time.monotonic()
        await until(lambda: bool(told.lines("connection attempt failed")), 8)
        assert 4 < time.monotonic() - began_s < 7
        connecting.cancel()
        await asyncio.wait({connecting}, timeout=2)
        assert connecting.cancelled()
        await remote.close()
        for writer in writers:
            writer.close()
        silent.close()

    asyncio.run(trial())


def test_the_key_is_sent_and_a_wrong_one_is_no_connection(told: Told, tmp_path: Any) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("exchanges: {mock: {grpc_api_keys: [the-right-key]}}")
    with Connector(env={"CONFIG_FILE": str(config)}) as connector:

        async def trial() -> None:
            async with running(Remote(connector.address, told.log, api_key="the-right-key")) as _:
                pass
            with pytest.raises(GaveUp, match="UNAUTHENTICATED"):
                await Remote(connector.address, told.log, api_key="a-wrong-key", backoff_scale=0.0).connect()

        run(trial())


def test_after_a_kill_streams_are_back_once_each_and_what_was_missed_is_asked_for(
    connector: Connector, told: Told
) -> None:
    async def trial() -> None:
        remote = Remote(connector.address, told.log, backoff_scale=0.2)
        prices: list[str] = []
        reconciled: list[dict[str, bool]] = []

        async def reconcile() -> None:
            await remote.stub.GetAccount(rpc.GetAccountRequest(), timeout=5)
            reconciled.append(remote.streams())

        remote.stream("prices", lambda stub: stub.SubscribePrice(PRICES), lambda one: prices.append(one.price.value))
        remote.stream("orders", lambda stub: stub.SubscribeOrders(rpc.SubscribeOrdersRequest()), lambda _: None)
        remote.on_reconnect(reconcile)
        async with running(remote):
            assert await remote.subscribed(5)
            await until(lambda: len(prices) > 2)
            assert reconciled == []
            connector.process.kill()
            await until(lambda: not remote.is_connected)
            assert not remote.is_current
            with pytest.raises(grpc.RpcError) as refused:
                await remote.stub.GetName(rpc.GetNameRequest(), timeout=5)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            again = Connector(env={"PORT": str(connector.port)})
            await asyncio.to_thread(again.__enter__)
            try:
                await until(lambda: remote.is_current, 20)
                assert reconciled == [{"prices": True, "orders": True}]
                count = len(prices)
                await until(lambda: len(prices) > count + 2)
                held = await asyncio.to_thread(again.look)
                assert held["subscriptions"] | {"prices": 1, "orders": 1} == held["subscriptions"]
                assert held["subscriptions_total"] == 2
            finally:
                await asyncio.to_thread(again.__exit__)

    run(trial())
    assert {line.level for line in told.lines("connection to exchange_connector lost")} == {"WARN"}
    assert not [line for line in told.lines() if line.level in ("ERROR", "FATAL")]


def test_a_connector_that_falls_silent_is_noticed_within_the_keepalive(connector: Connector, told: Told) -> None:
    async def trial() -> None:
        remote = Remote(connector.address, told.log)
        remote.stream("orders", lambda stub: stub.SubscribeOrders(rpc.SubscribeOrdersRequest()), lambda _: None)
        async with running(remote):
            assert await remote.subscribed(5)
            connector.process.send_signal(signal.SIGSTOP)
            try:
                await until(lambda: not remote.is_connected, 18)
            finally:
                connector.process.send_signal(signal.SIGCONT)

    asyncio.run(trial())


def test_a_cancelled_stream_calls_back_no_more_and_is_gone_at_the_connector(connector: Connector, told: Told) -> None:
    async def trial() -> None:
        remote = Remote(connector.address, told.log)
        prices: list[Any] = []
        stream = remote.stream("prices", lambda stub: stub.SubscribePrice(PRICES), prices.append)
        with pytest.raises(ValueError, match="there is a stream"):
            remote.stream("prices", lambda stub: stub.SubscribePrice(PRICES), prices.append)
        async with running(remote):
            await until(lambda: len(prices) > 2)
            stream.cancel()
            count = len(prices)
            assert await asyncio.to_thread(connector.settles, "subscriptions_total", 0) == 0
            await asyncio.sleep(0.3)  # three more prices
            assert len(prices) == count

    run(trial())


def scripted(outcomes: list[Callable[[], Awaitable[None]]]) -> Callable[[Any], Any]:
    """A make_call whose calls end as scripted."""

    class Call:
        def __init__(self, outcome: Callable[[], Awaitable[None]]) -> None:
            self._outcome = outcome

        async def initial_metadata(self) -> None:
            await self._outcome()

        async def __aiter__(self) -> AsyncIterator[str]:
            yield "a message"
            await asyncio.sleep(3600)

        def cancel(self) -> bool:
            return True

    return lambda _: Call(outcomes.pop(0))


def test_a_stream_that_fails_is_tried_again_at_a_growing_distance_and_reconciled(
    connector: Connector, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.reference.remote_stream.pause_s", lambda failures: failures / 100)

    async def refused() -> None:
        raise grpc.RpcError

    async def accepted() -> None:
        pass

    async def trial() -> None:
        remote = Remote(connector.address, told.log)
        reconciled: list[bool] = []
        failures = [grpc.RpcError(), None]

        async def reconcile() -> None:
            reconciled.append(True)
            if (error := failures.pop(0)) is not None:
                raise error

        def use(message: str) -> None:
            raise ValueError(message)

        remote.stream("odd", scripted([refused, refused, refused, accepted]), use)
        remote.on_reconnect(reconcile)
        async with running(remote):
            await until(lambda: bool(told.lines("update could not be used")))
            assert remote.is_current
            remote.missed()
            assert not remote.is_current
            await until(lambda: remote.is_current)
            assert len(reconciled) == 2

    run(trial())
    assert [line.fields["retry_in_s"] for line in told.lines("stream ended")] == [0.01, 0.02, 0.03]
    assert len(told.lines("reconciling failed")) == 1


def test_close_is_bounded_also_when_the_connector_does_not_answer(connector: Connector, told: Told) -> None:
    async def trial() -> None:
        remote = Remote(connector.address, told.log)
        remote.stream("orders", lambda stub: stub.SubscribeOrders(rpc.SubscribeOrdersRequest()), lambda _: None)
        async with running(remote):
            assert await remote.subscribed(5)
            connector.process.send_signal(signal.SIGSTOP)
            began_s = time.monotonic()
            await remote.close()
            assert time.monotonic() - began_s < 4
        connector.process.send_signal(signal.SIGCONT)

    asyncio.run(trial())
