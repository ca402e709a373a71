"""The venue's ledger as the oracle: which updates it sent, in every spelling a client may see them in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.venue.control import LedgerRow


@dataclass(frozen=True, slots=True)
class Update:
    """One update of the venue. `spellings`: the (key, value) pairs under which it may reach a client."""

    serial: int
    stream: str
    spellings: frozenset[tuple[str, str]]

    @property
    def keys(self) -> frozenset[str]:
        """Symbol, or both ids of an order."""
        return frozenset(key for key, _ in self.spellings)


def updates(rows: Iterable[LedgerRow]) -> list[Update]:
    """The ledger's rows grouped by serial, in order."""
    grouped: dict[tuple[int, str], set[tuple[str, str]]] = {}
    for row in rows:
        grouped.setdefault((row.serial, row.stream), set()).add((row.key, row.value))
    return [Update(serial, stream, frozenset(pairs)) for (serial, stream), pairs in sorted(grouped.items())]


def last_updates(rows: Iterable[LedgerRow]) -> list[Update]:
    """For each symbol, order or account the update that came last."""
    last: dict[tuple[str, frozenset[str]], Update] = {}
    for update in updates(rows):
        last[update.stream, update.keys] = update
    return list(last.values())
