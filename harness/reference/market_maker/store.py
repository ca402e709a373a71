"""Store: orders and the grid's memory in SQLite, on disk before the venue hears of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path

from harness.reference.market_maker.grid import Level, Side
from harness.reference.market_maker.order import LIVE, Order, Status

KEPT_CLOSED = 100_000
"""Closed orders that a start leaves in the file, the latest."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    client_order_id TEXT PRIMARY KEY, symbol TEXT NOT NULL, side TEXT NOT NULL, price TEXT NOT NULL,
    quantity TEXT NOT NULL, decided_ns INTEGER NOT NULL, order_id INTEGER NOT NULL, executed TEXT NOT NULL,
    status TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS orders_by_status ON orders (status);
CREATE TABLE IF NOT EXISTS memory (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


class StoreRefused(Exception):
    """The file cannot be used: one sentence."""


class Store:
    """One file of one process at a time. Every write raises sqlite3.Error when it is not on disk afterwards."""

    def __init__(self, path: Path, symbol: str) -> None:
        self.path = path
        self._symbol = symbol
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=1.0, isolation_level=None)
            # Exclusive: a second market maker on the same file would place the same orders again.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.executescript(_SCHEMA)
            self._prune()
        except (sqlite3.Error, OSError) as error:
            raise StoreRefused(
                f"DB_FILE {path} cannot be used ({error}): give a file in a writable folder that no other process has"
            ) from None

    def live(self) -> list[Order]:
        """Orders of the symbol that may rest at the venue, oldest first; those in doubt are UNKNOWN."""
        marks = ",".join("?" * len(LIVE))
        rows = self._db.execute(
            "SELECT client_order_id, side, price, quantity, decided_ns, order_id, executed, status FROM orders "
            f"WHERE symbol = ? AND status IN ({marks}) ORDER BY decided_ns",
            (self._symbol, *LIVE),
        )
        found = []
        for client_order_id, side, price, quantity, decided_ns, order_id, executed, status in rows:
            order = Order(client_order_id, Side(side), Decimal(price), Decimal(quantity), decided_ns)
            order.order_id, order.executed = order_id, Decimal(executed)
            # Whether it was sent before the process ended, nobody knows.
            order.status = Status.UNKNOWN if status == Status.DECIDED else Status(status)
            found.append(order)
        return found

    def total(self) -> int:
        """Orders in the file."""
        return int(self._db.execute("SELECT count(*) FROM orders").fetchone()[0])

    def decide(self, orders: Sequence[Order]) -> None:
        """Book new orders, all or none, on the disk itself: not even a power cut forgets them."""
        self._write(orders, "FULL")

    def update(self, orders: Iterable[Order], last_fill: Level | None = None) -> None:
        """Book what became of orders. A power cut may forget it; the venue is asked after a start anyway."""
        self._write(orders, "NORMAL", {"last_fill": f"{last_fill.side} {last_fill.price}"} if last_fill else {})

    def last_fill(self) -> Level | None:
        """The level that was filled last."""
        text = self._remembered("last_fill")
        if text is None:
            return None
        side, _, price = text.partition(" ")
        return Level(Side(side), Decimal(price))

    def anchor(self, price: Decimal) -> Decimal:
        """The price around which a window that stands still was put at first; this one when there is none yet."""
        text = self._remembered("anchor")
        if text is None:
            self._write((), "NORMAL", {"anchor": str(price)})
            return price
        return Decimal(text)

    def close(self) -> None:
        """Everything into the one file."""
        self._db.close()

    def _remembered(self, name: str) -> str | None:
        row = self._db.execute("SELECT value FROM memory WHERE name = ?", (f"{self._symbol} {name}",)).fetchone()
        return None if row is None else str(row[0])

    def _write(self, orders: Iterable[Order], synchronous: str, memory: dict[str, str] | None = None) -> None:
        self._db.execute(f"PRAGMA synchronous={synchronous}")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT OR REPLACE INTO orders VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (one.client_order_id, self._symbol, one.side, str(one.price), str(one.quantity), one.decided_ns,
                     one.order_id, str(one.executed), one.status)
                    for one in orders
                ],
            )  # fmt: skip
            self._db.executemany(
                "INSERT OR REPLACE INTO memory VALUES (?, ?)",
                [(f"{self._symbol} {name}", value) for name, value in (memory or {}).items()],
            )
            self._db.execute("COMMIT")
        except sqlite3.Error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def _prune(self) -> None:
        marks = ",".join("?" * len(LIVE))
        self._db.execute(
            f"DELETE FROM orders WHERE status NOT IN ({marks}) AND decided_ns <= "
            "(SELECT decided_ns FROM orders ORDER BY decided_ns DESC LIMIT 1 OFFSET ?)",
            (*LIVE, KEPT_CLOSED),
        )
