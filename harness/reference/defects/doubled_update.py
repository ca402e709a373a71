"""Defect: one update in seven comes twice."""

from __future__ import annotations

import itertools

from google.protobuf.message import Message

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.hub import Hub

CATCHES = (("3.1.2", "duplicates"),)
EVERY = 7


def apply() -> None:
    """Repeat every seventh update of the position stream."""
    publish, count = Hub.publish, itertools.count(1)

    def stammering(self: Hub, topic: Topic, symbol: str, message: Message) -> None:
        publish(self, topic, symbol, message)
        if topic.stream == "positions" and next(count) % EVERY == 0:
            publish(self, topic, symbol, message)

    Hub.publish = stammering  # type: ignore[method-assign]
