"""Lane: one direction of one connection, from the socket that is read to the one that is written."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from harness.evidence.clock import now_ns
from harness.trial.path.toxics import Course, CutAfter, Standing

CHUNK_BYTES = 65_536
QUEUE_BYTES = 65_536
"""So much may wait for a slow reader; after that the sender is not read any more, and feels it."""
FLIGHT_BYTES = 1_048_576
"""The same while there is a latency: what is on its way at once, as the window of a long connection."""
FLIGHT_PARCELS = 16_384
"""And never more pieces than this: small ones cost more than their bytes."""


class End(Enum):
    """How a stream of bytes ends."""

    FIN = "fin"
    RESET = "reset"


@dataclass(slots=True)
class Parcel:
    """What was read at once and waits for its time; an End comes after the last bytes."""

    due_s: float
    read_s: float
    read_ns: int
    content: memoryview | End


@dataclass(frozen=True, slots=True)
class Report:
    """Whom a lane tells: bytes went on (None: nobody asks), a cut is due, it is over, a reset got through."""

    passed: Callable[[bytes, int], None] | None
    cut: Callable[[CutAfter], None]
    over: Callable[[], None]
    reset: Callable[[], None]
    sink_lost: Callable[[], None]
    """The one who is to get the bytes has reset the connection: the other lane carries that back."""


class Lane:
    """Callbacks of the event loop, no tasks: one system call in and one out for a piece of an unhindered connection."""

    def __init__(self, source: socket.socket, sink: socket.socket, course: Course, report: Report) -> None:
        self._loop = asyncio.get_running_loop()
        self._source, self._sink = source, sink
        self._course = course
        self._report = report
        self._queue: deque[Parcel] = deque()
        self._queued_bytes = 0
        self._passed_bytes = 0
        self._cuts: dict[Standing, int] = {}
        self._granted: tuple[int, float, bool] | None = None
        self._buckets: tuple[object, ...] = ()
        self._timer: asyncio.TimerHandle | None = None
        self._reading = self._writing = False
        self._source_ended = self._source_lost = self._silenced = self._closed = False

    @property
    def over(self) -> bool:
        """Nothing will come any more and nothing may go."""
        return self._source_ended and self._silenced

    def start(self) -> None:
        """Read from now on."""
        self.changed()
        if not self._closed:
            self._read_on()

    def close(self) -> None:
        """Let go of both sockets; they may be closed then."""
        self._closed = True
        self._stop_reading()
        self._stop_waiting()
        self._queue.clear()

    def changed(self) -> None:
        """What holds on the course is another now."""
        if self._closed:
            return
        self._cuts = {
            one: self._cuts.get(one, self._passed_bytes + cut.after_bytes) for one, cut in self._course.cuts
        }  # fmt: skip
        buckets = tuple(bucket for _, bucket in self._course.bandwidths)
        if buckets != self._buckets:
            self._buckets, self._granted = buckets, None
        if self._silenced or not self._was_cut():
            self._flush()

    def hole_began(self) -> None:
        """What is on its way now is in the hole."""
        if self._queued_bytes:
            self._course.was_held(self._queued_bytes)

    def silence(self) -> bool:
        """Send FIN now; whatever still comes is read, so that nobody is held up, and goes nowhere. False: it had."""
        if self._closed or self._silenced:
            return False
        self._forget()
        with contextlib.suppress(OSError):
            self._sink.shutdown(socket.SHUT_WR)
        if self._source_lost:
            self._report.reset()
        elif self.over:
            self._report.over()
        else:
            self._read_on()
        return True

    def source_lost(self) -> None:
        """The sender has reset the connection: so will this lane, when all that was sent before has arrived."""
        if self._closed or self._source_lost:
            return
        self._source_lost = True
        self._enqueue(End.RESET)
        self._flush()

    # -- reading ------------------------------------------------------------------------------------

    def _readable(self) -> None:
        try:
            chunk = self._source.recv(CHUNK_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.source_lost()
            return
        if self._silenced:
            self._swallow(chunk)
            return
        if chunk and self._course.clear and not self._queue:
            t_ns = now_ns()
            sent = self._write(chunk)
            if sent < 0:
                return
            if sent:
                self._went_on(chunk if sent == len(chunk) else chunk[:sent], t_ns)
            if sent == len(chunk):
                return
            chunk = chunk[sent:]
        self._enqueue(memoryview(chunk) if chunk else End.FIN)
        if self._timer is None and not self._writing:
            self._flush()

    def _swallow(self, chunk: bytes) -> None:
        self._course.counters.swallowed_bytes += len(chunk)
        if not chunk:
            self._source_ended = True
            self._stop_reading()
            self._report.over()

    def _enqueue(self, content: memoryview | End) -> None:
        read_s = self._loop.time()
        self._queue.append(Parcel(read_s + self._course.delay_s(), read_s, now_ns(), content))
        if isinstance(content, End):
            self._source_ended = True
            self._stop_reading()
            return
        if self._course.holes:
            self._course.was_held(len(content))
        self._queued_bytes += len(content)
        if self._full():
            self._stop_reading()

    def _full(self) -> bool:
        limit_bytes = FLIGHT_BYTES if self._course.latencies else QUEUE_BYTES
        return self._queued_bytes >= limit_bytes or len(self._queue) >= FLIGHT_PARCELS

    def _read_on(self) -> None:
        if not self._reading and not self._source_ended:
            self._loop.add_reader(self._source, self._readable)
            self._reading = True

    def _stop_reading(self) -> None:
        if self._reading:
            self._loop.remove_reader(self._source)
            self._reading = False

    # -- writing ------------------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send all whose time has come; come back when there is more to do."""
        self._stop_waiting()
        while self._queue and not self._course.holes:
            parcel = self._queue[0]
            now_s = self._loop.time()
            if parcel.due_s > now_s:
                self._wake_at(parcel.due_s)
                break
            if isinstance(parcel.content, End):
                self._end(parcel.content)
                return
            size_bytes, at_s = self._allowed(len(parcel.content), now_s)
            if at_s > now_s:
                self._wake_at(at_s)
                break
            sent = self._write(parcel.content[:size_bytes])
            if sent < 0:
                return
            if sent == 0:
                self._loop.add_writer(self._sink, self._flush)
                self._writing = True
                break
            self._sent(parcel, sent, now_s)
            if self._was_cut():
                return
        if not self._full():
            self._read_on()

    def _allowed(self, size_bytes: int, now_s: float) -> tuple[int, float]:
        """How many of that many bytes may go at once, and when."""
        if self._cuts:
            size_bytes = min(size_bytes, min(self._cuts.values()) - self._passed_bytes)
        if not self._course.bandwidths:
            return size_bytes, now_s
        if self._granted is None:
            granted_bytes = min([size_bytes, *(bucket.grant_bytes for _, bucket in self._course.bandwidths)])
            at_s = max(bucket.granted_at_s(granted_bytes, now_s) for _, bucket in self._course.bandwidths)
            self._granted = granted_bytes, at_s, at_s > now_s
        return min(size_bytes, self._granted[0]), self._granted[1]

    def _sent(self, parcel: Parcel, size_bytes: int, now_s: float) -> None:
        """So many bytes of the first parcel went on."""
        assert isinstance(parcel.content, memoryview)
        if self._granted is not None:
            granted_bytes, at_s, waited = self._granted
            self._granted = (granted_bytes - size_bytes, at_s, waited) if size_bytes < granted_bytes else None
            if waited:
                self._course.was_throttled(size_bytes)
        if parcel.due_s > parcel.read_s:
            self._course.was_late(size_bytes, now_s - parcel.read_s)
        self._queued_bytes -= size_bytes
        piece = parcel.content[:size_bytes]
        if size_bytes == len(parcel.content):
            self._queue.popleft()
        else:
            parcel.content = parcel.content[size_bytes:]
        self._went_on(piece, parcel.read_ns)

    def _went_on(self, piece: bytes | memoryview, read_ns: int) -> None:
        self._passed_bytes += len(piece)
        if self._report.passed is not None:
            self._report.passed(bytes(piece), read_ns)

    def _was_cut(self) -> bool:
        for standing, at_bytes in self._cuts.items():
            if self._passed_bytes >= at_bytes:
                assert isinstance(standing.toxic, CutAfter)
                standing.bitten_connections += 1
                self._course.counters.cut_connections += 1
                self._report.cut(standing.toxic)
                return True
        return False

    def _write(self, piece: bytes | memoryview) -> int:
        """Bytes that the kernel took; 0 when it has no room, -1 when the connection is no more."""
        try:
            return self._sink.send(piece)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self._forget()
            self._read_on()
            self._report.sink_lost()
            return -1

    def _forget(self) -> None:
        """Nothing goes on from here any more."""
        self._silenced = True
        self._stop_waiting()
        self._course.counters.swallowed_bytes += self._queued_bytes
        self._queue.clear()
        self._queued_bytes = 0

    def _end(self, end: End) -> None:
        self._queue.popleft()
        if end is End.RESET:
            self._report.reset()
        else:
            self.silence()

    def _wake_at(self, at_s: float) -> None:
        self._timer = self._loop.call_at(at_s, self._flush)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing:
            self._loop.remove_writer(self._sink)
            self._writing = False
