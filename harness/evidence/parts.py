"""Parts: one kind of record of a recording of any size, read a stretch of rows and only some columns at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from harness.evidence.columns import KINDS
from harness.evidence.records import Mark, Record
from harness.evidence.tables import Floats, Ints, Labels

ROWS = 200_000


class Part:
    """Some rows in the order of writing."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def labels(self, name: str) -> Labels:
        """A column of names."""
        column = self._table.column(name).chunk(0)
        return Labels.coded(column.indices.to_numpy().astype(np.int32), column.dictionary.to_pylist())

    def ints(self, name: str) -> Ints:
        """A column of numbers."""
        column: Ints = self._table.column(name).chunk(0).to_numpy()
        return column

    def floats(self, name: str) -> Floats:
        """A column of measured values."""
        column: Floats = self._table.column(name).chunk(0).to_numpy()
        return column


def parts(folder: Path, kind: type[Record], columns: Sequence[str], rows: int = ROWS) -> Iterator[Part]:
    """All complete batches of a kind, these columns only; what is torn off at a file's end is left out, silently.

    `rows`: about so many at once are in memory.
    """
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in _batches(folder, kind, columns):
        waiting.append(batch)
        count += len(batch)
        if count >= rows:
            yield _part(waiting)
            waiting, count = [], 0
    if waiting:
        yield _part(waiting)


def load_marks(folder: Path) -> tuple[Mark, ...]:
    """The marks alone, in the order of time."""
    schema = KINDS[Mark].schema
    rows = [row for batch in _batches(folder, Mark, schema.names) for row in batch.to_pylist()]
    found = [Mark(row["t_ns"], row["name"], dict(row["detail"]), row["earliest_ns"]) for row in rows]
    return tuple(sorted(found, key=lambda mark: mark.t_ns))


def size_bytes(folder: Path) -> int:
    """Of a recording on the disk. Raises OSError."""
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file())


def _part(batches: Sequence[pa.RecordBatch]) -> Part:
    return Part(pa.Table.from_batches(batches).unify_dictionaries().combine_chunks())


def _batches(folder: Path, kind: type[Record], columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    known = KINDS[kind]
    fields = [known.schema.names.index(name) for name in columns]
    options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=fields)
    found = folder.glob(f"{known.name}*.arrows")
    for file in sorted(found, key=lambda one: int(one.stem.partition("-")[2] or 0)):
        try:
            with pa.OSFile(str(file)) as source, pa.ipc.open_stream(source, options=options) as reader:
                for batch in reader:
                    if len(batch):
                        yield batch
        except (pa.ArrowException, OSError):
            continue  # judging tells of what is lost
