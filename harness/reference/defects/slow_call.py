"""Defect: every call costs 3 ms in which the connector does nothing else, so that calls that come together queue."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import Message

from harness.reference.connector import rpcs
from harness.reference.log import Log

CATCHES = (("5.1.1", "p99"), ("5.3.1", "p99"))
SLOW_S = 0.003


def apply() -> None:
    """Stand still before each unary call, as one does who signs, logs or looks something up in the event loop."""
    bind = rpcs._unary

    def slowed(
        name: str, call: Callable[[Any], Awaitable[Message]], log: Log, on_call: Callable[[], None]
    ) -> Callable[[Any, rpcs.Context], Awaitable[Message]]:
        async def slow(request: object) -> Message:
            time.sleep(SLOW_S)  # noqa: ASYNC251 - that nothing else runs meanwhile is the defect
            return await call(request)

        return bind(name, slow, log, on_call)

    rpcs._unary = slowed
