"""Defect: the live server gives up and calls it a success."""

from __future__ import annotations

import asyncio

from harness.reference.live_server import process
from harness.reference.live_server.following import Following
from harness.reference.log import Field, Log

SERVICE = "live_server"
CATCHES = (
    ("x.quick-downtime", "live-server-exit"),
    ("x.quick-downtime", "live-server-says-failed"),
    ("x.quick-downtime", "live-server-says-attempts"),
)


def apply() -> None:
    """Exit code 0 whatever happened, and a message that tells nothing."""
    follow = process._follow

    async def content(following: Following, stop: asyncio.Event, log: Log) -> int:
        await follow(following, stop, log)
        return 0

    def fatal(self: Log, message: str, **fields: Field) -> None:
        self.info("nothing left to follow")

    process._follow = content
    Log.fatal = fatal  # type: ignore[method-assign]
