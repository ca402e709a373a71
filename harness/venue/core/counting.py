"""Counters that stay small whatever clients make up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast

Row = TypeVar("Row", bound=tuple[str | int, ...])
MAX_TEXT = 120


@dataclass(slots=True)
class Count:
    """Sockets of one row."""

    now: int = 0
    peak: int = 0
    total: int = 0

    def up(self) -> None:
        """One more."""
        self.now += 1
        self.total += 1
        self.peak = max(self.peak, self.now)

    def back(self) -> None:
        """One less that never was one."""
        self.now -= 1
        self.total -= 1
        self.peak = min(self.peak, max(self.now, self.total))


class Capped(Counter[Row]):
    """A counter with at most `rows` rows and those that `other` makes of the rest. `counted`: told of each count."""

    def __init__(
        self, rows: int, other: Callable[[Row], Row], counted: Callable[[Row], None] = lambda row: None
    ) -> None:
        super().__init__()
        self._rows = rows
        self._other = other
        self._counted = counted

    def __setitem__(self, row: Row, count: int) -> None:
        asked, row = row, _short(row)
        if row not in self and len(self) >= self._rows:
            row = self._other(row)
        self._counted(row)
        super().__setitem__(row, count if row == asked else count + self.get(row, 0))


def _short(row: Row) -> Row:
    if all(len(part) <= MAX_TEXT for part in row if isinstance(part, str)):
        return row
    return cast(Row, tuple(part[:MAX_TEXT] if isinstance(part, str) else part for part in row))


class AskedIds:
    """How often orders were asked for with each (account, client id); the newest `kept` ids are remembered."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._counts: dict[tuple[str, str], int] = {}
        self._repeated: dict[tuple[str, str], None] = {}
        self.repeated_total = 0
        """Ids that were asked for more than once, those that were forgotten since included."""

    def ask(self, account: str, client_id: str) -> None:
        """Nothing happens for an order without one."""
        if not client_id:
            return
        row = (account, client_id)
        count = self._counts.get(row, 0) + 1
        self._counts[row] = count
        if count == 2:
            self.repeated_total += 1
            self._repeated[row] = None
        if len(self._counts) > self._kept:
            oldest = next(iter(self._counts))
            del self._counts[oldest]
            self._repeated.pop(oldest, None)

    def shown(self, newest: int) -> list[tuple[str, str, int]]:
        """(account, client id, how often): the `newest` repeated ones and the `newest` ones, oldest first."""
        rows = dict.fromkeys([*list(self._repeated)[-newest:], *_last(self._counts, newest)])
        return [(*row, self._counts[row]) for row in rows]


def _last(counts: dict[tuple[str, str], int], newest: int) -> list[tuple[str, str]]:
    found = [row for row, _ in zip(reversed(counts), range(newest), strict=False)]
    return found[::-1]
