"""Slices: the messages of a recording that is too large for memory, resolved, a stretch of time after another."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol, TypeVar, cast

import numpy as np
import pyarrow as pa

from harness.evidence.columns import KINDS, Meta, read_messages
from harness.evidence.ledger import latest_update, resolve
from harness.evidence.records import UNKNOWN_SERIAL, VENUE, Message
from harness.evidence.release import give_back
from harness.evidence.survey import Batches, surveyed
from harness.evidence.tables import Ints, Labels, Mask, MessageTable, in_time


@dataclass(frozen=True, slots=True)
class Slicing:
    """Least rows of a slice, and how much of the ledger before a slice is kept at hand: hardly any delivery comes
    later; the few that do are looked up."""

    rows: int = 120_000
    lookback_ns: int = 60_000_000_000


_SCHEMA = KINDS[Message].schema
_VENUE = pa.scalar(VENUE)


class Fold(Protocol):
    """Takes the messages of an evidence part by part, in the order of time."""

    def take(self, rows: MessageTable) -> None:
        """The next part."""


F = TypeVar("F", bound=Fold)


class Slices:
    """Iterating gives tables that follow each other in time, each with what the whole table would hold, but that
    spellings of one update with one key are one row, and that `value` is empty wherever the ledger knows the serial.

    `remembered` folds run together over one reading. A file's end that is torn is left out, as everywhere.
    """

    def __init__(self, files: Sequence[Path], meta: Meta, slicing: Slicing) -> None:
        self._files = tuple(files)
        self._slicing = slicing
        self.survey = surveyed(self._files, meta)
        self._whole: MessageTable | None = None
        self._earlier: Mapping[int, tuple[Ints, Ints]] | None = None
        self._waiting: dict[Hashable, Fold] = {}
        self._done: dict[Hashable, Fold] = {}

    def whole(self) -> MessageTable:
        """All of it at once, however much memory that takes; kept, since who asks once asks often."""
        if self._whole is None:
            self._whole = resolve(read_messages(self._files).sorted())
        return self._whole

    def expect(self, key: Hashable, make: Callable[[], Fold]) -> None:
        """Somebody will ask for this: let it take part in the next reading."""
        if key not in self._done and key not in self._waiting:
            self._waiting[key] = make()

    def folded(self, key: Hashable, make: Callable[[], F]) -> F:
        """The fold after all messages."""
        self.expect(key, make)
        if key not in self._done:
            for rows in self if self._whole is None else (self._whole,):
                for fold in self._waiting.values():
                    fold.take(rows)
            self._done |= self._waiting
            self._waiting = {}
            give_back()
        return cast(F, self._done[key])

    def __iter__(self) -> Iterator[MessageTable]:
        for number, part in enumerate(self._parts()):
            serial, sent_ns = part.serial, part.sent_ns
            if len(part.unfound):
                if self._earlier is None:
                    self._earlier = self._looked_up()
                found, times = self._earlier[number]
                serial, sent_ns = serial.copy(), sent_ns.copy()
                serial[part.unfound] = found
                sent_ns[part.unfound] = np.where(found > 0, times, sent_ns[part.unfound])
            yield part.condensed(serial, sent_ns)

    def _parts(self) -> Iterator[_Part]:
        """Every stretch with the ledger's rows shortly before it."""
        before, first = _SCHEMA.empty_table(), True
        for table in self._stretches():
            both = pa.concat_tables([before, table]).unify_dictionaries().combine_chunks()
            part = _Part.of(both, len(before), self.survey.ledger_streams, is_first=first)
            yield part
            since = int(part.when_ns.max(initial=0)) - self._slicing.lookback_ns
            kept = part.ledger & (part.when_ns >= since)
            first = first and bool(kept[part.ledger].all())
            before = _trimmed(both.filter(pa.array(kept)))

    def _stretches(self) -> Iterator[pa.Table]:
        """The rows as recorded, cut at times before which nothing more comes."""
        import pyarrow.compute as pc  # here: 9 MB that one who only records can spare

        lowest, highest = self.survey.lowest_ns, self.survey.highest_ns
        waiting: list[tuple[int, pa.Table]] = []
        count = 0
        for at, batch in enumerate(self._batches()):
            waiting.append((int(highest[at]), pa.Table.from_batches([batch])))
            count += len(batch)
            if count < self._slicing.rows or at + 1 >= len(lowest):
                continue
            ready, rest = [], []
            for latest, table in waiting:
                if latest < lowest[at + 1]:
                    ready.append(table)
                    continue
                early = pa.array(_when_ns(table) < lowest[at + 1])
                ready.append(table.filter(early).combine_chunks())
                rest.append((latest, table.filter(pc.invert(early)).combine_chunks()))
            if any(map(len, ready)):
                yield pa.concat_tables(ready)
            waiting, count = [one for one in rest if len(one[1])], 0
        if waiting:
            yield pa.concat_tables([table for _, table in waiting])

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for file in self._files:
            yield from Batches(file, _SCHEMA.names, is_known=file in self.survey.sound)

    def _looked_up(self) -> dict[int, tuple[Ints, Ints]]:
        """For each stretch serial and time of the updates that its late deliveries were, however long before."""
        import pyarrow.compute as pc  # here: 9 MB that one who only records can spare

        asked = [part.table.take(pa.array(part.unfound)) for part in self._parts()]
        late = pa.concat_tables(asked).unify_dictionaries().combine_chunks()
        values = pc.unique(late.column("value"))
        known = [
            table.filter(pc.and_(pc.equal(table.column("client"), _VENUE), pc.is_in(table.column("value"), values)))
            for table in self._stretches()
        ]
        both = pa.concat_tables([late, *known]).unify_dictionaries().combine_chunks()
        part = _Part.of(both, 0, self.survey.ledger_streams, is_first=True)
        counts = np.cumsum([0, *(len(one) for one in asked)])
        return {
            number: (part.serial[begin:end], part.sent_ns[begin:end])
            for number, (begin, end) in enumerate(pairwise(counts))
        }


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """A stretch as it was recorded, the ledger's rows before it (`own`: where it begins), and what was found out.

    `unfound`: deliveries whose update may lie further back.
    """

    table: pa.Table
    own: int
    client: Labels
    stream: Labels
    ledger: Mask
    when_ns: Ints
    serial: Ints
    sent_ns: Ints
    unfound: Ints

    @classmethod
    def of(cls, table: pa.Table, own: int, known: frozenset[str], *, is_first: bool) -> _Part:
        """Find the updates of its deliveries. `is_first`: there is nothing further back."""
        client, stream = _labels(table, "client"), _labels(table, "stream")
        serial, sent_ns = (table.column(name).to_numpy() for name in ("serial", "sent_ns"))
        ledger = client.equal(VENUE)
        when_ns = np.where(ledger, sent_ns, table.column("received_ns").to_numpy())
        raw = ~ledger & (serial == 0) & stream.one_of(known)
        unfound = np.zeros(0, np.int64)
        if raw.any():
            deliveries, update = _updates(table, stream, raw, ledger, when_ns, serial)
            found = update >= 0
            serial, sent_ns = serial.copy(), sent_ns.copy()
            serial[deliveries] = np.where(found, serial[update], UNKNOWN_SERIAL)
            sent_ns[deliveries] = np.where(found, sent_ns[update], sent_ns[deliveries])
            unfound = unfound if is_first else deliveries[~found]
        return cls(table, own, client, stream, ledger, when_ns, serial, sent_ns, unfound)

    def condensed(self, serial: Ints, sent_ns: Ints) -> MessageTable:
        """Its own rows as a table in the order of time."""
        table = self.table
        key = _coded(table, "key")
        again = np.zeros(len(table), np.bool_)
        if len(table) > 1:
            same = self.ledger[1:] & self.ledger[:-1]
            for column in (serial, sent_ns, self.stream.codes, key):
                same &= column[1:] == column[:-1]
            again[1:] = same
        again[: self.own] = True
        rows = np.flatnonzero(~again)
        received, subscription, digest = (
            table.column(name).to_numpy() for name in ("received_ns", "subscription", "digest")
        )
        rows = rows[in_time(received[rows], serial[rows])]  # hardly any is to be moved again
        told = np.flatnonzero((serial[rows] <= 0) & ~self.ledger[rows])
        values = ["", *table.column("value").take(pa.array(rows[told])).to_pylist()]
        shown = np.zeros(len(rows), np.int64)
        shown[told] = np.arange(1, len(values))
        texts = Labels.of(values)
        return MessageTable(
            self.client.rows(rows), self.stream.rows(rows), _labels(table, "key").rows(rows), texts.rows(shown),
            serial[rows], sent_ns[rows], received[rows], subscription[rows], digest[rows],
            _labels(table, "wrong").rows(rows),
        ).sorted()  # fmt: skip


def _updates(
    table: pa.Table, stream: Labels, raw: Mask, ledger: Mask, when_ns: Ints, serial: Ints
) -> tuple[Ints, Ints]:
    """Positions of the deliveries to be resolved, and of the update of each; -1: none here."""
    import pyarrow.compute as pc  # here: 9 MB that one who only records can spare

    keys = len(table.column("key").chunk(0).dictionary)
    subject = stream.codes.astype(np.int64) * keys + _coded(table, "key")
    values = table.column("value").chunk(0)
    asked = pc.unique(values.filter(pa.array(raw)))
    told = pc.index_in(values, value_set=asked)
    concerned = np.flatnonzero(raw | (ledger & told.is_valid().to_numpy(zero_copy_only=False)))
    says = subject[concerned] * len(asked) + told.take(pa.array(concerned)).to_numpy()
    is_update = ledger[concerned]
    update = latest_update(says, is_update, when_ns[concerned], serial[concerned])
    return concerned[~is_update], np.where(update >= 0, concerned[update], -1)


def _trimmed(table: pa.Table) -> pa.Table:
    """The same rows, their dictionaries without what no row holds: ids of orders would pile up over a day."""
    for at, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            values = table.column(at).combine_chunks()
            codes, again = np.unique(values.indices.to_numpy(), return_inverse=True)
            names = values.dictionary.take(pa.array(codes))
            fewer = pa.DictionaryArray.from_arrays(pa.array(again.astype(np.int32)), names)
            table = table.set_column(at, column, fewer)
    return table


def _when_ns(table: pa.Table) -> Ints:
    ledger = _labels(table, "client").equal(VENUE)
    when: Ints = np.where(ledger, table.column("sent_ns").to_numpy(), table.column("received_ns").to_numpy())
    return when


def _coded(table: pa.Table, name: str) -> Ints:
    codes: Ints = table.column(name).chunk(0).indices.to_numpy() if len(table) else np.zeros(0, np.int64)
    return codes


def _labels(table: pa.Table, name: str) -> Labels:
    if not len(table):
        return Labels(np.zeros(0, np.int32), ())
    column = table.column(name).chunk(0)
    return Labels.coded(column.indices.to_numpy().astype(np.int32), column.dictionary.to_pylist())
