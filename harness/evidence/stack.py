"""Stack: the columns of many batches on top of each other, never all of them in memory twice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harness.evidence.tables import Floats, Ints, Labels

_ROWS = 100_000
"""So many are brought together at once: small batches are dear each by itself."""


class Stack:
    """Takes batches of one schema, in which strings are dictionaries."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._columns = [_Column(pa.types.is_dictionary(field.type)) for field in schema]

    def append(self, batch: pa.RecordBatch) -> None:
        """The next rows."""
        self._waiting.append(batch)
        self._rows += len(batch)
        if self._rows >= _ROWS:
            self._take()

    def columns(self) -> list[Labels | Ints | Floats]:
        """All of it, in the order of the schema; the stack is empty then."""
        self._take()
        columns, self._columns = self._columns[::-1], []
        return [columns.pop().whole(field.type) for field in self._schema]

    def _take(self) -> None:
        table = pa.Table.from_batches(self._waiting, self._schema).unify_dictionaries().combine_chunks()
        self._waiting, self._rows = [], 0
        for column, values in zip(self._columns, table.columns if len(table) else (), strict=False):
            column.take(values.chunk(0))


class _Column:
    def __init__(self, has_names: bool) -> None:
        self._names: dict[str, int] | None = {} if has_names else None
        self._parts: list[npt.NDArray[np.generic]] = []

    def take(self, values: pa.Array) -> None:
        if self._names is None:
            self._parts.append(values.to_numpy().copy())  # what Arrow holds goes with the batch
            return
        names = self._names
        codes = [names.setdefault(name, len(names)) for name in values.dictionary.to_pylist()]
        self._parts.append(np.array(codes, np.int32)[values.indices.to_numpy()])

    def whole(self, of: pa.DataType) -> Labels | Ints | Floats:
        parts, self._parts = self._parts, []
        if self._names is None:
            return np.concatenate(parts) if parts else np.empty(0, of.to_pandas_dtype())
        codes = np.concatenate(parts) if parts else np.empty(0, np.int32)
        return Labels.coded(codes, tuple(self._names))
