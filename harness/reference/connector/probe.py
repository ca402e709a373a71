"""The venue's pulse: a cheap question every two seconds decides whether this connector says SERVING."""

from __future__ import annotations

import asyncio

from harness.reference.connector.backends.backend import Backend
from harness.reference.connector.health import Health
from harness.reference.log import Log

PERIOD_S = 2.0
LIMIT_S = 2.0
"""A venue that dies just after an answer is noticed after PERIOD_S + LIMIT_S at the latest."""


async def watch_venue(backend: Backend, health: Health, log: Log) -> None:
    """Probe for ever; health follows the last answer."""
    loop = asyncio.get_running_loop()
    while True:
        due_s = loop.time() + PERIOD_S
        try:
            # Not wait_for: its task would show up in the count of runtime units.
            async with asyncio.timeout(LIMIT_S):
                await backend.probe()
        except Exception as error:  # noqa: BLE001 - any failure means the venue cannot be used
            if health.set(False):
                cause = "no answer in time" if isinstance(error, TimeoutError) else str(error)
                log.error("venue unreachable, not serving", error=cause)
        else:
            if health.set(True):
                log.info("venue reachable again, serving")
        await asyncio.sleep(max(0.0, due_s - loop.time()))
