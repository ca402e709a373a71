"""Payloads: the gRPC messages in one direction of one RPC, whatever DATA frames they come in."""

from __future__ import annotations

import struct
import zlib

MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024

_PREFIX = struct.Struct(">BI")
_PREFIX_BYTES = 5
_COMPRESSED = 1
_WINDOW_BITS = {b"gzip": 31, b"deflate": 15}
"""What zlib calls the encodings that gRPC's libraries have built in."""


class PayloadReader:
    """Joins the content of DATA frames into messages and decompresses them.

    `unreadable` is empty until a message cannot be read; from then on it says why, and nothing is kept any more.
    """

    __slots__ = ("_have", "_need", "_parts", "encoding", "unreadable")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 0
        self.encoding = b""
        """The value of grpc-encoding."""
        self.unreadable = ""

    def feed(self, chunk: bytes, start: int, end: int) -> list[bytes]:
        """The content `chunk[start:end]` of the next DATA frame; returns the messages that it completes."""
        if self.unreadable:
            return []
        if self._parts:
            self._parts.append(chunk[start:end])
            self._have += end - start
            if self._have < self._need:
                return []
            chunk = b"".join(self._parts)
            start, end = 0, self._have
            self._parts = []
        messages: list[bytes] = []
        self._need = _PREFIX_BYTES
        while end - start >= _PREFIX_BYTES:
            flag, length = _PREFIX.unpack_from(chunk, start)
            if length > MESSAGE_LIMIT_BYTES:
                self.unreadable = "a message is larger than 16 MiB"
                return messages
            stop = start + _PREFIX_BYTES + length
            if stop > end:
                self._need = stop - start
                break
            raw = chunk[start + _PREFIX_BYTES : stop]
            if flag:
                raw = self._decompressed(flag, raw)
                if self.unreadable:
                    return messages
            messages.append(raw)
            start = stop
        if start < end:
            self._parts = [chunk[start:end]]
            self._have = end - start
        return messages

    def _decompressed(self, flag: int, raw: bytes) -> bytes:
        bits = _WINDOW_BITS.get(self.encoding)
        if flag != _COMPRESSED:
            self.unreadable = "a message's prefix is not gRPC's"
        elif bits is None:
            # Which one it is stays untold: metadata values are never written down.
            self.unreadable = "messages are compressed with something else than gzip or deflate"
        else:
            inflating = zlib.decompressobj(bits)
            try:
                plain = inflating.decompress(raw, MESSAGE_LIMIT_BYTES + 1)
            except zlib.error:
                self.unreadable = "a compressed message does not decompress"
                return b""
            if len(plain) > MESSAGE_LIMIT_BYTES:
                self.unreadable = "a message is larger than 16 MiB"
            elif not inflating.eof:
                self.unreadable = "a compressed message does not decompress"
            return plain
        return b""
