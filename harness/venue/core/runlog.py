"""The time-stamped log of a run: what came in, what opened and ended, which fault bit; bounded in bytes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from harness.venue.core.tape import Tape

LOG_BYTES = 8 * 1024 * 1024
"""Beyond this the oldest rows are forgotten: some 200,000 rows."""
CUT = "\x1f"
MAX_TEXT = 300


class LogRow(NamedTuple):
    """One thing that happened. `number` counts from 1 without a gap, `t_ns` is Unix time."""

    number: int
    t_ns: int
    what: str
    subject: str
    detail: str


class RunLog:
    """Append-only."""

    def __init__(self, now_ns: Callable[[], int], max_bytes: int = LOG_BYTES) -> None:
        self._now_ns = now_ns
        self._tape = Tape(max_bytes)

    @property
    def last(self) -> int:
        """Number of the latest row."""
        return self._tape.last

    @property
    def dropped(self) -> int:
        """How many rows were forgotten."""
        return self._tape.dropped

    def add(self, what: str, subject: str, detail: str = "") -> None:
        """It happened now."""
        subject, detail = (text[:MAX_TEXT].replace(CUT, " ") for text in (subject, detail))
        self._tape.append(f"{self._now_ns()}{CUT}{what}{CUT}{subject}{CUT}{detail}")

    def since(self, number: int, limit: int) -> list[LogRow]:
        """Rows with a higher number that are still there, oldest first, at most `limit`."""
        rows: list[LogRow] = []
        for found, record in self._tape.after(number):
            if len(rows) >= limit:
                break
            t_ns, what, subject, detail = record.split(CUT)
            rows.append(LogRow(found, int(t_ns), what, subject, detail))
        return rows
