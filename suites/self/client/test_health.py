"""Health says what the standard service says, and brackets the moment of a change."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from grpc_health.v1 import health_pb2

from harness.client.health import Health
from harness.client.methods import SERVICE
from harness.evidence.clock import now_ns

from .scripted import LIMIT_S, Sink, eventually, serving

pytestmark = pytest.mark.self

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def test_statuses_and_codes() -> None:
    async def story() -> None:
        async with serving() as server, Health(server.address) as health:
            await server.health.set(SERVICE, NOT_SERVING)
            assert await health.check() == "SERVING"
            assert await health.check(SERVICE) == "NOT_SERVING"
            assert await health.check("nobody") == "NOT_FOUND"
            await server.stop()
            assert await health.check() == "UNAVAILABLE"

    run(story())


def test_until_brackets_the_change() -> None:
    async def story() -> None:
        sink = Sink()
        async with serving() as server, Health(server.address, record=sink, poll_s=0.01) as health:
            waiting = asyncio.create_task(health.until("NOT_SERVING", LIMIT_S, detail={"service": "connector"}))
            await asyncio.sleep(0.05)
            before_ns = now_ns()
            await server.health.set("", NOT_SERVING)
            after_ns = now_ns()
            assert await waiting
            [mark] = sink.marks("health.not_serving")
            assert mark.detail == {"client": "health", "service": "connector"}
            assert mark.earliest_ns <= after_ns
            assert mark.t_ns >= before_ns
            assert 0 < mark.t_ns - mark.earliest_ns < 5e9

    run(story())


def test_until_gives_up_at_its_limit_and_records_nothing() -> None:
    async def story() -> None:
        sink = Sink()
        async with serving() as server, Health(server.address, record=sink) as health:
            assert not await health.until("NOT_SERVING", 0.2)
            assert sink == []

    run(story())


def test_a_started_connector_is_seen_at_the_next_look() -> None:
    """gRPC's reconnect back-off must not hide that the port is open."""

    async def story() -> None:
        sink = Sink()
        async with serving() as server, Health(server.address, record=sink, poll_s=0.01) as health:
            await server.stop()
            waiting = asyncio.create_task(health.until("SERVING", LIMIT_S, mark="process.serving"))
            await asyncio.sleep(0.5)
            before_ns = now_ns()
            await server.start()
            assert await waiting
            [mark] = sink.marks("process.serving")
            assert mark.t_ns - before_ns < 1.5e9

    run(story())


def test_watch_tells_each_change_until_it_is_cancelled() -> None:
    async def story() -> None:
        sink, told = Sink(), list[str]()
        async with serving() as server, Health(server.address, record=sink) as health:
            watch = health.watch("", told.append)
            assert await watch.wait_for("SERVING", LIMIT_S)
            await server.health.set("", NOT_SERVING)
            assert await watch.wait_for("NOT_SERVING", LIMIT_S)
            await server.health.set("", SERVING)
            assert await watch.wait_for("SERVING", LIMIT_S)
            assert told == watch.statuses == ["SERVING", "NOT_SERVING", "SERVING"]
            assert [mark.detail["status"] for mark in sink.marks("health.watched")] == told
            assert not await watch.wait_for("NOT_SERVING", 0.05)
            await watch.cancel()
            await server.health.set("", NOT_SERVING)
            assert await health.until("NOT_SERVING", LIMIT_S)
            assert len(told) == 3

    run(story())


def test_watch_says_why_it_ended() -> None:
    async def story() -> None:
        async with serving() as server, Health(server.address) as health:
            watch = health.watch()
            assert await watch.wait_for("SERVING", LIMIT_S)
            await server.stop()
            await eventually(lambda: watch.code != "")
            assert watch.code in {"UNAVAILABLE", "CANCELLED"}

    run(story())
