"""Defect: every update of an order is 300 ms late."""

from __future__ import annotations

import asyncio

from google.protobuf.message import Message

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.hub import Hub

SERVICE = "connector"
CATCHES = (("4.1.3", "venue-to-browser"),)
LATE_S = 0.3


def apply() -> None:
    """Hold the order stream back, in its order."""
    publish = Hub.publish

    def late(self: Hub, topic: Topic, symbol: str, message: Message) -> None:
        if topic.stream == "orders":
            asyncio.get_running_loop().call_later(LATE_S, publish, self, topic, symbol, message)
        else:
            publish(self, topic, symbol, message)

    Hub.publish = late  # type: ignore[method-assign]
