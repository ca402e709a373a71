"""Defect: after a reconnect the market maker goes on with the orders it knew, whatever became of them meanwhile."""

from __future__ import annotations

import itertools

from harness.reference.market_maker.desk import Desk

SERVICE = "market_maker"
CATCHES = (("4.2.1", "market-maker-orders"),)


def apply() -> None:
    """Fetch the state at the start only."""
    reconcile, rounds = Desk.reconcile, itertools.count()

    async def trusting(self: Desk) -> None:
        if next(rounds):
            self.wake()
        else:
            await reconcile(self)

    Desk.reconcile = trusting  # type: ignore[method-assign]
