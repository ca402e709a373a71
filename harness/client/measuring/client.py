"""The measuring client: unary calls and server streams over plain sockets, stamped by the kernel where it can."""

from __future__ import annotations

import math
from collections.abc import Sequence

from harness.client.channel import KEEPALIVE_S, Tls
from harness.client.codes import outcome_of
from harness.client.measuring import status
from harness.client.measuring.connection import Connection
from harness.client.measuring.frames import DEFAULT_WINDOW_BYTES, LARGEST_WINDOW_BYTES
from harness.client.measuring.headers import RequestBlocks
from harness.client.measuring.reply import Reply
from harness.client.measuring.rpc import Rpc
from harness.client.measuring.stream import Stream
from harness.client.measuring.timed import Timed
from harness.client.measuring.transport import KERNEL, RECEIVE_BYTES, Lost, Tally, dial, host_and_port, stamping
from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.records import Fact, Outcome

WINDOW_BYTES = 1024 * 1024


class MeasuringClient:
    """One user: one connection for unary calls, made by the first of them, and one more for each open stream.

    One caller at a time; give each thread or greenlet a client of its own. No call and no stream raises because of
    what the server or the network does: the code says it. Nothing is retried. A lost connection is made anew by the
    next call, and counted. `timeout_s` is each call's deadline, connecting included, told to the server and enforced
    here. `window_bytes` (65,535 at least) is how far the server may run ahead of a reader.
    """

    def __init__(
        self,
        address: str,
        *,
        tls: Tls | None = None,
        metadata: Sequence[tuple[str, str]] = (),
        timeout_s: float = 5.0,
        window_bytes: int = WINDOW_BYTES,
        keepalive_s: float = KEEPALIVE_S,
    ) -> None:
        host_and_port(address)
        if timeout_s <= 0:
            raise ValueError(f"timeout_s is {timeout_s}: give a number of seconds > 0")
        if not DEFAULT_WINDOW_BYTES <= window_bytes <= LARGEST_WINDOW_BYTES:
            raise ValueError(f"window_bytes is {window_bytes}: give {DEFAULT_WINDOW_BYTES} to {LARGEST_WINDOW_BYTES}")
        self.address = address
        self.tally = Tally()
        self.stamps = stamping()
        """Whose clock `done_ns` and `received_ns` come from: "kernel" or "user"."""
        self._tls = tls
        self._metadata = _checked(metadata)
        self._timeout_s = timeout_s
        self._window_bytes = window_bytes
        self._keepalive_s = keepalive_s
        self._quieted = status.Redaction(tuple(value for _name, value in self._metadata))
        self._connection: Connection | None = None
        self._connected_before = False
        self._reply_bytes: dict[str, int] = {}
        self._busy = False
        self._closed = False

    def unary(self, method: Rpc, request: bytes, due_ns: int = 0, *, timeout_s: float | None = None) -> Timed:
        """Make one call. `due_ns` is when it should have been sent; by default when it was."""
        if self._closed:
            raise RuntimeError("the client is closed")
        if self._busy:
            raise RuntimeError("a call is running: give each thread or greenlet a MeasuringClient of its own")
        self._busy = True
        try:
            return self._unary(method, request, due_ns, self._timeout_s if timeout_s is None else timeout_s)
        except BaseException:
            self._drop()  # interrupted between two frames or within one: nobody knows
            raise
        finally:
            self._busy = False

    def stream(self, method: Rpc, request: bytes, *, timeout_s: float | None = None) -> Stream:
        """Open a server stream on a connection of its own. `timeout_s`: deadline of the whole stream; None: none.

        Connecting and sending the request have the client's own limit. A failure is a stream that has ended.
        """
        if self._closed:
            raise RuntimeError("the client is closed")
        began_s = monotonic_s()
        limit_s = math.inf if timeout_s is None else timeout_s
        stream = Stream(quieted=self._quieted, deadline_s=began_s + limit_s, keepalive_s=self._keepalive_s)
        until_s = began_s + min(self._timeout_s, limit_s)
        try:
            connection = self._dialled(until_s)
        except TimeoutError:
            stream.fail(status.DEADLINE_EXCEEDED, f"no connection to {self.address} in time")
        except Lost as error:
            stream.fail(error.code, error.details)
        else:
            stream.open(connection, method.path, limit_s, request, until_s)
        return stream

    def tend(self) -> None:
        """Between calls that are far apart: answer the server's pings, so that it does not close an idle connection."""
        if self._connection is not None and not self._busy:
            try:
                self._connection.tend()
            except Lost:
                self._drop()

    def close(self) -> None:
        """Close the connection, from any thread; streams are closed by whoever reads them. Again is harmless."""
        self._closed = True
        connection = self._connection
        if self._busy and connection is not None:
            connection.shut()  # the running call ends with it and closes
        else:
            self._drop()

    def __enter__(self) -> MeasuringClient:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _unary(self, method: Rpc, request: bytes, due_ns: int, timeout_s: float) -> Timed:
        until_s = monotonic_s() + timeout_s
        sent_ns, written_ns = now_ns(), 0
        reply: Reply | None = None
        try:
            reconnects = self.tally.reconnects
            connection = self._ready(until_s)
            again_ns = sent_ns if self.tally.reconnects > reconnects else 0  # whoever hangs up makes the call wait
            reply, head = connection.begin(method.path, timeout_s, until_s)
            written_ns = now_ns()  # in case that sending fails: from here on it may have been done
            sent_ns = again_ns or written_ns
            first_ns, written_ns = connection.send(reply, head, request, until_s)
            sent_ns = again_ns or first_ns
            done_ns = self._answered(connection, reply, method.path, until_s) or written_ns
            connection.finish(reply)
        except TimeoutError:
            done_ns, details = now_ns(), f"no reply from {self.address} within {timeout_s:g} s"
            if reply is None:
                return self._unsent(due_ns, sent_ns, status.DEADLINE_EXCEEDED, f"not sent: {details}")
            reply.end(status.DEADLINE_EXCEEDED, details)
            self._give_up(reply)
        except Lost as error:
            self._drop()
            if reply is None:
                return self._unsent(due_ns, sent_ns, error.code, error.details)
            if not reply.code:
                done_ns = now_ns()
                reply.end(error.code, error.details)
        return self._timed(method, reply, due_ns or sent_ns, sent_ns, written_ns, done_ns)

    def _answered(self, connection: Connection, reply: Reply, path: str, until_s: float) -> int:
        """Receive until the reply has ended; the stamp of its end.

        As much is received as the last reply of this method had, then frame by frame. Otherwise a ping that followed
        the reply, before this process came to read it, would lend the reply its later stamp.
        """
        before, done_ns = connection.received_bytes, 0
        most_bytes = self._reply_bytes.get(path) or connection.expected_bytes(0)
        while not reply.code:
            done_ns = connection.advance(until_s, most_bytes)
            most_bytes = connection.expected_bytes(0)
        self._reply_bytes[path] = min(connection.received_bytes - before, RECEIVE_BYTES)
        return done_ns

    def _timed(self, method: Rpc, reply: Reply, due_ns: int, sent_ns: int, written_ns: int, done_ns: int) -> Timed:
        if reply.code == status.OK:
            if len(reply.messages) == 1:
                return Timed(due_ns, sent_ns, done_ns, status.OK, Outcome.OK, reply.messages[0], written_ns)
            reply.code, reply.details = status.INTERNAL, f"{len(reply.messages)} messages in a unary reply"
        outcome = Outcome.FAIL
        if not reply.never_done:
            outcome = outcome_of(status.STATUS[reply.code], writes=method.writes)
        return Timed(due_ns, sent_ns, done_ns, reply.code, outcome, b"", written_ns, self._quieted(reply.details))

    def _unsent(self, due_ns: int, sent_ns: int, code: str, details: str) -> Timed:
        """Never sent, so never done: for a write too this is a certain failure."""
        self._drop()
        return Timed(due_ns or sent_ns, sent_ns, now_ns(), code, Outcome.FAIL, b"", 0, self._quieted(details))

    def _ready(self, until_s: float) -> Connection:
        """The connection if it still takes calls, else a new one."""
        if self._connection is not None:
            try:
                self._connection.tend()
            except Lost:
                self._drop()
            else:
                if self._connection.usable:
                    return self._connection
                self._drop()
        connection = self._dialled(until_s)
        self.tally.reconnects += self._connected_before
        self._connected_before = True
        self._connection = connection
        return connection

    def _dialled(self, until_s: float) -> Connection:
        transport = dial(self.address, self._tls, until_s, self.tally)
        self.stamps = transport.stamps
        scheme = "http" if self._tls is None else "https"
        authority = (self._tls and self._tls.server_name) or self.address
        connection = Connection(transport, RequestBlocks(scheme, authority, self._metadata), self._window_bytes)
        try:
            connection.open(until_s)
        except BaseException:
            connection.close()
            raise
        self.tally.connects += 1
        return connection

    def _give_up(self, reply: Reply) -> None:
        if self._connection is not None:
            try:
                self._connection.finish(reply)
            except Lost:
                self._drop()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def stamps_fact(client: MeasuringClient, subject: str = "") -> Fact:
    """Whose clock the client's receipts carry, for the evidence: 1 the kernel's, 0 the user-space clock's."""
    by_kernel = client.stamps == KERNEL
    why = "" if by_kernel else ": this platform's sockets do not stamp what they receive"
    return Fact("instrument.kernel_stamps", float(by_kernel), "", subject, client.stamps + why)


def _checked(metadata: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Names in lower case, as HTTP/2 wants them. ValueError names the entry, never its value."""
    for name, value in metadata:
        if not name or not all(letter.isalnum() or letter in "-_." for letter in name) or not name.isascii():
            raise ValueError(f"metadata name {name[:40]!r} is not allowed: use letters, digits, '-', '_' and '.'")
        if not (value.isascii() and value.isprintable()) or value != value.strip():
            raise ValueError(f"the value of metadata {name!r} is not allowed: use printable ASCII without outer blanks")
    return tuple((name.lower(), value) for name, value in metadata)
