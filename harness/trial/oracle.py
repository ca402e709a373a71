"""The venue's ledger as the oracle: which updates it sent, in every spelling a client may see them in."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.venue.control import LedgerRow, VenueControl

RECENT_UPDATES = 2_000
"""Enough to look back over what a waiting client may just have been sent."""
SPARED_UPDATES = 100_000
"""Many times what a venue sends between two checkpoints of a recording."""
RECENT_KEYS = 500
"""Of so many symbols and orders the last update is kept: orders come and go for as long as a trial lasts."""


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


class LedgerTail:
    """Reads a venue's ledger as it grows, each row once."""

    def __init__(self, venue: VenueControl, since: int) -> None:
        self._venue = venue
        self._since = since
        self._turn = asyncio.Lock()
        self.recent: deque[Update] = deque(maxlen=RECENT_UPDATES)
        self.end = (since, 0)
        """Serial and time (Unix ns) of the last row taken in."""
        self._last: OrderedDict[tuple[str, frozenset[str]], Update] = OrderedDict()

    async def pull(self, record: Callable[[LedgerRow], None]) -> None:
        """Take in what is new, handing each row to `record`."""
        async with self._turn:
            async for page in self._venue.ledger_pages(self._since):
                for row in page:
                    record(row)
                for update in updates(page):
                    self.recent.append(update)
                    self._keep_last(update)
                self._since = page[-1].serial
                self.end = (page[-1].serial, page[-1].sent_ns)

    async def forget(self) -> None:
        """The venue need not keep what was taken in, but for the newest: a broken recording reads them again."""
        async with self._turn:
            await self._venue.forget(max(0, self._since - SPARED_UPDATES))

    def _keep_last(self, update: Update) -> None:
        self._last[update.stream, update.keys] = update
        self._last.move_to_end((update.stream, update.keys))
        if len(self._last) > RECENT_KEYS:
            self._last.popitem(last=False)

    def since(self, serial: int) -> list[Update]:
        """The updates after `serial`, as far back as they are kept."""
        return [update for update in self.recent if update.serial > serial]

    def last(self) -> list[Update]:
        """For each symbol, order or account (the last RECENT_KEYS that moved) the update that came last."""
        return list(self._last.values())
