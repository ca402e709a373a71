"""Defect: the market maker never asks what became of its orders, not even after it was away."""

from __future__ import annotations

import itertools

from harness.reference.market_maker.desk import Desk
from harness.reference.market_maker.order import Order

SERVICE = "market_maker"
CATCHES = (("4.2.1", "market-maker-orders"),)


def apply() -> None:
    """Fetch the state at the start only, and take an order that cannot be cancelled for open."""
    reconcile, rounds = Desk.reconcile, itertools.count()

    async def trusting(self: Desk) -> None:
        if next(rounds):
            self.wake()
        else:
            await reconcile(self)

    async def look_up(self: Desk, order: Order) -> None:
        return

    Desk.reconcile = trusting  # type: ignore[method-assign]
    Desk._look_up = look_up  # type: ignore[method-assign]
