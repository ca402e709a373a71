"""All orders of all accounts by id and by client id; closed ones age out.

The rule: every open order is kept, and of the closed ones of all accounts together the last CLOSED_KEPT, for CLOSED_S
each: memory follows the rate of orders, not the length of a run. What is older is forgotten: unknown to queries, gone
from lists, and its client id free again. A client id is therefore unique among an account's open orders and those of
its closed ones that are still kept; used twice among these, it is refused.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from harness.venue.core.orders import Fill, Order

CLOSED_KEPT = 50_000
CLOSED_S = 900.0
FILLS_KEPT = 5_000


class OrderBook:
    """Ids are consecutive from `first_id`, so that a seed gives the same ids again."""

    def __init__(
        self, first_id: int, closed_kept: int = CLOSED_KEPT, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._closed_kept = closed_kept
        self._clock_s = clock_s  # not the exchange's time, which a fault may skew
        self._next_id = first_id
        self._next_trade_id = first_id * 10
        self._orders: dict[int, Order] = {}
        self._by_client_id: dict[tuple[str, str], int] = {}
        self._open: dict[str, dict[int, Order]] = {}
        self._closed: deque[tuple[int, float]] = deque()
        self._fills: dict[str, deque[Fill]] = {}
        self.accepted = 0

    def next_id(self) -> int:
        """Id of the order about to be booked."""
        return self._next_id

    def next_trade_id(self) -> int:
        """A fresh trade id."""
        self._next_trade_id += 1
        return self._next_trade_id

    def add(self, order: Order) -> None:
        """Book an order whose id came from `next_id`."""
        self._next_id = order.order_id + 1
        self.accepted += 1
        self._orders[order.order_id] = order
        self._open.setdefault(order.account, {})[order.order_id] = order
        if order.client_id:
            self._by_client_id[order.account, order.client_id] = order.order_id

    def closed(self, order: Order) -> None:
        """The order is final."""
        self._open[order.account].pop(order.order_id, None)
        now_s = self._clock_s()
        self._closed.append((order.order_id, now_s))
        while len(self._closed) > self._closed_kept or self._closed[0][1] < now_s - CLOSED_S:
            gone = self._orders.pop(self._closed.popleft()[0])
            self._by_client_id.pop((gone.account, gone.client_id), None)

    def filled(self, account: str, fill: Fill) -> None:
        """Keep a fill for the account's history."""
        self._fills.setdefault(account, deque(maxlen=FILLS_KEPT)).append(fill)

    def by_id(self, account: str, order_id: int) -> Order | None:
        """The account's order of that id."""
        order = self._orders.get(order_id)
        return order if order is not None and order.account == account else None

    def by_client_id(self, account: str, client_id: str) -> Order | None:
        """The account's order of that client id."""
        order_id = self._by_client_id.get((account, client_id))
        return None if order_id is None else self._orders[order_id]

    def any_by_id(self, order_id: int) -> Order | None:
        """Whoever's order."""
        return self._orders.get(order_id)

    def open_orders(self, account: str, symbol: str = "") -> list[Order]:
        """Oldest first."""
        orders = self._open.get(account, {}).values()
        return [order for order in orders if not symbol or order.symbol == symbol]

    def all_orders(self, account: str, symbol: str = "") -> list[Order]:
        """Open and closed ones still kept, oldest first."""
        return [
            order
            for order in self._orders.values()
            if order.account == account and (not symbol or order.symbol == symbol)
        ]

    def fills(self, account: str, symbol: str = "") -> list[Fill]:
        """The latest fills, oldest first."""
        return [fill for fill in self._fills.get(account, ()) if not symbol or fill.symbol == symbol]
