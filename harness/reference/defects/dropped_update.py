"""Defect: one update in seven reaches nobody."""

from __future__ import annotations

import itertools

from google.protobuf.message import Message

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.hub import Hub

CATCHES = (("3.1.2", "missing"),)
EVERY = 7


def apply() -> None:
    """Leave out every seventh update of the position stream."""
    publish, count = Hub.publish, itertools.count(1)

    def lossy(self: Hub, topic: Topic, symbol: str, message: Message) -> None:
        if topic.stream != "positions" or next(count) % EVERY:
            publish(self, topic, symbol, message)

    Hub.publish = lossy  # type: ignore[method-assign]
