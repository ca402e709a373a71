"""One server stream on a connection of its own, read in batches as the kernel hands them over."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from harness.client.channel import KEEPALIVE_ANSWER_S, KEEPALIVE_S
from harness.client.measuring import status
from harness.client.measuring.connection import Connection
from harness.client.measuring.frames import HEAD_BYTES, PREFIX_BYTES
from harness.client.measuring.reply import Reply
from harness.client.measuring.transport import RECEIVE_BYTES, Lost
from harness.evidence.clock import monotonic_s, now_ns

_LONGEST_WAIT_S = 1.0
"""So often a waiting reader looks whether the stream was cancelled, its deadline passed or the server went silent."""

_PATIENCE = 64
"""A reader who has not caught up after so many receives takes all there is."""


class Batch(NamedTuple):
    """Messages that one receive brought, in order. Unix ns of this host.

    `received_ns` is the kernel's stamp of the last segment received: exact for a batch of one message, an upper bound
    for those before the last of several, because segments that the kernel joined, or that one receive brought
    together, share that stamp. `earliest_ns` is a lower bound for all of them: when the socket was last seen empty,
    or the stamp of the batch before. Batches of one message are the rule also for a reader that is late, up to
    50,000 messages/s and more; only one that never catches up gets many at once.
    """

    received_ns: int
    payloads: list[bytes]
    earliest_ns: int


class Stream:
    """Iterate over its batches; iteration ends with the stream, and never raises because of it: see `code`.

    One thread reads; `cancel` may be called from any. `sent_ns` and `written_ns` are those of the request (0: never
    sent). The server is pinged when it has been silent for `keepalive_s`, and given up 10 s later.
    """

    def __init__(
        self, *, quieted: Callable[[str], str], deadline_s: float = math.inf, keepalive_s: float = KEEPALIVE_S
    ) -> None:
        self._quieted = quieted
        self._deadline_s = deadline_s
        self._keepalive_s = keepalive_s
        self._connection: Connection | None = None
        self._reply: Reply | None = None
        self._cancelled = False
        self._reading = False
        self._told = False
        self._heard_s = monotonic_s()
        self._pinged_s = 0.0
        self._pongs = 0
        self._earliest_ns = 0
        self._frame_bytes = 0
        """Of the last message: the next is probably as long."""
        self._behind = 0
        """Receives since the socket was last seen empty."""
        self.stamps = ""
        self.sent_ns = self.written_ns = 0
        self.code = ""
        """gRPC status code name once the stream has ended; empty while it is open."""
        self.details = ""
        self.ended_ns = 0
        """The stamp of its end; 0 while it is open."""

    @property
    def accepted(self) -> bool:
        """Whether the server's headers have come."""
        return self._reply is not None and self._reply.headers is not None

    def open(self, connection: Connection, path: str, timeout_s: float, request: bytes, until_s: float) -> None:
        """Send the request; called once, by the client. A failure ends the stream."""
        self._connection, self.stamps = connection, connection.stamps
        try:
            self._reply, head = connection.begin(path, timeout_s, until_s)
            self.sent_ns = now_ns()
            self.sent_ns, self.written_ns = connection.send(self._reply, head, request, until_s)
        except TimeoutError:
            self.fail(status.DEADLINE_EXCEEDED, "the server did not take the request in time")
        except Lost as error:
            self.fail(error.code, error.details)
        self._heard_s, self._earliest_ns = monotonic_s(), self.written_ns

    def fail(self, code: str, details: str, ended_ns: int = 0) -> None:
        """End it, in the reader's thread: tell the server if it cannot know, and close. The first end counts."""
        if self.code:
            return
        self.code, self.details = code, "" if code == status.OK else self._quieted(details)
        self.ended_ns = ended_ns or now_ns()
        if self._connection is not None:
            self._tell(self._connection)
            self._connection.close()

    def cancel(self) -> None:
        """Give the stream up: the server is told, the reader ends with CANCELLED. Any thread; again is harmless."""
        self._cancelled = True
        if not self._reading:
            self.fail(status.CANCELLED, "cancelled")
        elif self._connection is not None:
            self._tell(self._connection)
            self._connection.shut()  # wakes the reader, which closes

    def receive(self, limit_s: float) -> Batch | None:
        """The next batch; None when none came within `limit_s` or the stream has ended (`code` tells)."""
        self._reading = True  # before the first look at _cancelled: cancel() looks at them the other way round
        try:
            return self._receive(monotonic_s() + limit_s)
        finally:
            self._reading = False

    def _receive(self, until_s: float) -> Batch | None:
        while not self.code and self._connection is not None and self._reply is not None:
            now_s = monotonic_s()
            self._watch(now_s)
            if self.code or now_s >= until_s:
                return None
            batch = self._step(self._connection, self._reply, min(until_s, now_s + _LONGEST_WAIT_S, self._deadline_s))
            if batch is not None:
                return batch
        return None

    def __iter__(self) -> Iterator[Batch]:
        while not self.code:
            batch = self.receive(_LONGEST_WAIT_S)
            if batch is not None:
                yield batch

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_error: object) -> None:
        self.cancel()

    def _step(self, connection: Connection, reply: Reply, until_s: float) -> Batch | None:
        try:
            received_ns = self._advance(connection, until_s)
        except TimeoutError:
            return None
        except Lost as error:
            cancelled = self._cancelled
            self.fail(status.CANCELLED if cancelled else error.code, "cancelled" if cancelled else error.details)
            return None
        self._heard_s = monotonic_s()
        earliest_ns, self._earliest_ns = self._earliest_ns, received_ns
        payloads = reply.messages
        if payloads:
            reply.messages = []
            frame_bytes = HEAD_BYTES + PREFIX_BYTES + len(payloads[-1])
            self._frame_bytes = frame_bytes if frame_bytes <= RECEIVE_BYTES else 0
        if reply.code:
            self.fail(reply.code, reply.details, received_ns)
        return Batch(received_ns, payloads, min(earliest_ns, received_ns)) if payloads else None

    def _advance(self, connection: Connection, until_s: float) -> int:
        # Message by message, so that each has its own stamp; in bulk now and then for a reader who falls behind.
        one_by_one = self._behind < _PATIENCE
        self._behind = self._behind + 1 if one_by_one else 0
        most_bytes = connection.expected_bytes(self._frame_bytes) if one_by_one else RECEIVE_BYTES
        looked_ns = now_ns()
        try:
            return connection.advance_now(most_bytes)
        except BlockingIOError:
            self._earliest_ns = looked_ns
            self._behind = 0
        return connection.advance(until_s, most_bytes)

    def _watch(self, now_s: float) -> None:
        """What ends a stream without the server's doing."""
        if self._cancelled:
            self.fail(status.CANCELLED, "cancelled")
        elif now_s >= self._deadline_s:
            self.fail(status.DEADLINE_EXCEEDED, "the deadline passed")
        elif self._connection is not None and now_s - self._heard_s >= self._keepalive_s:
            if self._pinged_s < self._heard_s:
                self._pinged_s = now_s
                try:
                    self._connection.ping()
                except Lost as error:
                    self.fail(error.code, error.details)
            elif now_s - self._pinged_s >= min(self._keepalive_s, KEEPALIVE_ANSWER_S):
                self.fail(status.UNAVAILABLE, "the server does not answer a ping")

    def _tell(self, connection: Connection) -> None:
        """RST_STREAM, unless the server ended the stream itself or knows already."""
        reply = self._reply
        if reply is None or self._told or (reply.closed_by_peer and reply.all_sent):
            return
        self._told = True
        with contextlib.suppress(Lost):
            connection.reset(reply)
