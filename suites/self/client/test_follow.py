"""A follow process records what it receives, stops when told, stalls when told, and leaves evidence when killed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from harness.client.follow import parse
from harness.client.follower import Follower
from harness.evidence.evidence import Evidence
from harness.evidence.records import Message

from .scripted import LIMIT_S, Server, account, eventually, price, serving

pytestmark = pytest.mark.self

START_LIMIT_S = 20.0


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


def follower(server: Server, folder: Path, *names: str, **more: Any) -> Follower:
    more = {"streams": ["prices"], "symbols": ["BTCUSDT"], **more}
    return Follower(server.address, names=names, evidence=folder, **more)


def values(evidence: Evidence, client: str, stream: str = "prices") -> list[str]:
    messages: list[Message] = list(evidence.messages)
    return [one.value for one in messages if (one.client, one.stream) == (client, stream)]


def mark_names(evidence: Evidence) -> list[str]:
    return [mark.name for mark in evidence.marks]


def test_several_clients_in_one_process_each_get_everything(tmp_path: Path) -> None:
    async def story() -> None:
        streams = ["prices", "account"]
        async with serving() as server, follower(server, tmp_path, "f1", "f2", streams=streams) as process:
            await server.exchange.listeners("prices", 2)
            await server.exchange.listeners("account", 2)
            server.exchange.publish("prices", *(price(str(n)) for n in range(1, 1001)))
            server.exchange.publish("account", account("7"))
            assert await process.wait_first(START_LIMIT_S), process.complaints
            await eventually(lambda: all(len(values(Evidence.load(tmp_path), name)) == 1000 for name in ("f1", "f2")))
            assert await process.stop() == 0, process.complaints
        evidence = Evidence.load(tmp_path)
        for name in ("f1", "f2"):
            assert values(evidence, name) == [str(n) for n in range(1, 1001)]
            assert values(evidence, name, "account") == ["7"]
        assert mark_names(evidence).count("stream.opened") == 4
        assert mark_names(evidence).count("stream.cancelled") == 4
        assert mark_names(evidence).count("stream.ended") == 4
        assert {event.code for event in process.events if event.event == "ended"} == {"CANCELLED"}
        digests = [{one.digest for one in evidence.messages if one.client == name} for name in ("f1", "f2")]
        assert digests[0] == digests[1]

    run(story())


def test_killed_without_warning_it_leaves_readable_evidence(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving() as server, follower(server, tmp_path, "f1", live_on_first=True) as process:
            await server.exchange.listeners("prices", 1)
            server.exchange.publish("prices", price("1"))
            assert await process.wait_first(START_LIMIT_S), process.complaints
            assert await process.kill() == -signal.SIGKILL
            await server.exchange.listeners("prices", 0)
        evidence = Evidence.load(tmp_path)
        assert values(evidence, "f1") == ["1"]
        assert mark_names(evidence) == ["stream.opened", "stream.live"]

    run(story())


def test_a_stalled_client_stops_reading_for_good(tmp_path: Path) -> None:
    async def story() -> None:
        many = 20_000
        async with serving() as server, follower(server, tmp_path, "slow", stall=True) as process:
            await server.exchange.listeners("prices", 1)
            server.exchange.publish("prices", *(price(str(n)) for n in range(1, many + 1)))
            assert await process.wait_first(START_LIMIT_S), process.complaints
            written = -1
            while written != server.exchange.written["prices"]:  # until a while passes without a write
                written = server.exchange.written["prices"]
                await asyncio.sleep(0.5)
            assert 1 < written < many
            assert len(server.exchange.open["prices"]) == 1  # still subscribed
            assert await process.stop() == 0, process.complaints
        evidence = Evidence.load(tmp_path)
        assert values(evidence, "slow") == ["1"]
        assert "stream.quiet" in mark_names(evidence)

    run(story())


def test_sigterm_flushes_too(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving() as server, follower(server, tmp_path, "f1") as process:
            await server.exchange.listeners("prices", 1)
            server.exchange.publish("prices", price("1"))
            assert await process.wait_first(START_LIMIT_S), process.complaints
            process.terminate()
            await eventually(lambda: process.returncode is not None)
            assert await process.stop() == 0, process.complaints
        assert "stream.ended" in mark_names(Evidence.load(tmp_path))

    run(story())


def test_a_stream_that_ends_by_itself_is_told_with_its_code(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving() as server, follower(server, tmp_path, "f1", api_key="k-secret") as process:
            await server.exchange.listeners("prices", 1)
            assert server.exchange.metadata[-1]["x-api-key"] == "k-secret"
            await server.stop()
            assert not await process.wait_first(LIMIT_S)  # known at once, not after the limit
            assert await process.stop() == 0
            [ended] = [event for event in process.events if event.event == "ended"]
            assert ended.code in {"UNAVAILABLE", "CANCELLED"}
        assert mark_names(Evidence.load(tmp_path)) == ["stream.opened", "stream.error", "stream.down", "stream.ended"]

    run(story())


def test_evidence_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    async def story() -> None:
        async with serving() as server:
            async with follower(server, tmp_path, "f1") as first:
                await server.exchange.listeners("prices", 1)
                assert await first.stop() == 0, first.complaints
            async with follower(server, tmp_path, "f1") as second:
                assert not await second.wait_first(START_LIMIT_S)
                assert await second.stop() == 1
                assert "holds a recording already" in second.complaints
                assert "Traceback" not in second.complaints

    run(story())


def test_an_unknown_stream_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        parse(["--address", "a:1", "--name", "x", "--streams", "trades", "--evidence", str(tmp_path)])
    assert "no stream 'trades': use account, positions" in capsys.readouterr().err


def test_the_key_is_not_on_the_command_line(tmp_path: Path) -> None:
    process = Follower("a:1", names=["f1"], streams=["prices"], evidence=tmp_path, api_key="k-secret")
    assert not any("k-secret" in part for part in process._command)
