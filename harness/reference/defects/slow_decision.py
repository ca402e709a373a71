"""Defect: the market maker ponders each decision for 300 ms before it sends the order."""

from __future__ import annotations

import asyncio

from harness.reference.market_maker.desk import Desk
from harness.reference.market_maker.order import Order

SERVICE = "market_maker"
CATCHES = (("4.1.3", "decision-to-venue"),)
LATE_S = 0.3


def apply() -> None:
    """Wait between the decision's stamp and the call."""
    send = Desk._send

    async def hesitant(self: Desk, order: Order) -> None:
        await asyncio.sleep(LATE_S)
        await send(self, order)

    Desk._send = hesitant  # type: ignore[method-assign]
