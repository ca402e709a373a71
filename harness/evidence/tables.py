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
        return tuple(self.names[code] for code in np.unique(self.codes))

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
        chosen: list[Any] = []
        for column in fields(self):  # type: ignore[arg-type]
            values = getattr(self, column.name)
            if isinstance(values, Labels):
                chosen.append(values.rows(rows))
            else:
                chosen.append(_frozen(values[rows]))
        return type(self)(*chosen)


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
        return self.rows(np.lexsort((self.method.codes, self.seq, self.client.codes, self.done_ns, self.sent_ns)))

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
        order = np.lexsort((self.serial, self.received_ns))
        same = np.ones(max(len(order) - 1, 0), np.bool_)
        for column in (self.serial, self.received_ns):
            same &= np.diff(column[order]) == 0
        # what all of it would be sorted by has a say among the few that are equal so far
        tied = np.zeros(len(order), np.bool_)
        tied[1:] |= same
        tied[:-1] |= same
        few = order[tied]
        ties: list[npt.NDArray[Any]] = [self.digest]
        ties += [column.codes for column in (self.wrong, self.value, self.key, self.stream, self.client)]
        ties += [self.subscription, self.serial, self.received_ns]
        order[tied] = few[np.lexsort([column[few] for column in ties])]
        return self.rows(order)

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
        return self.rows(np.lexsort((self.value, self.probe.codes, self.t_ns)))

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
