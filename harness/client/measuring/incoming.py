"""Reads what the server sends: frames in any order and in pieces, the running call's reply, and the server's wishes."""

from __future__ import annotations

from collections.abc import Callable

from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hpack import HPACKError

from harness.client.measuring import frames, status
from harness.client.measuring.frames import Kind
from harness.client.measuring.headers import ReplyBlocks, RequestBlocks
from harness.client.measuring.reply import Reply

_LARGEST_BLOCK_BYTES = 256 * 1024
_NO_LIMIT = 2**32 - 1
_SMALLEST_DATA = frames.HEAD_BYTES + frames.PREFIX_BYTES


class ProtocolBroken(Exception):
    """The server did what HTTP/2 forbids: `code` is for its GOAWAY, `status` for the running call."""

    def __init__(
        self, what: str, code: ErrorCodes = ErrorCodes.PROTOCOL_ERROR, call_status: str = status.INTERNAL
    ) -> None:
        super().__init__(what)
        self.code = code
        self.status = call_status


class Incoming:
    """`take` bytes as they come; `begin` says which call is running (None: none, late frames are dropped)."""

    def __init__(self, requests: RequestBlocks, window_bytes: int) -> None:
        self._requests, self._replies = requests, ReplyBlocks()
        self._reply: Reply | None = None
        self._newest_id = 0
        self._rest = b""
        self._block: tuple[int, int, bytearray] | None = None
        """Flags, stream and bytes so far of a header block that CONTINUATION frames will complete."""
        self._owed: list[bytes] = []
        self._unacknowledged = 0
        self._give_back_at = window_bytes // 2
        self._give_all_back_at = max(window_bytes, frames.DEFAULT_WINDOW_BYTES) // 2
        self.settled = False
        """Whether the server's first settings have come."""
        self.going = ""
        """Why the server takes no more calls; empty while it does."""
        self.pongs = 0
        self.send_window = frames.DEFAULT_WINDOW_BYTES
        self.peer_window = frames.DEFAULT_WINDOW_BYTES
        """What each new stream may send."""
        self.peer_frame_bytes = frames.DEFAULT_FRAME_BYTES
        self.peer_streams = _NO_LIMIT
        # One look-up instead of a chain of comparisons; indexed by frame type.
        self._on: tuple[Callable[[int, int, bytes], None], ...] = (
            self._on_data, self._on_headers, self._on_priority, self._on_reset, self._on_settings, self._on_push,
            self._on_ping, self._on_goaway, self._on_window_update, self._on_continuation,
        )  # fmt: skip

    def begin(self, reply: Reply | None) -> None:
        """The call that runs from now on."""
        self._reply = reply
        if reply is not None:
            self._newest_id = reply.stream_id

    def expected_bytes(self, guess_bytes: int) -> int:
        """How many bytes end the frame that has begun; where its length has not come yet it may be the guess.

        Without a guess (0) that is the end of the frame's head, which will tell.
        """
        rest_bytes = len(self._rest)
        if rest_bytes < frames.HEAD_BYTES:
            return max(guess_bytes, frames.HEAD_BYTES) - rest_bytes
        high, low, *_others = frames.head.unpack_from(self._rest)
        return int(frames.HEAD_BYTES + (high << 16 | low) - rest_bytes)

    def take(self, data: bytes) -> bytes:
        """Act on the next bytes, split anyhow; returns the frames to be sent in answer. ProtocolBroken."""
        buffer = self._rest + data if self._rest else data
        position, size = 0, len(buffer)
        try:
            while True:
                position = self._take_messages(buffer, position, size)
                end = self._take_frame(buffer, position, size)
                if end == position:
                    break
                position = end
        except HPACKError as error:
            raise ProtocolBroken(f"a header block cannot be read ({error})", ErrorCodes.COMPRESSION_ERROR) from None
        self._rest = buffer[position:] if position < size else b""
        self._give_back()
        if not self._owed:
            return b""
        owed = b"".join(self._owed)
        self._owed.clear()
        return owed

    def _take_messages(self, buffer: bytes, position: int, size: int) -> int:
        """The fast path: DATA frames of the running call that hold exactly one uncompressed message each."""
        reply = self._reply
        if reply is None or reply.code or reply.headers is None or reply.partial or self._block is not None:
            return position
        expected, add, unpack = reply.stream_id, reply.messages.append, frames.head_and_prefix.unpack_from
        start, before = position, len(reply.messages)
        while position + _SMALLEST_DATA <= size:
            high, low, kind, flags, stream_id, compressed, length = unpack(buffer, position)
            end = position + _SMALLEST_DATA + length
            if (
                kind or flags or high or compressed or stream_id != expected or end > size
                or low != length + frames.PREFIX_BYTES or low > frames.DEFAULT_FRAME_BYTES
            ):  # fmt: skip
                break
            add(buffer[position + _SMALLEST_DATA : end])
            position = end
        content = position - start - frames.HEAD_BYTES * (len(reply.messages) - before)
        reply.unacknowledged += content
        self._unacknowledged += content
        return position

    def _take_frame(self, buffer: bytes, position: int, size: int) -> int:
        """Any one frame; returns where the next begins, or `position` when it is not whole yet."""
        start = position + frames.HEAD_BYTES
        if start > size:
            return position
        high, low, kind, flags, stream_id = frames.head.unpack_from(buffer, position)
        length: int = high << 16 | low
        if not self.settled and (kind != Kind.SETTINGS or flags & frames.ACK):
            raise ProtocolBroken("its first bytes are no SETTINGS frame", call_status=status.UNAVAILABLE)
        if length > frames.DEFAULT_FRAME_BYTES:
            raise ProtocolBroken(f"a frame of {length} bytes", ErrorCodes.FRAME_SIZE_ERROR)
        if start + length > size:
            return position
        if self._block is not None and kind != Kind.CONTINUATION:
            raise ProtocolBroken("a frame in the middle of a header block")
        if kind < len(self._on):
            self._on[kind](flags, stream_id & frames.LAST_STREAM_ID, buffer[start : start + length])
        return start + length

    def _give_back(self) -> None:
        """Return windows once half of them is used: often enough never to stall, seldom enough to cost nothing."""
        reply = self._reply
        if reply is not None and not reply.closed_by_peer and reply.unacknowledged >= self._give_back_at:
            self._owed.append(frames.window_update(reply.stream_id, reply.unacknowledged))
            reply.unacknowledged = 0
        if self._unacknowledged >= self._give_all_back_at:
            self._owed.append(frames.window_update(0, self._unacknowledged))
            self._unacknowledged = 0

    def _running(self, stream_id: int) -> Reply | None:
        """The running call if the frame is for it; None for one that is over. ProtocolBroken for one that never was."""
        reply = self._reply
        if reply is not None and reply.stream_id == stream_id:
            return reply
        if not stream_id % 2 or stream_id > self._newest_id:
            raise ProtocolBroken(f"a frame for stream {stream_id}, which was never opened")
        return None

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        reply = self._running(stream_id)
        self._unacknowledged += len(payload)
        data = _unpadded(flags, payload)
        if reply is None:
            return
        reply.unacknowledged += len(payload)
        reply.take_data(data)
        if flags & frames.END_STREAM:
            reply.end_by_peer(None)

    def _on_headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._running(stream_id)
        block = _unpadded(flags, payload)
        if flags & frames.PRIORITY:
            if len(block) < frames.PRIORITY_BYTES:
                raise ProtocolBroken("a HEADERS frame too short for its priority", ErrorCodes.FRAME_SIZE_ERROR)
            block = block[frames.PRIORITY_BYTES :]
        if flags & frames.END_HEADERS:
            self._take_block(flags, stream_id, block)
        else:
            self._block = (flags, stream_id, bytearray(block))

    def _on_continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block is None or self._block[1] != stream_id:
            raise ProtocolBroken("a CONTINUATION frame without its HEADERS")
        first_flags, _stream_id, block = self._block
        block += payload
        if len(block) > _LARGEST_BLOCK_BYTES:
            raise ProtocolBroken("a header block without end", ErrorCodes.ENHANCE_YOUR_CALM)
        if flags & frames.END_HEADERS:
            self._block = None
            self._take_block(first_flags, stream_id, bytes(block))

    def _take_block(self, flags: int, stream_id: int, block: bytes) -> None:
        fields = self._replies.read(block)  # also for a call that is over: the compression state must stay in step
        reply = self._running(stream_id)
        if reply is not None:
            reply.take_headers(fields, last=bool(flags & frames.END_STREAM))

    def _on_priority(self, flags: int, stream_id: int, payload: bytes) -> None:
        """Advice for servers."""

    def _on_push(self, flags: int, stream_id: int, payload: bytes) -> None:
        raise ProtocolBroken("a pushed stream although push is off")

    def _on_reset(self, flags: int, stream_id: int, payload: bytes) -> None:
        error = _word(payload, "RST_STREAM")
        reply = self._running(stream_id)
        if reply is not None:
            reply.closed_by_peer = reply.all_sent = True  # nothing more goes either way
            details = f"the server reset the stream ({frames.error_name(error)})"
            reply.end(status.of_reset(error), details, never_done=error == ErrorCodes.REFUSED_STREAM)

    def _on_settings(self, flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) % frames.setting.size or stream_id or (flags & frames.ACK and payload):
            raise ProtocolBroken("a malformed SETTINGS frame", ErrorCodes.FRAME_SIZE_ERROR)
        if flags & frames.ACK:
            return
        for name, value in frames.setting.iter_unpack(payload):
            self._apply(name, value)
        self.settled = True
        self._owed.append(frames.frame(Kind.SETTINGS, frames.ACK, 0, b""))

    def _apply(self, name: int, value: int) -> None:
        if name == SettingCodes.HEADER_TABLE_SIZE:
            self._requests.limit_table(value)
        elif name == SettingCodes.MAX_CONCURRENT_STREAMS:
            self.peer_streams = value
        elif name == SettingCodes.INITIAL_WINDOW_SIZE:
            if value > frames.LARGEST_WINDOW_BYTES:
                raise ProtocolBroken("an initial window beyond 2^31-1", ErrorCodes.FLOW_CONTROL_ERROR)
            if self._reply is not None:
                self._reply.send_window += value - self.peer_window
            self.peer_window = value
        elif name == SettingCodes.MAX_FRAME_SIZE:
            if not frames.DEFAULT_FRAME_BYTES <= value < 1 << 24:
                raise ProtocolBroken("a largest frame size out of range")
            self.peer_frame_bytes = value

    def _on_ping(self, flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) != frames.PING_BYTES or stream_id:
            raise ProtocolBroken("a malformed PING frame", ErrorCodes.FRAME_SIZE_ERROR)
        if flags & frames.ACK:
            self.pongs += 1
        else:
            self._owed.append(frames.frame(Kind.PING, frames.ACK, 0, payload))

    def _on_goaway(self, flags: int, stream_id: int, payload: bytes) -> None:
        if len(payload) < frames.goaway.size or stream_id:
            raise ProtocolBroken("a malformed GOAWAY frame", ErrorCodes.FRAME_SIZE_ERROR)
        last_id, error = frames.goaway.unpack_from(payload)
        remark = payload[frames.goaway.size :].decode("utf-8", "replace")
        self.going = f"the server sent GOAWAY ({frames.error_name(error)}{': ' if remark else ''}{remark})"
        reply = self._reply
        if reply is not None and reply.stream_id > last_id & frames.LAST_STREAM_ID:
            reply.closed_by_peer = reply.all_sent = True
            reply.end(status.UNAVAILABLE, f"{self.going} before it looked at the call", never_done=True)

    def _on_window_update(self, flags: int, stream_id: int, payload: bytes) -> None:
        increment = _word(payload, "WINDOW_UPDATE") & frames.LARGEST_WINDOW_BYTES
        reply = self._running(stream_id) if stream_id else None
        window = reply.send_window if reply is not None else 0 if stream_id else self.send_window
        if not increment or window + increment > frames.LARGEST_WINDOW_BYTES:
            raise ProtocolBroken(f"a window update of {increment}", ErrorCodes.FLOW_CONTROL_ERROR)
        if not stream_id:
            self.send_window += increment
        elif reply is not None:
            reply.send_window += increment


def _word(payload: bytes, name: str) -> int:
    if len(payload) != frames.word.size:
        raise ProtocolBroken(f"a {name} frame of {len(payload)} bytes", ErrorCodes.FRAME_SIZE_ERROR)
    (value,) = frames.word.unpack(payload)
    return int(value)


def _unpadded(flags: int, payload: bytes) -> bytes:
    if not flags & frames.PADDED:
        return payload
    padding = payload[0] if payload else 0
    if padding >= len(payload):
        raise ProtocolBroken("more padding than frame")
    return payload[1 : len(payload) - padding]
