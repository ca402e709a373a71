"""Deliveries that the venue never sent: how many on each stream, and the first."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.evidence.records import UNKNOWN_SERIAL
from harness.evidence.tables import MessageTable

UNKNOWN = "unknown updates"


@dataclass(frozen=True, slots=True)
class Seen:
    """Of one stream."""

    number: int
    first: str


class UnknownUpdates:
    """Takes messages part by part."""

    def __init__(self) -> None:
        self.by_stream: dict[str, Seen] = {}

    def take(self, rows: MessageTable) -> None:
        """The next messages."""
        unknown = rows.serial == UNKNOWN_SERIAL
        for stream in rows.stream.rows(unknown).distinct():
            mine = np.flatnonzero(unknown & rows.stream.equal(stream))
            row = int(mine[0])
            first = f"{rows.key[row]!r} = {rows.value[row]!r} at {rows.client[row]}"
            seen = self.by_stream.get(stream, Seen(0, first))
            self.by_stream[stream] = replace(seen, number=seen.number + len(mine))
