"""The ledger: every update that the venue emitted, numbered without a gap, in the spellings clients may see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from harness.venue.core.tape import Tape

LEDGER_BYTES = 64 * 1024 * 1024
"""Beyond this the oldest updates are forgotten, and reading from before them is refused: about five million updates,
a quarter of an hour at five thousand a second."""
CUT = "\x1f"


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

    def __init__(self, max_bytes: int = LEDGER_BYTES) -> None:
        self._tape = Tape(max_bytes)

    @property
    def serial(self) -> int:
        """Of the latest update, 0 before the first."""
        return self._tape.last

    @property
    def bytes(self) -> int:
        """What it takes in memory: its limit and 512 unpacked updates more at most."""
        return self._tape.bytes

    def emit(self, stream: str, spellings: Iterable[tuple[str, str]], sent_ns: int, account: str = "") -> int:
        """Number one update and write down its (key, value) spellings; returns the serial."""
        parts = [f"{sent_ns}{CUT}{stream}{CUT}{account}"]
        for key, value in spellings:
            # Only a client's own id could hold the separator, and no venue takes it there.
            parts.append(key if CUT not in key else key.replace(CUT, " "))
            parts.append(value)
        return self._tape.append(CUT.join(parts))

    def forget(self, serial: int) -> None:
        """Whoever reads has everything up to there: it need not be kept."""
        self._tape.forget(serial)

    def since(self, serial: int, limit: int | None = None) -> list[Row]:
        """Rows with a higher serial, oldest first; ValueError when some of them were forgotten already.

        `limit`: stop after so many rows, but never part the spellings of one update: a reader goes on from the last
        serial it got.
        """
        dropped = self._tape.dropped
        if serial < dropped:
            raise ValueError(
                f"the ledger keeps updates after serial {dropped}, {serial} is too old: read it more often"
            )
        rows: list[Row] = []
        for number, record in self._tape.after(serial):
            if limit is not None and len(rows) >= limit:
                break
            stamp, stream, account, *spelled = record.split(CUT)
            sent_ns = int(stamp)
            rows += [
                Row(number, stream, key, value, sent_ns, account)
                for key, value in zip(spelled[::2], spelled[1::2], strict=True)
            ]
        return rows
