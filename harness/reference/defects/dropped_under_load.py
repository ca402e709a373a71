"""Defect: whoever publishes more than 1000 messages a second loses every tenth of what is beyond."""

from __future__ import annotations

import time

from google.protobuf.message import Message

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.hub import Hub

CATCHES = (("5.2.2", "lost"),)
"""An advisory criterion: it is missed and the report says so, but the case may pass all the same."""
BUSY_PER_S = 1000
EVERY = 10


def apply() -> None:
    """Count the messages of each second; beyond the first BUSY_PER_S of them leave out every tenth."""
    publish = Hub.publish
    second, count = 0, 0

    def lossy(self: Hub, topic: Topic, symbol: str, message: Message) -> None:
        nonlocal second, count
        now = int(time.monotonic())
        second, count = now, count + 1 if now == second else 1
        if count <= BUSY_PER_S or count % EVERY:
            publish(self, topic, symbol, message)

    Hub.publish = lossy  # type: ignore[method-assign]
