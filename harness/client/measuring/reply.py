"""The incoming side of one call: its messages, and how and with what code it ended."""

from __future__ import annotations

import zlib

from harness.client.measuring import status
from harness.client.measuring.frames import PREFIX_BYTES, prefix
from harness.client.measuring.status import Fields

LARGEST_MESSAGE_BYTES = 64 * 1024 * 1024
"""As the other client's; a length beyond it is refused before a byte of it is stored."""

_WINDOW_BITS = {b"gzip": 16 + zlib.MAX_WBITS, b"deflate": zlib.MAX_WBITS}


class Reply:
    """`code` is empty while the call runs. `messages` grows; a stream's reader takes from it."""

    __slots__ = ("all_sent", "closed_by_peer", "code", "details", "headers", "messages", "never_done", "partial",
                 "send_window", "stream_id", "unacknowledged")  # fmt: skip

    def __init__(self, stream_id: int, send_window: int) -> None:
        self.stream_id = stream_id
        self.send_window = send_window
        """Bytes that the peer still takes on this stream; a settings change can make it negative."""
        self.headers: Fields | None = None
        self.messages: list[bytes] = []
        self.partial = bytearray()
        """DATA bytes that do not make a whole message yet."""
        self.unacknowledged = 0
        """Flow-controlled bytes received and not yet given back to the peer's window."""
        self.code = ""
        self.details = ""
        self.never_done = False
        """The server said that it did not look at the request: even a write was certainly not done."""
        self.closed_by_peer = False
        self.all_sent = False
        """Whether the request went out to its end; the server may have answered before."""

    def take_headers(self, fields: Fields, *, last: bool) -> None:
        """A whole header block: the reply's headers, an interim one (1xx), or with `last` the trailers."""
        if self.code:
            self.closed_by_peer |= last
        elif last:
            self.end_by_peer(fields)
        elif self.headers is not None:
            self.end(status.INTERNAL, "the server sent a second header block that does not end the reply")
        elif not fields.get(b":status", b"").startswith(b"1"):
            self.headers = fields
            if fields.get(b":status") != b"200" or not fields.get(b"content-type", b"").startswith(b"application/grpc"):
                code, details = status.of_trailers({b":status": fields.get(b":status", b"")})
                self.end(code, f"{details}: it is not gRPC")

    def take_data(self, data: bytes) -> None:
        """The content of one DATA frame, without padding."""
        if self.code:
            return
        if self.headers is None:
            self.end(status.INTERNAL, "the server sent a message before the headers")
            return
        self.partial += data
        while len(self.partial) >= PREFIX_BYTES:
            compressed, size = prefix.unpack_from(self.partial)
            if size > LARGEST_MESSAGE_BYTES:
                self.end(status.RESOURCE_EXHAUSTED, f"a message of {size} bytes; {LARGEST_MESSAGE_BYTES} are allowed")
                return
            end = PREFIX_BYTES + size
            if len(self.partial) < end:
                return
            message = bytes(memoryview(self.partial)[PREFIX_BYTES:end])
            del self.partial[:end]
            if compressed:
                message = self._decompressed(message)
            if self.code:
                return
            self.messages.append(message)

    def end_by_peer(self, fields: Fields | None) -> None:
        """END_STREAM, with trailers or (None) without."""
        self.closed_by_peer = True
        if self.code:
            return
        if fields is None:
            self.end(status.UNKNOWN, "the server ended the reply without a status")
            return
        code, details = status.of_trailers(fields)
        if code == status.OK and self.partial:
            code, details = status.INTERNAL, f"the reply ended {len(self.partial)} bytes into a message"
        self.end(code, details)

    def end(self, code: str, details: str, *, never_done: bool = False) -> None:
        """The call is over, for whatever reason; the first one counts."""
        if not self.code:
            self.code, self.details, self.never_done = code, details, never_done

    def _decompressed(self, message: bytes) -> bytes:
        encoding = (self.headers or {}).get(b"grpc-encoding", b"identity")
        bits = _WINDOW_BITS.get(encoding)
        if bits is None:
            code = status.INTERNAL if encoding == b"identity" else status.UNIMPLEMENTED
            self.end(code, f"a compressed message with grpc-encoding {encoding.decode('ascii', 'replace')!r}")
            return b""
        inflate = zlib.decompressobj(bits)
        try:
            plain = inflate.decompress(message, LARGEST_MESSAGE_BYTES)
        except zlib.error:
            plain = b""
        if inflate.eof:
            return plain
        if len(plain) < LARGEST_MESSAGE_BYTES:
            self.end(status.INTERNAL, f"a message of {len(message)} bytes does not decompress")
        else:
            self.end(status.RESOURCE_EXHAUSTED, f"a message decompresses to more than {LARGEST_MESSAGE_BYTES} bytes")
        return b""
