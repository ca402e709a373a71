"""Orders: every order of ours that may rest at the venue, brought up to date by replies, updates and snapshots."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from harness.reference.log import Log
from harness.reference.market_maker.grid import Level, Resting, Ticket
from harness.reference.market_maker.order import FINAL, OPEN, Order, Seen, Status, plain
from harness.reference.market_maker.store import Store

PREFIX = "mm"
"""Client order ids of ours begin so; digits and small letters only, 22 in all: every venue takes them."""
KEPT_PAST = 2_000


class Orders:
    """In memory what may rest, in the store everything."""

    def __init__(self, store: Store, log: Log) -> None:
        self._store = store
        self._log = log
        self._live = {order.client_order_id: order for order in store.live()}
        # The latest that are over. An order given up may still turn up: its call was on its way for longer than we
        # waited. And a list of open orders may be older than the update that ended one of them.
        self._past: OrderedDict[str, Order] = OrderedDict()
        self.last_fill: Level | None = store.last_fill()
        self.placed = 0
        """Acknowledged by the venue since the start."""
        self.filled = 0

    def live(self) -> list[Order]:
        """Oldest first."""
        return list(self._live.values())

    def resting(self) -> list[Resting]:
        """The same as the grid wants them."""
        return [Resting(one.client_order_id, one.side, one.price) for one in self._live.values()]

    def open(self) -> list[Order]:
        """Known to rest at the venue."""
        return [one for one in self._live.values() if one.status in OPEN]

    def unknown(self) -> list[Order]:
        """Those that the venue must be asked about, and about which no call is on its way."""
        return [one for one in self._live.values() if one.status is Status.UNKNOWN and not one.is_busy]

    def in_doubt(self) -> int:
        """How many may or may not be at the venue."""
        return sum(one.status is Status.UNKNOWN for one in self._live.values())

    def get(self, client_order_id: str) -> Order | None:
        """A live one."""
        return self._live.get(client_order_id)

    def decide(self, tickets: Sequence[Ticket]) -> list[Order]:
        """Orders for the tickets, stamped now, and on disk when this returns. sqlite3.Error: nothing was decided."""
        decided = [
            Order(PREFIX + secrets.token_hex(10), one.side, one.price, one.quantity, time.time_ns()) for one in tickets
        ]
        if decided:
            self._store.decide(decided)
        for order in decided:
            self._live[order.client_order_id] = order
            self._log.info(
                "order decided", client_order_id=order.client_order_id, decided_ns=order.decided_ns,
                side=order.side, price=plain(order.price), quantity=plain(order.quantity),
            )  # fmt: skip
        return decided

    def apply(self, told: Seen) -> bool:
        """Take over what is newer than what is known; True when it changed an order of ours."""
        order = self._live.get(told.client_order_id) or self._past.get(told.client_order_id)
        if order is None or not _is_newer(told, order):
            return False
        before = order.status
        order.order_id = told.order_id or order.order_id
        order.executed = told.executed
        order.status = told.status
        self._live[order.client_order_id] = order
        self._past.pop(order.client_order_id, None)
        if before not in OPEN:
            self.placed += told.status not in (Status.REJECTED,)
            if before is Status.DEAD:
                self._log.warn("order given up turned up", client_order_id=order.client_order_id, status=told.status)
        if told.status is Status.FILLED:
            self.filled += 1
            self.last_fill = Level(order.side, order.price)
        if before is not told.status:
            self._tell(order)
        if told.status in FINAL:
            self._over(order)
        self._book([order], self.last_fill if told.status is Status.FILLED else None)
        return True

    def mark(self, order: Order, status: Status) -> None:
        """Our own conclusion about a live order: unknown, refused, dead, or cancelled as acknowledged."""
        if order.client_order_id not in self._live or order.status is status:
            return
        order.status = status
        if status is Status.CANCELED:
            self._tell(order)
        if status is Status.DEAD or status in FINAL:
            self._over(order)
        self._book([order])

    def adopt(self, found: Iterable[Seen]) -> tuple[int, int]:
        """Take over open orders of ours that the store has lost; how many, and how many are of somebody else."""
        adopted: list[Order] = []
        foreign = 0
        for told in found:
            if told.client_order_id in self._live or told.client_order_id in self._past:
                self.apply(told)
            elif told.client_order_id.startswith(PREFIX):
                order = Order(told.client_order_id, told.side, told.price, told.quantity, time.time_ns(), told.status)
                order.order_id, order.executed = told.order_id, told.executed
                adopted.append(order)
            else:
                foreign += 1
        self._live.update({order.client_order_id: order for order in adopted})
        self._book(adopted)
        return len(adopted), foreign

    def _tell(self, order: Order) -> None:
        self._log.info(
            f"order {_WORDS[order.status]}", client_order_id=order.client_order_id, order_id=order.order_id,
            side=order.side, price=plain(order.price), executed_qty=plain(order.executed),
        )  # fmt: skip

    def _over(self, order: Order) -> None:
        del self._live[order.client_order_id]
        self._past[order.client_order_id] = order
        if len(self._past) > KEPT_PAST:
            self._past.popitem(last=False)

    def _book(self, orders: Sequence[Order], last_fill: Level | None = None) -> None:
        """What became of orders; after a failure the file is behind, and the next start asks the venue anyway."""
        try:
            self._store.update(orders, last_fill)
        except sqlite3.Error as error:
            self._log.error("outcome could not be stored", file=str(self._store.path), error=str(error))


_WORDS = {
    Status.NEW: "placed",
    Status.PARTIALLY_FILLED: "partly filled",
    Status.FILLED: "filled",
    Status.CANCELED: "cancelled",
    Status.REJECTED: "rejected",
    Status.EXPIRED: "expired",
}


def _is_newer(told: Seen, order: Order) -> bool:
    """Replies and updates overtake each other, but an order only ever moves on."""
    if told.executed < order.executed or order.status in FINAL:
        return False
    if order.status in OPEN:
        return told.status is not order.status or told.executed > order.executed
    return True
