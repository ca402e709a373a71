"""Defect: one writer at a time, so that a reader that stalls keeps everybody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.hub import Subscriber
from harness.reference.connector.streams import Context, Streams

CATCHES = (("3.2.1", "delivery"),)


def apply() -> None:
    """Write to each subscriber under one lock that all streams share."""
    turn = asyncio.Lock()

    async def serve(
        self: Streams, context: Context, stream: str, topics: Iterable[Topic], symbols: frozenset[str] = frozenset()
    ) -> None:
        subscriber = Subscriber(stream, context.peer(), 1_000_000, symbols)
        subscriber.writer = asyncio.current_task()
        try:
            await self._hub.join(topics, subscriber)
            await context.send_initial_metadata(())
            while True:
                await subscriber.ready()
                while subscriber.queue:
                    async with turn:
                        await context.write(subscriber.queue.popleft())
                if subscriber.ended is not None:
                    raise subscriber.ended
        finally:
            self._hub.leave(subscriber)

    Streams._serve = serve  # type: ignore[method-assign]
