"""The Recorder: appends records to a folder of columns, cheaply and from any thread, at most a second behind."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self
from zlib import crc32

import pyarrow as pa

from harness.evidence.columns import KINDS, META, Encoder, EvidenceError, Kind, Meta, load_meta, seal
from harness.evidence.records import Record

BATCH_RECORDS = 4096
"""A batch is written when this many records of one kind wait."""
FLUSH_S = 1.0
"""And after this time, however few there are."""
MOST_WAITING = 64 * BATCH_RECORDS
"""Beyond this the appending thread writes itself: memory stays bounded when the disk is slow."""
CLOSE_LIMIT_S = 30.0


class RecorderError(Exception):
    """Recording cannot go on; one sentence: what, where, what to do. Everything written before stays readable."""


class RecorderFullError(RecorderError):
    """The disk, or the quota on it, is full."""


@dataclass(eq=False)
class _Part:
    """One kind's file: `waiting` records are not written yet; the first `size_bytes` of the file are whole batches."""

    kind: Kind
    path: Path
    waiting: list[Record] = field(default_factory=list)
    encoder: Encoder | None = None
    descriptor: int = -1
    size_bytes: int = 0
    checksum: int = 0
    written: int = 0


class Recorder:
    """`append` records, then `close`; also a context manager.

    The folder is made when it is missing. `resume`: continue a recording that was broken off, in further files of the
    same folder; what was left open is cut behind its last whole batch and ended. `flush_s`: how far behind it may be;
    batches of a longer time take less space.
    Raises RecorderError when it cannot be written, or holds a recording already. `failure`: the error that ended the
    recording, for good.
    """

    def __init__(
        self, path: Path, *, host: str = "", target: str = "", plan_digest: str = "", resume: bool = False,
        flush_s: float = FLUSH_S,
    ) -> None:  # fmt: skip
        self.path = Path(path)
        self.failure: RecorderError | None = None
        self._meta = Meta(host, target, plan_digest)
        self._flush_s = flush_s
        self._closed = False
        self._appending = threading.Lock()
        self._writing = threading.Lock()
        self._due = threading.Event()
        self._stopping = threading.Event()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._parts = self._make_parts(resume)
            self._write_meta()
        except EvidenceError as unreadable:
            raise RecorderError(str(unreadable)) from None
        except OSError as error:
            raise self._explained(error) from None
        self._flusher = threading.Thread(target=self._keep_flushing, name=f"recorder {self.path.name}", daemon=True)
        self._flusher.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def append(self, record: Record) -> None:
        """Take one record; thread-safe, does not wait for the disk. Raises RecorderError once recording failed."""
        if self.failure is not None:
            raise self.failure
        with self._appending:
            if self._closed:
                raise RecorderError(f"{self.path} is closed: nothing can be recorded after the trial has ended")
            waiting = self._parts[type(record)].waiting
            waiting.append(record)
        if len(waiting) >= BATCH_RECORDS:
            self._due.set()
            if len(waiting) >= MOST_WAITING:
                self.flush()

    def flush(self, *, durable: bool = False) -> None:
        """Write everything that was appended so far. `durable`: also past a power failure, which takes the disk its
        time; appending goes on meanwhile. Raises RecorderError when it cannot."""
        with self._writing:
            self._write_waiting()
            if durable and self.failure is None:
                self._guarded(self._sync_parts)
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """Write the rest, end the files. Raises RecorderError when recording failed, then or earlier."""
        with self._appending:
            if self._closed:
                return
            self._closed = True
        self._stopping.set()
        self._due.set()
        self._flusher.join(CLOSE_LIMIT_S)
        with self._writing:
            self._write_waiting()
            self._end()
        if self.failure is not None:
            raise self.failure

    def _make_parts(self, resume: bool) -> dict[type[Record], _Part]:
        earlier = any(self.path.glob("*.arrows")) or (self.path / META).exists()
        if earlier and not resume:
            raise RecorderError(f"{self.path} holds a recording already: choose another folder, none is overwritten")
        if earlier:
            told, _ = load_meta(self.path)
            self._meta = replace(self._meta, rows=told.rows, checksums=told.checksums)
            self._seal()
        number = 0
        while any((self.path / _file_name(kind, number)).exists() for kind in KINDS.values()):
            number += 1
        return {record: _Part(kind, self.path / _file_name(kind, number)) for record, kind in KINDS.items()}

    def _seal(self) -> None:
        """End the files that a killed recorder has left open: what each lacks is lost, what it holds is whole."""
        for kind in KINDS.values():
            for file in sorted(self.path.glob(f"{kind.name}*.arrows")):
                if file.name in self._meta.rows:
                    continue
                sealed = seal(file, kind)
                _sync(file)
                self._meta = replace(
                    self._meta,
                    rows={**self._meta.rows, file.name: sealed.rows},
                    checksums={**self._meta.checksums, file.name: sealed.checksum},
                )

    def _keep_flushing(self) -> None:
        while not self._stopping.is_set() and self.failure is None:
            self._due.wait(self._flush_s)
            self._due.clear()
            with self._writing:
                self._write_waiting()

    def _write_waiting(self) -> None:
        """Write what waits; a failure is kept, not raised. The caller holds `_writing`."""
        if self.failure is not None:
            return
        try:
            for part in self._parts.values():
                with self._appending:
                    records, part.waiting = part.waiting, []
                if records:
                    self._write_batch(part, records)
            self._check_still_there()
        except OSError as error:
            self.failure = self._explained(error)
        except (pa.ArrowException, TypeError, ValueError, OverflowError, AttributeError) as error:
            told = str(error).splitlines()[0] if str(error) else type(error).__name__
            self.failure = RecorderError(f"a record for {self.path} does not fit its columns: {told}; mend its maker")

    def _write_batch(self, part: _Part, records: list[Record]) -> None:
        if part.encoder is None:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
            part.descriptor = os.open(part.path, flags, 0o644)
            part.encoder = Encoder(part.kind)
        self._write(part, part.encoder.batch(records))
        part.written += len(records)

    def _write(self, part: _Part, chunk: bytes) -> None:
        """The whole chunk or nothing: half a batch would hide where the file was cut."""
        view = memoryview(chunk)
        try:
            while view:
                view = view[os.write(part.descriptor, view) :]
        except OSError:
            os.ftruncate(part.descriptor, part.size_bytes)
            raise
        part.size_bytes += len(chunk)
        part.checksum = crc32(chunk, part.checksum)

    def _check_still_there(self) -> None:
        """A deleted file swallows what is written to it without a word: look for its name."""
        (self.path / META).stat()
        for part in self._parts.values():
            if part.descriptor >= 0 and part.path.stat().st_ino != os.fstat(part.descriptor).st_ino:
                raise FileNotFoundError(errno.ENOENT, "another file has taken its place", str(part.path))

    def _end(self) -> None:
        for part in self._parts.values():
            if part.descriptor < 0 or part.encoder is None:
                continue
            if self.failure is None:
                self._guarded(partial(self._write, part, part.encoder.end()))
        self._guarded(self._sync_parts)  # before what says that everything is there
        for part in self._parts.values():
            if part.descriptor >= 0:
                os.close(part.descriptor)
                part.descriptor = -1
        if self.failure is None:
            used = [part for part in self._parts.values() if part.encoder is not None]
            rows = {**self._meta.rows, **{part.path.name: part.written for part in used}}
            checksums = {**self._meta.checksums, **{part.path.name: part.checksum for part in used}}
            self._meta = replace(self._meta, closed=True, rows=rows, checksums=checksums)
            self._guarded(self._write_meta)

    def _guarded(self, act: Callable[[], None]) -> None:
        """Do something to the disk; the first failure is kept, not raised."""
        try:
            act()
        except OSError as error:
            self.failure = self.failure or self._explained(error)

    def _sync_parts(self) -> None:
        """What was written is on the disk, and so are the files' names."""
        for part in self._parts.values():
            if part.descriptor >= 0:
                os.fsync(part.descriptor)
        _sync(self.path)

    def _write_meta(self) -> None:
        """Whole or not at all, past a power failure too."""
        fresh = self.path / f"{META}.new"
        with fresh.open("w", encoding="utf-8") as file:
            file.write(self._meta.text())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.path / META)
        _sync(self.path)

    def _explained(self, error: OSError) -> RecorderError:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return RecorderFullError(f"the disk is full under {self.path}: free some space and run the case again")
        if isinstance(error, FileNotFoundError):
            gone = error.filename or self.path
            return RecorderError(f"{gone} vanished while recording: leave the folder alone during a run")
        told = error.strerror or str(error)
        return RecorderError(f"cannot write to {self.path} ({told}): check the folder's rights and its disk")


def _sync(path: Path) -> None:
    """A file's content, or a folder's names, survive a power failure from here on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file_name(kind: Kind, number: int) -> str:
    return f"{kind.name}-{number}.arrows" if number else kind.file
