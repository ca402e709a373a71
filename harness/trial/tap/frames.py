"""Frames: the HTTP/2 frames of one direction of a connection, whatever chunks its bytes come in."""

from __future__ import annotations

import struct
from typing import Protocol

from hyperframe.exceptions import HyperframeError
from hyperframe.frame import (
    ContinuationFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

END_STREAM = 0x1
_PADDED = 0x8
_DATA, _HEADERS, _RESET, _SETTINGS, _PUSH, _GOAWAY, _CONTINUATION = 0, 1, 3, 4, 5, 7, 9
_READ = frozenset({_HEADERS, _RESET, _SETTINGS, _PUSH, _GOAWAY, _CONTINUATION})
"""Besides DATA. The others (PRIORITY, PING, WINDOW_UPDATE, unknown ones) say nothing about an RPC."""

_HEADER = struct.Struct(">HBBBI")
_HEADER_BYTES = 9
_KIND_AT = 3
_TLS_FIRST_BYTES = (0x15, 0x16)
_CONTROL_LIMIT_BYTES = 256 * 1024
"""A header block or another frame than DATA beyond this is no gRPC peer's, and would have to be kept."""


class Malformed(Exception):
    """These bytes are not what a gRPC peer sends. The text is fixed: nothing of the bytes gets into it."""


class FrameSink(Protocol):
    """Who is told the frames of one direction. Each may raise Malformed."""

    def data(self, stream: int, chunk: bytes, start: int, end: int, *, last: bool, t_ns: int) -> None:
        """`chunk[start:end]` is the content of a DATA frame, without padding."""
        ...

    def headers(self, stream: int, block: bytes, *, last: bool, t_ns: int) -> None:
        """A whole header block, still compressed."""
        ...

    def settings(self, frame: SettingsFrame) -> None:
        """SETTINGS, also the acknowledgement of them."""
        ...

    def reset(self, stream: int, error: int, t_ns: int) -> None:
        """RST_STREAM."""
        ...

    def goaway(self, last_stream: int, error: int, t_ns: int) -> None:
        """GOAWAY."""
        ...


class FrameReader:
    """Cuts one direction's bytes into frames; `preface`: what comes before the first one.

    A frame is passed on when its last byte has come. Bytes are copied only where a frame is split over chunks.
    """

    def __init__(self, sink: FrameSink, preface: bytes) -> None:
        self._sink = sink
        self._preface = preface
        self._begun = False
        self._parts: list[bytes] = []
        self._have = 0
        self._need = 0
        self._block = bytearray()
        self._block_stream = 0
        self._block_last = False

    def feed(self, chunk: bytes, t_ns: int) -> None:
        """The next bytes, seen at `t_ns`. Malformed: nothing after them can be read."""
        if self._parts:
            self._parts.append(chunk)
            self._have += len(chunk)
            if self._have < self._need and self._begun:
                return
            chunk = b"".join(self._parts)
            self._parts = []
        start = 0 if self._begun else self._begin(chunk)
        if self._begun:
            start = self._cut(chunk, start, t_ns)
        if start < len(chunk):
            self._parts = [chunk[start:] if start else chunk]
            self._have = len(chunk) - start

    def _begin(self, chunk: bytes) -> int:
        """Check how the direction begins; returns where its first frame does, once that much is there."""
        if chunk and chunk[0] in _TLS_FIRST_BYTES:
            raise Malformed("the connection is TLS")
        length = len(self._preface)
        if chunk[:length] != self._preface[: len(chunk)]:
            raise Malformed("the connection is not HTTP/2")
        if len(chunk) <= length + _KIND_AT:
            return 0
        if chunk[length + _KIND_AT] != _SETTINGS:
            raise Malformed("the connection is not HTTP/2")
        self._begun = True
        return length

    def _cut(self, chunk: bytes, start: int, t_ns: int) -> int:
        """Pass on the whole frames in `chunk[start:]`; returns where the first incomplete one begins."""
        end = len(chunk)
        data = self._sink.data
        unpack = _HEADER.unpack_from
        self._need = _HEADER_BYTES
        while end - start >= _HEADER_BYTES:
            high, low, kind, flags, stream = unpack(chunk, start)
            body = start + _HEADER_BYTES
            stop = body + (high << 8 | low)
            if kind != _DATA and stop - body > _CONTROL_LIMIT_BYTES:
                raise Malformed("a frame is larger than any gRPC peer's")
            if stop > end:
                self._need = stop - start
                break
            if self._block_stream and kind != _CONTINUATION:
                raise Malformed("a header block is interrupted")
            if kind == _DATA:
                if flags & _PADDED:
                    body, padded_stop = _unpadded(chunk, body, stop)
                    data(stream & 0x7FFFFFFF, chunk, body, padded_stop, last=bool(flags & END_STREAM), t_ns=t_ns)
                else:
                    data(stream & 0x7FFFFFFF, chunk, body, stop, last=bool(flags & END_STREAM), t_ns=t_ns)
            elif kind in _READ:
                self._control(chunk[start:stop], t_ns)
            start = stop
        return start

    def _control(self, raw: bytes, t_ns: int) -> None:
        view = memoryview(raw)
        try:
            frame, _ = Frame.parse_frame_header(view[:_HEADER_BYTES])
            frame.parse_body(view[_HEADER_BYTES:])
        except HyperframeError:
            raise Malformed("a frame does not decode") from None
        if isinstance(frame, HeadersFrame):
            self._block_stream, self._block_last = frame.stream_id, "END_STREAM" in frame.flags
            self._extend_block(frame, t_ns)
        elif isinstance(frame, ContinuationFrame):
            if frame.stream_id != self._block_stream:
                raise Malformed("a header block continues where none began")
            self._extend_block(frame, t_ns)
        elif isinstance(frame, SettingsFrame):
            self._sink.settings(frame)
        elif isinstance(frame, RstStreamFrame):
            self._sink.reset(frame.stream_id, frame.error_code, t_ns)
        elif isinstance(frame, GoAwayFrame):
            self._sink.goaway(frame.last_stream_id, frame.error_code, t_ns)
        elif isinstance(frame, PushPromiseFrame):
            raise Malformed("the service pushes, which gRPC does not")

    def _extend_block(self, frame: HeadersFrame | ContinuationFrame, t_ns: int) -> None:
        self._block += frame.data
        if len(self._block) > _CONTROL_LIMIT_BYTES:
            raise Malformed("a header block is larger than any gRPC peer's")
        if "END_HEADERS" in frame.flags:
            block, stream = bytes(self._block), self._block_stream
            self._block, self._block_stream = bytearray(), 0
            self._sink.headers(stream, block, last=self._block_last, t_ns=t_ns)


def _unpadded(chunk: bytes, body: int, stop: int) -> tuple[int, int]:
    if body == stop or body + 1 + chunk[body] > stop:
        raise Malformed("a frame's padding is longer than the frame")
    return body + 1, stop - chunk[body]
