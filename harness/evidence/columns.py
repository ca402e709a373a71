"""Evidence on disk: one Arrow stream file a kind of record, readable up to the last complete batch whatever happens."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zlib import crc32

import numpy as np
import pyarrow as pa

from harness.evidence.records import NO_DETAIL, Call, Fact, Mark, Message, Reading, Record
from harness.evidence.release import give_back
from harness.evidence.stack import Stack
from harness.evidence.tables import CallTable, Floats, Ints, Labels, MessageTable, ReadingTable

META = "meta.json"
META_VERSION = 1
END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
_CHUNK_BYTES = 1 << 20
_NAMES = pa.dictionary(pa.int32(), pa.string())
_DETAIL = pa.map_(pa.string(), pa.string())
Take = Callable[[pa.RecordBatch], None]


class EvidenceError(Exception):
    """A folder holds no evidence, or some that this version cannot read; one sentence."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How one kind of record is laid out. Columns that repeat few strings are dictionaries, one a batch:
    each batch can then be read with nothing but what precedes it, and the writer keeps no growing state."""

    name: str
    schema: pa.Schema

    @property
    def file(self) -> str:
        """Name of the file; a recording that was taken up again has further ones."""
        return f"{self.name}.arrows"


def _kind(name: str, columns: Mapping[str, pa.DataType]) -> Kind:
    return Kind(name, pa.schema([pa.field(column, of, nullable=False) for column, of in columns.items()]))


KINDS: Mapping[type[Record], Kind] = MappingProxyType({
    Call: _kind("calls", {
        "seq": pa.int64(), "client": _NAMES, "method": _NAMES, "due_ns": pa.int64(), "sent_ns": pa.int64(),
        "done_ns": pa.int64(), "outcome": _NAMES, "code": _NAMES,
    }),
    Message: _kind("messages", {
        "client": _NAMES, "stream": _NAMES, "key": _NAMES, "value": pa.string(), "serial": pa.int64(),
        "sent_ns": pa.int64(), "received_ns": pa.int64(), "subscription": pa.int64(), "digest": pa.int64(),
        "wrong": _NAMES,
    }),
    Mark: _kind("marks", {"t_ns": pa.int64(), "name": _NAMES, "detail": _DETAIL, "earliest_ns": pa.int64()}),
    Reading: _kind("readings", {"t_ns": pa.int64(), "probe": _NAMES, "value": pa.float64(), "unit": _NAMES}),
    Fact: _kind("facts", {
        "name": _NAMES, "value": pa.float64(), "unit": _NAMES, "subject": pa.string(), "detail": pa.string(),
    }),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meta:
    """What the records are about. `rows` and `checksums` (CRC-32) of each file that was closed in order."""

    host: str = ""
    target: str = ""
    plan_digest: str = ""
    closed: bool = False
    rows: Mapping[str, int] = field(default_factory=dict)
    checksums: Mapping[str, int] = field(default_factory=dict)

    def text(self) -> str:
        """As it stands in the meta file."""
        return json.dumps({"version": META_VERSION, **asdict(self)}, indent=1) + "\n"


class Encoder:
    """Turns records of one kind into the bytes of an Arrow stream, batch by batch."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._fields = attrgetter(*kind.schema.names)
        self._sink = io.BytesIO()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        self._writer = pa.ipc.new_stream(self._sink, kind.schema, options=options)

    def batch(self, records: Sequence[Record]) -> bytes:
        """The bytes to append for these records; the first ones begin with the schema.

        Raises pyarrow.ArrowException, TypeError or OverflowError for a record that does not fit its columns.
        """
        rows = zip(*map(self._fields, records), strict=True)
        columns = [_column(column, values) for column, values in zip(self._kind.schema, rows, strict=True)]
        self._writer.write_batch(pa.record_batch(columns, schema=self._kind.schema))
        return self._taken()

    def end(self) -> bytes:
        """The bytes that close the stream."""
        self._writer.close()
        return self._taken()

    def _taken(self) -> bytes:
        taken = self._sink.getvalue()
        self._sink.seek(0)
        self._sink.truncate()
        return taken


def _column(column: pa.Field, values: Sequence[Any]) -> pa.Array:
    if column.type == _DETAIL:
        return pa.array([list(detail.items()) for detail in values], _DETAIL)
    return pa.array(values, column.type)


_IN_TIME: Mapping[type[Record], Callable[..., Any]] = {Call: CallTable, Reading: ReadingTable}


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """What a folder holds: calls and readings in the order of time, the rest in that of writing.

    `torn`: one sentence for each part that was lost.
    """

    calls: CallTable
    messages: MessageTable
    marks: tuple[Mark, ...]
    readings: ReadingTable
    facts: tuple[Fact, ...]
    meta: Meta
    torn: tuple[str, ...]


def load_records(folder: Path, *, messages: bool = True) -> Loaded:
    """Everything up to the last complete batch of each kind. Raises EvidenceError.

    `messages` False: their table stays empty, and nothing is told of what is lost of them.
    """
    meta, torn = load_meta(folder)
    many: dict[str, Any] = {}
    few: dict[str, pa.Table] = {}
    for record, kind in KINDS.items():
        table_of = _IN_TIME.get(record)
        if table_of is not None:
            stack = Stack(kind.schema)
            torn += _load_kind(folder, kind, meta, stack.append)
            many[kind.name] = table_of(*stack.columns()).sorted()  # before the next kind: not all twice at once
            give_back()
            continue
        batches: list[pa.RecordBatch] = []
        torn += _load_kind(folder, kind, meta, batches.append) if messages or record is not Message else []
        few[kind.name] = pa.Table.from_batches(batches, kind.schema).unify_dictionaries()
    if not meta.closed:
        torn.append("the recording was never closed: the harness was stopped while it recorded, or is still at it")
    return Loaded(
        calls=many["calls"],
        messages=MessageTable(*_columns(few["messages"])),
        marks=tuple(
            Mark(row["t_ns"], row["name"], _detail(row["detail"]), row["earliest_ns"])
            for row in few["marks"].to_pylist()
        ),
        readings=many["readings"],
        facts=tuple(Fact(**row) for row in few["facts"].to_pylist()),
        meta=meta,
        torn=tuple(torn),
    )


def load_meta(folder: Path) -> tuple[Meta, list[str]]:
    """What the records are about, and what of it is lost. Raises EvidenceError when there is nothing."""
    file = folder / META
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EvidenceError(f"{folder} holds no evidence (no {META}): run the case first") from None
    except (ValueError, OSError) as broken:
        return Meta(), [f"{META} cannot be read ({broken}): host, target and plan are unknown"]
    if document.pop("version", None) != META_VERSION:
        raise EvidenceError(f"{file} has another version than {META_VERSION}: read it with the harness that wrote it")
    return Meta(**document), []


def _load_kind(folder: Path, kind: Kind, meta: Meta, take: Take) -> list[str]:
    """Hand over all complete batches of one kind, of every part of the recording; what is lost of it."""
    losses: list[str] = []
    known = {file.name for file in folder.glob(f"{kind.name}*.arrows")}
    known |= {name for name in meta.rows if name.startswith(kind.name)}
    for name in sorted(known):
        file = folder / name
        if not file.exists():
            losses.append(f"{name}: {meta.rows[name]} records are gone with the file")
            continue
        raw = file.read_bytes()
        checksum = meta.checksums.get(name)
        is_known = checksum == crc32(raw)
        losses += [f"{name}: {what}" for what in _read_batches(raw, kind, take, is_known=is_known)]
        if checksum is not None and not is_known:
            losses.append(f"{name}: its content is not what was recorded, it was changed since")
    return losses


def read_messages(files: Sequence[Path]) -> MessageTable:
    """The complete batches of these files, in the order of writing."""
    kind, batches = KINDS[Message], list[pa.RecordBatch]()
    for file in files:
        _read_batches(file.read_bytes(), kind, batches.append)
    return MessageTable(*_columns(pa.Table.from_batches(batches, kind.schema).unify_dictionaries()))


def _read_batches(raw: bytes, kind: Kind, take: Take, *, is_known: bool = False) -> list[str]:
    """Hand over a file's complete batches; what was wrong with the rest. `is_known`: nothing can be, by checksum."""
    count = 0
    options = pa.ipc.IpcReadOptions(use_threads=False)
    try:
        with pa.ipc.open_stream(pa.BufferReader(raw), options=options) as reader:
            if reader.schema != kind.schema:
                return ["its columns are not those of this kind, nothing of it can be read"]
            for batch in reader:
                if not is_known:
                    batch.validate(full=True)
                take(batch)
                count += 1
    except (pa.ArrowException, OSError) as broken:
        told = str(broken).splitlines()[0]
        return [f"the end is torn, {count} complete batches are left ({told})"]
    return [] if raw.endswith(END_OF_STREAM) else ["it stops without an end mark; a last batch may be lost"]


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is left of a file whose writer was killed: `rows` records in whole batches, and the file's checksum."""

    rows: int
    checksum: int


def seal(file: Path, kind: Kind) -> Sealed:
    """Cut a file behind its last whole batch and end it, so that it is read as what it is: a part, and no torn one.

    One batch at a time is in memory. Raises OSError; EvidenceError for a file of other columns, which stays as it is.
    """
    rows, whole_bytes = _whole_batches(file, kind)
    with file.open("r+b") as opened:
        opened.truncate(whole_bytes)
        opened.seek(whole_bytes)
        opened.write(END_OF_STREAM if whole_bytes else Encoder(kind).end())
    checksum = 0
    with file.open("rb") as written:
        while chunk := written.read(_CHUNK_BYTES):
            checksum = crc32(chunk, checksum)
    return Sealed(rows, checksum)


def _whole_batches(file: Path, kind: Kind) -> tuple[int, int]:
    """How many records its whole batches hold, and how many bytes those take with the head; (0, 0) without a head."""
    rows = whole_bytes = 0
    try:
        with pa.OSFile(str(file)) as source, pa.ipc.open_stream(source) as reader:
            if reader.schema != kind.schema:
                raise EvidenceError(f"{file} has other columns than this version writes: resume it with that one")
            whole_bytes = source.tell()
            while True:
                batch = reader.read_next_batch()
                batch.validate(full=True)
                rows, whole_bytes = rows + batch.num_rows, source.tell()
    except (pa.ArrowException, OSError, StopIteration):
        return rows, whole_bytes  # here it ends, or is torn


def _columns(table: pa.Table) -> list[Any]:
    return [_loaded(table.column(name), table.schema.field(name).type) for name in table.schema.names]


def _loaded(column: pa.ChunkedArray, of: pa.DataType) -> Labels | Ints | Floats:
    if of in (_NAMES, pa.string()):
        whole = column.combine_chunks()
        coded = whole if of == _NAMES else whole.dictionary_encode()
        if isinstance(coded, pa.ChunkedArray):
            coded = coded.combine_chunks() if coded.num_chunks else pa.array([], pa.string()).dictionary_encode()
        return Labels.coded(coded.indices.to_numpy(zero_copy_only=False).astype(np.int32), coded.dictionary.to_pylist())
    values: Ints | Floats = column.to_numpy()
    return values.copy() if column.num_chunks == 1 else values  # of several chunks it is one already


def _detail(pairs: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    return MappingProxyType(dict(pairs)) if pairs else NO_DETAIL
