"""Tell a connector that is to be broken about each client connection that it has not seen before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import Message

from harness.reference.connector import rpcs
from harness.reference.log import Log

Answer = Callable[[Any, rpcs.Context], Awaitable[Message]]


def on_newcomer(tell: Callable[[], object]) -> None:
    """`tell` at the first unary call that comes over a connection: clients verify one by a call."""
    bind, known = rpcs._unary, set[str]()

    def watched(name: str, call: Callable[[Any], Awaitable[Message]], log: Log, on_call: Callable[[], None]) -> Answer:
        answer = bind(name, call, log, on_call)

        async def first(request: object, context: rpcs.Context) -> Message:
            if context.peer() not in known:
                known.add(context.peer())
                tell()
            return await answer(request, context)

        return first

    rpcs._unary = watched
