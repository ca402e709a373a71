"""A tape of texts, numbered without a gap and bounded in bytes: what runs over the end is forgotten, oldest first."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator

CHUNK_RECORDS = 4096
SLOT_BYTES = 8
"""What a list spends on each of its items."""


class Tape:
    """Append-only; numbers start at 1. Plain texts in place of objects: a tenth of the memory, and no work for the
    garbage collector, whose pauses would be seen as latency.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._chunks: deque[list[str]] = deque([[]])
        self._chunk_bytes: deque[int] = deque()
        self._open_bytes = 0
        self._closed_bytes = 0
        self.last = 0
        """Number of the latest record, 0 before the first."""
        self.dropped = 0
        """Number of the latest record that was forgotten, 0 when none was."""

    @property
    def bytes(self) -> int:
        """What the records take in memory."""
        return self._closed_bytes + self._open_bytes

    def append(self, record: str) -> int:
        """Returns its number."""
        self.last += 1
        chunk = self._chunks[-1]
        chunk.append(record)
        self._open_bytes += sys.getsizeof(record) + SLOT_BYTES
        if len(chunk) >= CHUNK_RECORDS:
            self._closed_bytes += self._open_bytes
            self._chunk_bytes.append(self._open_bytes)
            self._open_bytes = 0
            self._chunks.append([])
        if self._closed_bytes + self._open_bytes > self._max_bytes and self._chunk_bytes:
            self._closed_bytes -= self._chunk_bytes.popleft()
            self.dropped += len(self._chunks.popleft())
        return self.last

    def after(self, number: int) -> Iterator[tuple[int, str]]:
        """Records with a higher number that are still there, oldest first."""
        number = max(number, self.dropped)
        # Every chunk but the last is full, so that a number says where its record is.
        start = number - self.dropped
        for index in range(start // CHUNK_RECORDS, len(self._chunks)):
            for record in self._chunks[index][start % CHUNK_RECORDS :]:
                number += 1
                yield number, record
            start = 0
