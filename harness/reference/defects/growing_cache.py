"""Defect: a cache of what was published, which nothing ever leaves, grows by 2 MB/h.

DEFECT_SPEED (1 without it) is how many times as fast: at 480 a day's growth takes three minutes.
"""

from __future__ import annotations

import os
import time

from google.protobuf.message import Message

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.hub import Hub

CATCHES = (("6.1.1", "memory"),)
GROWS_BYTES_PER_S = 2_000_000 / 3600
ENTRY_BYTES = 4096
"""As long as a page, so that what is kept is what is resident."""
SPEED = "DEFECT_SPEED"


def apply() -> None:
    """Keep an entry for every so much time in which something is published."""
    publish, cache = Hub.publish, list[bytes]()
    every_s = ENTRY_BYTES / (GROWS_BYTES_PER_S * float(os.environ.get(SPEED, "1")))
    began_s = time.monotonic()

    def keeping(self: Hub, topic: Topic, symbol: str, message: Message) -> None:
        publish(self, topic, symbol, message)
        while len(cache) * every_s < time.monotonic() - began_s:
            cache.append(os.urandom(ENTRY_BYTES))

    Hub.publish = keeping  # type: ignore[method-assign]
