"""Defect: one call at a time, whoever makes it: each holds a lock of all clients while it waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import Message

from harness.reference.connector import rpcs
from harness.reference.log import Log

CATCHES = (("5.2.3", "p50-ratio"), ("5.2.3", "p99"))
HELD_S = 0.004
"""As long as a venue takes to answer, and short enough for all calls to be answered: they only wait for one another.
One client alone never waits for the lock: it makes one call at a time anyway."""


def apply() -> None:
    """Answer each unary call under the lock."""
    bind, turn = rpcs._unary, asyncio.Lock()

    def locked(
        name: str, call: Callable[[Any], Awaitable[Message]], log: Log, on_call: Callable[[], None]
    ) -> Callable[[Any, rpcs.Context], Awaitable[Message]]:
        async def in_turn(request: object) -> Message:
            async with turn:
                await asyncio.sleep(HELD_S)
                return await call(request)

        return bind(name, in_turn, log, on_call)

    rpcs._unary = locked
