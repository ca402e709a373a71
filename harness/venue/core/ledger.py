"""The ledger: every update that the venue emitted, numbered without a gap, in the spellings clients may see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

MAX_ROWS = 3_000_000
"""Beyond this the oldest quarter is dropped, and reading from before it is refused."""


class Row(NamedTuple):
    """One spelling of one update. `account` is empty for public streams."""

    serial: int
    stream: str
    key: str
    value: str
    sent_ns: int
    account: str


class Ledger:
    """Append-only; serials start at 1. One update may have several rows of the same serial."""

    def __init__(self, max_rows: int = MAX_ROWS) -> None:
        self._rows: list[Row] = []
        self._max_rows = max_rows
        self._dropped_serial = 0
        self.serial = 0

    def emit(self, stream: str, spellings: Iterable[tuple[str, str]], sent_ns: int, account: str = "") -> int:
        """Number one update and write down its (key, value) spellings; returns the serial."""
        self.serial = serial = self.serial + 1
        for key, value in spellings:
            self._rows.append(Row(serial, stream, key, value, sent_ns, account))
        if len(self._rows) > self._max_rows:
            cut = self._max_rows // 4
            while self._rows[cut].serial == self._rows[cut - 1].serial:
                cut += 1
            self._dropped_serial = self._rows[cut - 1].serial
            del self._rows[:cut]
        return serial

    def since(self, serial: int, limit: int | None = None) -> list[Row]:
        """Rows with a higher serial, oldest first; ValueError when some of them were dropped already."""
        if serial < self._dropped_serial:
            raise ValueError(
                f"the ledger keeps updates after serial {self._dropped_serial}, {serial} is too old: read it more often"
            )
        start = self._first_after(serial)
        rows = self._rows
        if limit is None or start + limit >= len(rows):
            return rows[start:]
        # Never part the spellings of one update: a reader goes on from the last serial it got.
        end = start + limit
        while end < len(rows) and rows[end].serial == rows[end - 1].serial:
            end += 1
        return rows[start:end]

    def _first_after(self, serial: int) -> int:
        low, high = 0, len(self._rows)
        while low < high:
            middle = (low + high) // 2
            if self._rows[middle].serial <= serial:
                low = middle + 1
            else:
                high = middle
        return low
