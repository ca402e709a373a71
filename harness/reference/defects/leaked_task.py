"""Defect: each unsubscribe of the account stream leaves a task behind."""

from __future__ import annotations

import asyncio

from harness.reference.connector.hub import Hub, Subscriber

CATCHES = (("3.1.1", "runtime-units"),)


def apply() -> None:
    """Start a task that never ends whenever a subscriber leaves."""
    leave, leaked = Hub.leave, set[asyncio.Task[bool]]()

    def leaky(self: Hub, subscriber: Subscriber) -> None:
        leave(self, subscriber)
        if subscriber.stream == "account":
            leaked.add(asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="leaked"))

    Hub.leave = leaky  # type: ignore[method-assign]
