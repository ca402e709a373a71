"""Defect: each time that a client connects again, a task is left behind."""

from __future__ import annotations

import asyncio

from harness.reference.defects.newcomers import on_newcomer

CATCHES = (("6.3.2", "runtime-units"),)


def apply() -> None:
    """Start a task that never ends for each connection after the first."""
    leaked: set[asyncio.Task[bool]] = set()
    connections = 0

    def leak() -> None:
        nonlocal connections
        connections += 1
        if connections > 1:
            leaked.add(asyncio.get_running_loop().create_task(asyncio.Event().wait(), name="leaked"))

    on_newcomer(leak)
