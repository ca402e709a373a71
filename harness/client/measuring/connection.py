"""One HTTP/2 connection that carries one call at a time: dialled, sent on, received from.

Written on HPACK and frame level: the h2 library's state machine costs 160 us a call, ten times this, and what is not
spent here is left for the service on the same machine. The tests have h2 as the referee on the other side.
"""

from __future__ import annotations

import contextlib
import threading

from h2.errors import ErrorCodes

from harness.client.measuring import frames, status
from harness.client.measuring.frames import Kind
from harness.client.measuring.headers import RequestBlocks
from harness.client.measuring.incoming import Incoming, ProtocolBroken
from harness.client.measuring.reply import Reply
from harness.client.measuring.transport import RECEIVE_BYTES, Lost, Transport, is_time_up, said
from harness.evidence.clock import monotonic_s

_SHORTEST_WAIT_S = 0.000_1
_FAREWELL_S = 1.0
"""Limit for telling the server that a call is given up."""


class Connection:
    """Usable after `open`, until the server sends GOAWAY or the stream numbers run out.

    Every method may raise Lost: the connection is then of no use. `until_s` is on the monotonic clock.
    """

    def __init__(self, transport: Transport, requests: RequestBlocks, window_bytes: int) -> None:
        self._transport = transport
        self.stamps = transport.stamps
        self._requests = requests
        self._window_bytes = window_bytes
        self._incoming = Incoming(requests, window_bytes)
        self._next_id = 1
        self._lost: Lost | None = None
        self.received_bytes = 0
        self._writing = threading.Lock()

    @property
    def usable(self) -> bool:
        """Whether another call may start."""
        return self._lost is None and not self._incoming.going and self._next_id <= frames.LAST_STREAM_ID

    @property
    def pongs(self) -> int:
        """Answers to `ping` so far."""
        return self._incoming.pongs

    def open(self, until_s: float) -> None:
        """Exchange settings. TimeoutError when `until_s` passes first."""
        grown = self._window_bytes - frames.DEFAULT_WINDOW_BYTES
        update = frames.window_update(0, grown) if grown > 0 else b""
        self._send(frames.PREFACE + frames.settings(self._window_bytes) + update)
        while not self._incoming.settled:
            self.advance(until_s)

    def begin(self, path: str, timeout_s: float, until_s: float) -> tuple[Reply, bytes]:
        """Number the next call once the server admits it: the reply to come, and the request's header frames.

        TimeoutError when the server admits none before `until_s`.
        """
        while self._incoming.peer_streams < 1:
            self.advance(until_s)
        reply = Reply(self._next_id, self._incoming.peer_window)
        block = self._requests.block(path, timeout_s)
        self._next_id += 2
        self._incoming.begin(reply)
        return reply, frames.request_headers(reply.stream_id, block, self._incoming.peer_frame_bytes)

    def send(self, reply: Reply, head: bytes, request: bytes, until_s: float) -> tuple[int, int]:
        """Send the whole request, all at once where the windows allow it; the times (ns) just before and after.

        TimeoutError when the server did not take all of it before `until_s`.
        """
        incoming = self._incoming
        body = frames.prefix.pack(0, len(request)) + request
        size = len(body)
        self._limit(until_s)
        if size > incoming.peer_frame_bytes or size > incoming.send_window or size > reply.send_window:
            return self._send_in_parts(reply, head, body, until_s)
        incoming.send_window -= size
        reply.send_window -= size
        reply.all_sent = True
        return self._send(head + frames.frame(Kind.DATA, frames.END_STREAM, reply.stream_id, body))

    def advance(self, until_s: float, most_bytes: int = RECEIVE_BYTES) -> int:
        """Receive once, `most_bytes` at most, and act on it; the stamp (ns) of the last segment among them.

        TimeoutError at `until_s`.
        """
        self._limit(until_s)
        return self._advance(most_bytes)

    def advance_now(self, most_bytes: int = RECEIVE_BYTES) -> int:
        """As `advance`, with what is there already. BlockingIOError when that is nothing."""
        self._transport.wait_at_most(0)
        return self._advance(most_bytes)

    def expected_bytes(self, guess_bytes: int) -> int:
        """How much to receive so as not to go beyond the next frame, which is guessed to have so many (0: no idea)."""
        return self._incoming.expected_bytes(guess_bytes)

    def tend(self) -> None:
        """Act on what came while no call ran (ping, settings, goaway, the end). Never waits."""
        self._transport.wait_at_most(0)
        while True:
            try:
                self._advance(RECEIVE_BYTES)
            except (BlockingIOError, TimeoutError):
                return

    def finish(self, reply: Reply) -> None:
        """The call is over: tell the server if it cannot know, and be ready for the next."""
        self._incoming.begin(None)
        if not (reply.closed_by_peer and reply.all_sent):
            self._limit(monotonic_s() + _FAREWELL_S)
            self.reset(reply)

    def reset(self, reply: Reply) -> None:
        """Tell the server that nobody wants the rest of the reply; from any thread."""
        self._send(frames.reset(reply.stream_id, ErrorCodes.CANCEL))

    def ping(self) -> None:
        """Ask whether the server is still there; `pongs` counts the answers."""
        self._send(frames.frame(Kind.PING, 0, 0, b"measured"))

    def shut(self) -> None:
        """Nothing goes either way any more; a thread that waits in `advance` wakes. It has to `close`."""
        self._transport.shut()

    def close(self) -> None:
        """Close at once; not while another thread uses the connection."""
        self._transport.close()

    def _advance(self, most_bytes: int) -> int:
        if self._lost is not None:
            raise self._lost
        try:
            data, t_ns = self._transport.receive(most_bytes)
        except OSError as error:
            if is_time_up(error):
                raise
            raise Lost(self._why(f"connection lost: {said(error)}")) from None
        if not data:
            raise Lost(self._why("the server closed the connection"))
        self.received_bytes += len(data)
        # What goes wrong from here on is raised next time: the reply may have come whole before it.
        try:
            owed = self._incoming.take(data)
            if owed:
                self._send(owed)
        except ProtocolBroken as error:
            with contextlib.suppress(Lost):  # the server may be gone already; what it did wrong is the news
                self._send(frames.frame(Kind.GOAWAY, 0, 0, frames.goaway.pack(0, error.code)))
            self._lost = Lost(f"the server broke HTTP/2: {error}", error.status)
        except Lost as error:
            self._lost = error
        return t_ns

    def _limit(self, until_s: float) -> None:
        self._transport.wait_at_most(max(_SHORTEST_WAIT_S, until_s - monotonic_s()))

    def _why(self, otherwise: str) -> str:
        return f"{self._incoming.going} and closed the connection" if self._incoming.going else otherwise

    def _send(self, data: bytes) -> tuple[int, int]:
        """Whatever goes wrong, the frames on the wire may be cut in two: the connection is lost."""
        try:
            with self._writing:  # a stream may be cancelled by another thread than the one that reads it
                return self._transport.send(data)
        except OSError as error:
            if is_time_up(error):
                raise Lost("the server takes no more bytes", status.DEADLINE_EXCEEDED) from None
            raise Lost(self._why(f"connection lost: {said(error)}")) from None

    def _send_in_parts(self, reply: Reply, head: bytes, body: bytes, until_s: float) -> tuple[int, int]:
        """As much as the windows allow at a time, waiting for the server to widen them in between."""
        incoming, pending = self._incoming, [head]
        position, size = 0, len(body)
        began_ns = written_ns = 0
        while True:
            while position < size:
                part = min(incoming.peer_frame_bytes, incoming.send_window, reply.send_window, size - position)
                if part <= 0:
                    break
                incoming.send_window -= part
                reply.send_window -= part
                flags = frames.END_STREAM if position + part == size else 0
                pending.append(frames.frame(Kind.DATA, flags, reply.stream_id, body[position : position + part]))
                position += part
            if pending:
                self._limit(until_s)
                reply.all_sent = position == size
                started_ns, written_ns = self._send(b"".join(pending))
                began_ns = began_ns or started_ns
                pending.clear()
            if position == size or reply.code:
                return began_ns, written_ns
            self.advance(until_s)
