"""For each kind of fault a scene: something real to do it to, what healthy means there, and how one suffers from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import pytest

from harness.client.health import Health
from harness.evidence.records import Mark, Record
from harness.target.launcher import Launcher
from harness.target.service import Service
from harness.trial.path import Path
from harness.trial.trial import Trial
from suites.self.target.workshop import Workshop, accepts
from suites.self.venue.workshop import Listener, Running, ask, listener, venue

from .wires import Client, echo, until

SILENCE_S = 0.3
"""Long enough to say that nothing comes: each of the scenes answers within milliseconds."""
TIME = "/fapi/v1/time"
PRICES = "/btcusdt@bookTicker"


class Pushed:
    """A target that pushes everything."""

    def polled_s(self, stream: str) -> float:
        return 0.0


@dataclass(eq=False)
class Scene:
    """`suffers` raises AssertionError unless the fault is felt by a real peer; `healthy` likewise when it still is."""

    trial: Trial
    records: list[Record]
    subject: Any
    named: str
    healthy: Callable[[], Awaitable[None]]
    suffers: Callable[[], Awaitable[None]]
    arguments: dict[str, Any] = field(default_factory=dict)

    @property
    def marks(self) -> list[Mark]:
        return [one for one in self.records if isinstance(one, Mark) and one.name.startswith("fault.")]


def new_trial(folder: FilePath) -> tuple[Trial, list[Record]]:
    records: list[Record] = []
    return Trial(records.append, Pushed(), folder), records


# -- services ---------------------------------------------------------------------------------------


async def serves(address: str, limit_s: float = 20.0) -> None:
    async with Health(address) as health:
        assert await health.until("SERVING", limit_s), f"{address} does not serve"


async def answers_nothing(address: str) -> None:
    """A gRPC server greets whoever greets it; this one does not."""
    async with await Client.to(address) as client:
        await client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        with pytest.raises(TimeoutError):
            await client.receive(SILENCE_S)


@asynccontextmanager
async def service_scene(kind: str, launcher: Launcher, folder: FilePath) -> AsyncIterator[Scene]:
    trial, records = new_trial(folder)
    service: Service = await launcher.start_connector("binance")
    async with Path(lambda: service.direct_address, "to the service") as path:

        async def healthy() -> None:
            await serves(path.address)

        async def is_gone() -> None:
            assert not accepts(service.direct_address)
            assert await path.is_refused()

        async def is_mute() -> None:
            await answers_nothing(path.address)

        cut_off = {"paths": [path]} if kind == "isolate" else {}
        ends = kind in ("kill", "stop")
        yield Scene(
            trial, records, service, service.name, healthy, is_gone if ends else is_mute,
            {"refused_at": [path]} if ends else cut_off,
        )  # fmt: skip


@asynccontextmanager
async def process_scene(kind: str, folder: FilePath) -> AsyncIterator[Scene]:
    workshop = Workshop(folder)
    try:
        async with service_scene(kind, workshop.processes(), folder) as scene:
            yield scene
    finally:
        await workshop.close()


# -- paths ------------------------------------------------------------------------------------------


@asynccontextmanager
async def path_scene(kind: str, folder: FilePath) -> AsyncIterator[Scene]:
    trial, records = new_trial(folder)
    arguments: dict[str, dict[str, Any]] = {
        "latency": {"delay_s": 0.2}, "jitter": {"jitter_s": 0.1}, "bandwidth": {"bytes_per_s": 20_000},
        "cut-after": {"after_bytes": 100},
    }  # fmt: skip
    async with echo() as service, Path(service.address, "to the echo") as path, await Client.to(path.address) as old:

        async def healthy() -> None:
            async with await Client.to(path.address) as client:
                await client.echoed(bytes(5000))

        async def late() -> None:
            assert await old.echoed() >= 0.4 * 0.99

        async def uneven() -> None:
            took_s = [await old.echoed() for _ in range(30)]
            assert max(took_s) - min(took_s) > 0.05

        async def slow() -> None:
            assert await old.echoed(bytes(5000)) > 0.2

        async def silent() -> None:
            await old.send(b"anybody?")
            with pytest.raises(TimeoutError):
                await old.receive(SILENCE_S)

        async def reset() -> None:
            assert await old.ended() == "RST"

        async def finished() -> None:
            assert path.counters.half_closed_connections
            assert await old.ended() == "FIN"  # in answer to the one that the service got
            assert service.ends[-1] == "FIN"

        async def cut() -> None:
            await old.send(bytes(99))
            await old.exactly(99)
            await old.send(bytes(2))
            assert await old.ended() == "RST"

        async def refused() -> None:
            with pytest.raises(ConnectionRefusedError):
                await Client.to(path.address)
            await old.echoed()

        suffers = {
            "latency": late, "jitter": uneven, "bandwidth": slow, "black-hole": silent, "reset": reset,
            "half-close": finished, "cut-after": cut, "refuse": refused,
        }[kind]  # fmt: skip
        await old.echoed()
        yield Scene(trial, records, path, path.name, healthy, suffers, arguments.get(kind, {}))


# -- the venue --------------------------------------------------------------------------------------


@asynccontextmanager
async def venue_scene(kind: str, folder: FilePath) -> AsyncIterator[Scene]:
    trial, records = new_trial(folder)
    arguments: dict[str, dict[str, Any]] = {
        "venue-delay": {"delay_s": 0.3}, "venue-skew": {"ahead_s": 60.0}, "venue-disconnect": {"how": "reset"},
        "venue-throttle": {"retry_after_s": 7}, "venue-reorder": {"channel": "prices", "count": 1},
    }  # fmt: skip
    async with venue() as running, listener(running, PRICES) as old:

        async def healthy() -> None:
            answer = await ask(running, "GET", TIME, key=None)
            assert answer.status == 200
            assert abs(answer.body["serverTime"] / 1000 - time.time()) < 20
            async with listener(running, PRICES) as heard:
                assert in_order(await moved(running, heard, 3))

        yield Scene(
            trial, records, running.control, "venue-binance", healthy, venue_suffering(kind, running, old),
            arguments.get(kind, {}),
        )  # fmt: skip


def venue_suffering(kind: str, running: Running, old: Listener) -> Callable[[], Awaitable[None]]:
    """How a client of the venue feels each kind."""

    async def status(wanted: int) -> None:
        assert (await ask(running, "GET", TIME, key=None)).status == wanted

    async def silent() -> None:
        old.heard.clear()
        await running.control.move_price("BTCUSDT")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask(running, "GET", TIME, key=None), SILENCE_S)
        assert old.heard == []

    async def cut() -> None:
        await until(lambda: old.ended, "the end of the socket")

    async def late() -> None:
        began_s = time.monotonic()
        await status(200)
        assert time.monotonic() - began_s >= 0.3 * 0.99

    async def twice() -> None:
        old.heard.clear()
        await running.control.move_price("BTCUSDT", 2)
        await until(lambda: len(old.heard) == 4, "two prices, each twice")
        assert old.heard[0] == old.heard[1] != old.heard[2] == old.heard[3]

    async def out_of_order() -> None:
        assert not in_order(await moved(running, old, 3))

    async def ahead() -> None:
        answer = await ask(running, "GET", TIME, key=None)
        assert answer.body["serverTime"] / 1000 - time.time() > 40

    return {
        "venue-refuse": lambda: status(503), "venue-stall": silent, "venue-disconnect": cut,
        "venue-throttle": lambda: status(429), "venue-error": lambda: status(500), "venue-delay": late,
        "venue-duplicate": twice, "venue-reorder": out_of_order, "venue-skew": ahead,
    }[kind]  # fmt: skip


async def moved(running: Running, heard: Listener, times: int) -> list[int]:
    """The venue's numbers of so many price updates, as they were heard."""
    before = len(heard.heard)
    await running.control.move_price("BTCUSDT", times)
    await until(lambda: len(heard.heard) >= before + times, f"{times} prices")
    return [int(one["u"]) for one in heard.heard[before:]]


def in_order(numbers: list[int]) -> bool:
    return numbers == sorted(set(numbers))
