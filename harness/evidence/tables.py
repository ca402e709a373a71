"""CallTable, MessageTable, ReadingTable: records as frozen numpy columns, always in the order of time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from harness.evidence.records import Call, Message, Outcome, Reading

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Rows = Mask | npt.NDArray[np.intp]
"""Which rows of a table: a mask of its length, or positions."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """A column of strings: `names` sorted and distinct, `codes[i]` the position of row i's name in them."""

    codes: npt.NDArray[np.int32]
    names: tuple[str, ...]

    @classmethod
    def of(cls, values: Iterable[str]) -> Labels:
        """The column that holds these strings."""
        seen: dict[str, int] = {}
        codes = np.fromiter((seen.setdefault(value, len(seen)) for value in values), np.int32)
        return cls.coded(codes, tuple(seen))

    @classmethod
    def coded(cls, codes: npt.NDArray[np.int32], names: Sequence[str]) -> Labels:
        """From distinct names in any order; sorts them, so that equal columns have equal codes."""
        order = sorted(range(len(names)), key=names.__getitem__)
        rank = np.empty(len(names), np.int32)
        rank[order] = np.arange(len(names), dtype=np.int32)
        sorted_codes = rank[codes] if len(names) else codes
        sorted_codes.setflags(write=False)
        return cls(sorted_codes, tuple(names[position] for position in order))

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, row: int) -> str:
        return self.names[int(self.codes[row])]

    def __iter__(self) -> Iterator[str]:
        return (self.names[code] for code in self.codes)

    def rows(self, rows: Rows) -> Labels:
        """The same column at these rows only."""
        codes = self.codes[rows]
        codes.setflags(write=False)
        return Labels(codes, self.names)

    def distinct(self) -> tuple[str, ...]:
        """The names that occur in a row, sorted."""
        counts = np.bincount(self.codes, minlength=len(self.names))  # counting is quicker than sorting
        return tuple(self.names[code] for code in np.flatnonzero(counts))

    def equal(self, name: str) -> Mask:
        """Mask of the rows that hold exactly this name."""
        return self.one_of((name,))

    def one_of(self, names: Iterable[str]) -> Mask:
        """Mask of the rows that hold any of these names."""
        wanted = frozenset(names)
        return self._rows_where(name in wanted for name in self.names)

    def matching(self, pattern: str) -> Mask:
        """Mask of the rows that match: `c*` is every name that begins with c, anything else the name itself."""
        return self._rows_where(matches(name, pattern) for name in self.names)

    def _rows_where(self, chosen: Iterable[bool]) -> Mask:
        if not self.names:
            return np.zeros(len(self.codes), np.bool_)
        return np.fromiter(chosen, np.bool_, len(self.names))[self.codes]


def matches(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern: a prefix followed by `*`, or the whole name."""
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


class _Columns:
    """What the tables share: their fields are columns of one length."""

    __slots__ = ()

    def rows(self, rows: Rows) -> Self:
        """The same table with these rows only."""
        at = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows  # looked for once, not in each column
        chosen: list[Any] = []
        for column in fields(self):  # type: ignore[arg-type]
            values = getattr(self, column.name)
            if isinstance(values, Labels):
                chosen.append(values.rows(at))
            else:
                chosen.append(_frozen(values[at]))
        return type(self)(*chosen)

    def _by(self, time: Ints, *ties: npt.NDArray[Any]) -> Self:
        """Its rows in that order; itself when they are so already."""
        order = in_time(time, *ties)
        if (np.diff(order) != 1).any():
            return self.rows(order)
        for column in fields(self):  # type: ignore[arg-type]
            values = getattr(self, column.name)
            _frozen(values.codes if isinstance(values, Labels) else values)
        return self


def in_time(time: Ints, *ties: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Positions in the order of time, equal times by the first of the others, and so on.

    Rows come nearly in order, and few are equal: the others have a say among those only, one after another.
    """
    order = np.argsort(time, kind="stable")
    same = np.diff(time[order]) == 0
    for column in ties:
        pairs = np.flatnonzero(same)
        if not len(pairs):
            break
        tied = np.append(same, False)
        tied[1:] |= same
        at = np.flatnonzero(tied)
        group = np.append(0, np.cumsum(~same[at[:-1]]))
        few = order[at]
        order[at] = few[np.lexsort((column[few], group))]
        same[pairs] = column[order[pairs]] == column[order[pairs + 1]]
    return order


@dataclass(frozen=True, slots=True, eq=False)
class CallTable(_Columns):
    """Calls as columns, sorted by the time they were sent."""

    seq: Ints
    client: Labels
    method: Labels
    due_ns: Ints
    sent_ns: Ints
    done_ns: Ints
    outcome: Labels
    code: Labels

    @classmethod
    def of(cls, records: Sequence[Call]) -> CallTable:
        """From records in any order."""
        return cls(
            _ints([one.seq for one in records]),
            Labels.of(one.client for one in records),
            Labels.of(one.method for one in records),
            _ints([one.due_ns for one in records]),
            _ints([one.sent_ns for one in records]),
            _ints([one.done_ns for one in records]),
            Labels.of(str(one.outcome) for one in records),
            Labels.of(one.code for one in records),
        ).sorted()

    def sorted(self) -> CallTable:
        """In the order of time; equal times by client and number, so that the order of merging never shows."""
        return self._by(self.sent_ns, self.done_ns, self.client.codes, self.seq, self.method.codes)

    def __len__(self) -> int:
        return len(self.seq)

    def __iter__(self) -> Iterator[Call]:
        for row in range(len(self)):
            yield Call(
                int(self.seq[row]), self.client[row], self.method[row], int(self.due_ns[row]),
                int(self.sent_ns[row]), int(self.done_ns[row]), Outcome(self.outcome[row]), self.code[row],
            )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class MessageTable(_Columns):
    """Messages as columns, sorted by the time they were received; the venue's ledger is among them."""

    client: Labels
    stream: Labels
    key: Labels
    value: Labels
    serial: Ints
    sent_ns: Ints
    received_ns: Ints
    subscription: Ints
    digest: Ints
    wrong: Labels

    @classmethod
    def of(cls, records: Sequence[Message]) -> MessageTable:
        """From records in any order."""
        return cls(
            Labels.of(one.client for one in records),
            Labels.of(one.stream for one in records),
            Labels.of(one.key for one in records),
            Labels.of(one.value for one in records),
            _ints([one.serial for one in records]),
            _ints([one.sent_ns for one in records]),
            _ints([one.received_ns for one in records]),
            _ints([one.subscription for one in records]),
            _ints([one.digest for one in records]),
            Labels.of(one.wrong for one in records),
        ).sorted()

    def sorted(self) -> MessageTable:
        """In the order of time; equal times by serial and content, so that the order of merging never shows."""
        return self._by(
            self.received_ns, self.serial, self.subscription, self.client.codes, self.stream.codes, self.key.codes,
            self.value.codes, self.wrong.codes, self.digest,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.serial)

    def __iter__(self) -> Iterator[Message]:
        for row in range(len(self)):
            yield Message(
                self.client[row], self.stream[row], self.key[row], self.value[row], int(self.serial[row]),
                int(self.sent_ns[row]), int(self.received_ns[row]), int(self.subscription[row]),
                int(self.digest[row]), self.wrong[row],
            )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class ReadingTable(_Columns):
    """Readings as columns, sorted by time."""

    t_ns: Ints
    probe: Labels
    value: Floats
    unit: Labels

    @classmethod
    def of(cls, records: Sequence[Reading]) -> ReadingTable:
        """From records in any order."""
        return cls(
            _ints([one.t_ns for one in records]),
            Labels.of(one.probe for one in records),
            _frozen(np.array([one.value for one in records], np.float64)),
            Labels.of(one.unit for one in records),
        ).sorted()

    def sorted(self) -> ReadingTable:
        """In the order of time; equal times by probe and value."""
        return self._by(self.t_ns, self.probe.codes, self.value)

    def __len__(self) -> int:
        return len(self.t_ns)

    def __iter__(self) -> Iterator[Reading]:
        for row in range(len(self)):
            yield Reading(int(self.t_ns[row]), self.probe[row], float(self.value[row]), self.unit[row])


def _ints(values: Sequence[int]) -> Ints:
    return _frozen(np.array(values, np.int64))


def _frozen(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    column.setflags(write=False)
    return column
