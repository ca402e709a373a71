"""Defect: after a reconnect the market maker sends its orders again, under new client ids."""

from __future__ import annotations

import itertools

from harness.reference.market_maker.desk import Desk
from harness.reference.market_maker.grid import Ticket

SERVICE = "market_maker"
CATCHES = (("4.2.1", "duplicate-orders"),)


def apply() -> None:
    """Take every order that was open for lost."""
    reconcile, rounds = Desk.reconcile, itertools.count()

    async def worried(self: Desk) -> None:
        await reconcile(self)
        if next(rounds):  # the first is that of the start
            again = [Ticket(one.side, one.price, one.quantity) for one in self._orders.open()]
            for twin in self._orders.decide(again):
                await self._send(twin)

    Desk.reconcile = worried  # type: ignore[method-assign]
