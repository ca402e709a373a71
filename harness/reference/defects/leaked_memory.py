"""Defect: each unsubscribe leaves 64 KiB behind."""

from __future__ import annotations

from harness.reference.connector.hub import Hub, Subscriber

CATCHES = (("6.2.1", "memory"),)
LEAKED_BYTES = 64 * 1024


def apply() -> None:
    """Keep a buffer whenever a subscriber leaves, written to so that it is really there."""
    leave, leaked = Hub.leave, list[bytes]()

    def leaky(self: Hub, subscriber: Subscriber) -> None:
        leave(self, subscriber)
        leaked.append(b"\x01" * LEAKED_BYTES)

    Hub.leave = leaky  # type: ignore[method-assign]
