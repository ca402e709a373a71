"""A soak's look for dead services sees one that restarts itself, as well as one that is gone."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.evidence.clock import monotonic_s
from harness.evidence.records import Mark
from harness.soak.health import Uptime
from suites.self.target.workshop import Workshop

pytestmark = pytest.mark.self

LIMIT_S = 20.0


def uptime_of(**services: object) -> Uptime:
    return Uptime(cast("Any", SimpleNamespace(services=services)), cast("Any", None))


async def next_death(uptime: Uptime) -> Mark:
    end_s = monotonic_s() + LIMIT_S
    while not (died := await uptime.died()):
        assert monotonic_s() < end_s, "nothing was seen"
    [mark] = died
    return mark


def test_a_service_that_restarts_itself_has_crashed_each_time_and_one_that_ends_once(tmp_path: Path) -> None:
    workshop = Workshop(tmp_path)

    async def choreography() -> None:
        try:
            service = await workshop.processes().start_connector("mock")
            uptime = uptime_of(connector=service)
            assert await uptime.died() == ()
            for _ in range(2):
                assert service.pid is not None
                os.kill(service.pid, signal.SIGUSR2)
                assert (await next_death(uptime)).detail == {"service": "connector", "code": "unknown"}
                await service.wait_serving()
                assert await uptime.died() == ()
            await service.kill()
            assert (await next_death(uptime)).detail == {"service": "connector", "code": "137"}
            assert await uptime.died() == ()
            assert len(workshop.marks("process.restarted_serving")) == 2
        finally:
            await workshop.close()

    asyncio.run(choreography())


def test_a_service_that_was_running_before_is_left_alone() -> None:
    async def wait_exit(limit_s: float) -> None:
        return None

    assert asyncio.run(uptime_of(connector=SimpleNamespace(name="connector", wait_exit=wait_exit)).died()) == ()
