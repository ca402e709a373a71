"""Survey: what is to be known of a large recording's messages before the first of them is judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pyarrow as pa

from harness.evidence.columns import END_OF_STREAM, KINDS, Meta
from harness.evidence.records import VENUE, Message
from harness.evidence.tables import Ints

_SCHEMA = KINDS[Message].schema
_SURVEYED = ("client", "stream", "sent_ns", "received_ns")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Survey:
    """What is to be known of all messages before the first is looked at. Times in Unix ns; `lowest_ns`: the earliest
    time in each batch or any after it, `highest_ns` the latest in each; `losses`: a sentence for each."""

    clients: tuple[str, ...]
    ledger_streams: frozenset[str]
    first_ns: int
    last_ns: int
    lowest_ns: Ints
    highest_ns: Ints
    sound: frozenset[Path]
    """Files that are what was recorded, by their checksum: each batch of the others is looked at before it is used."""
    losses: tuple[str, ...]


def message_files(folder: Path) -> list[Path]:
    """The message files of a recording in the order in which they were begun."""
    found = folder.glob(f"{KINDS[Message].name}*.arrows")
    return sorted(found, key=lambda file: int(file.stem.partition("-")[2] or 0))


def surveyed(files: Sequence[Path], meta: Meta) -> Survey:
    """Look at all of it once, at these few columns only where nothing else can be wrong."""
    clients: set[str] = set()
    streams: set[str] = set()
    lowest: list[int] = []
    highest: list[int] = []
    received: list[int] = []
    sound: list[Path] = []
    losses = [
        f"{name}: {count} records are gone with the file"
        for name, count in meta.rows.items()
        if name.startswith(KINDS[Message].name) and name not in {file.name for file in files}
    ]
    for file in files:
        is_known, told = _checked(file, meta)
        losses += told
        batches = Batches(file, _SURVEYED if is_known else _SCHEMA.names, is_known=is_known)
        sound += [file] if is_known else []
        for batch in batches:
            client, stream = batch.column("client"), batch.column("stream")
            when = batch.column("received_ns").to_numpy()
            clients |= _names(client, client.indices.to_numpy())
            received += [int(when.min()), int(when.max())]
            by_venue = client.dictionary.index(VENUE).as_py()
            if by_venue >= 0:
                ledger = client.indices.to_numpy() == by_venue
                streams |= _names(stream, stream.indices.to_numpy()[ledger])
                when = np.where(ledger, batch.column("sent_ns").to_numpy(), when)
            lowest.append(int(when.min()))
            highest.append(int(when.max()))
        losses += [f"{file.name}: {what}" for what in batches.losses]
    return Survey(
        tuple(sorted(clients)),
        frozenset(streams),
        min(received, default=0),
        max(received, default=0),
        np.minimum.accumulate(np.array(lowest[::-1], np.int64))[::-1],
        np.array(highest, np.int64),
        frozenset(sound),
        tuple(losses),
    )


def _names(column: pa.DictionaryArray, codes: Ints) -> set[str]:
    """Those that occur; counting is quicker than sorting."""
    names = column.dictionary.to_pylist()
    counts = np.bincount(codes, minlength=len(names))
    return {name for name, count in zip(names, counts, strict=True) if count}


def _checked(file: Path, meta: Meta) -> tuple[bool, list[str]]:
    """Whether a file is known to be what was recorded, and what is wrong with it as a whole."""
    checksum, end = 0, b""
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            checksum, end = crc32(chunk, checksum), (end + chunk)[-len(END_OF_STREAM) :]
    known = meta.checksums.get(file.name)
    losses = [] if end == END_OF_STREAM else [f"{file.name}: it stops without an end mark; a last batch may be lost"]
    if known is not None and known != checksum:
        losses.append(f"{file.name}: its content is not what was recorded, it was changed since")
    return known == checksum, losses


class Batches:
    """Complete batches of a file, only these columns; empty ones left out. `losses`: why it ended too early."""

    def __init__(self, file: Path, columns: Sequence[str], *, is_known: bool) -> None:
        self.losses: list[str] = []
        self._file, self._is_known = file, is_known
        self._options = pa.ipc.IpcReadOptions(
            use_threads=False, included_fields=[_SCHEMA.names.index(name) for name in columns]
        )

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        count = 0
        try:
            with pa.OSFile(str(self._file)) as source, pa.ipc.open_stream(source, options=self._options) as reader:
                for batch in reader:
                    if not self._is_known:
                        batch.validate(full=True)
                    count += 1
                    if len(batch):
                        yield batch
        except (pa.ArrowException, OSError) as broken:
            told = str(broken).splitlines()[0]
            self.losses.append(f"the end is torn, {count} complete batches are left ({told})")
