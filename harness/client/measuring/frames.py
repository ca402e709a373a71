"""HTTP/2 frames as bytes: the numbers of RFC 9113 and how to write the few frames that a client sends."""

from __future__ import annotations

from enum import IntEnum
from struct import Struct

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD_BYTES = 9
PREFIX_BYTES = 5
"""gRPC's own head of a message within DATA: compressed flag and length."""

PRIORITY_BYTES = 5
PING_BYTES = 8

DEFAULT_WINDOW_BYTES = 65_535
DEFAULT_FRAME_BYTES = 16_384
LARGEST_WINDOW_BYTES = 2**31 - 1
LAST_STREAM_ID = 2**31 - 1

END_STREAM = ACK = 0x1
END_HEADERS = 0x4
PADDED = 0x8
PRIORITY = 0x20


class Kind(IntEnum):
    """Frame types; others are ignored, as the RFC demands."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PUSH_PROMISE = 5
    PING = 6
    GOAWAY = 7
    WINDOW_UPDATE = 8
    CONTINUATION = 9


head = Struct(">BHBBI")
"""Length (high byte, low two), type, flags, stream."""
head_and_prefix = Struct(">BHBBIBI")
"""A frame's head and, for DATA that starts with one, the gRPC message's flag and length: one call reads both."""
prefix = Struct(">BI")
setting = Struct(">HI")
word = Struct(">I")
goaway = Struct(">II")


def frame(kind: Kind, flags: int, stream_id: int, payload: bytes) -> bytes:
    """One whole frame."""
    size = len(payload)
    return head.pack(size >> 16, size & 0xFFFF, kind, flags, stream_id) + payload


def settings(window_bytes: int) -> bytes:
    """The client's own settings: no server push, this window for every stream."""
    values = ((SettingCodes.ENABLE_PUSH, 0), (SettingCodes.INITIAL_WINDOW_SIZE, window_bytes))
    return frame(Kind.SETTINGS, 0, 0, b"".join(setting.pack(*value) for value in values))


def window_update(stream_id: int, increment: int) -> bytes:
    """Allow the peer `increment` bytes more, on a stream or (0) on the whole connection."""
    return frame(Kind.WINDOW_UPDATE, 0, stream_id, word.pack(increment))


def reset(stream_id: int, code: ErrorCodes) -> bytes:
    """RST_STREAM: this side is done with the stream."""
    return frame(Kind.RST_STREAM, 0, stream_id, word.pack(code))


def request_headers(stream_id: int, block: bytes, frame_bytes: int) -> bytes:
    """HEADERS with `block`, and CONTINUATION frames for what is beyond the peer's largest frame."""
    if len(block) <= frame_bytes:
        return frame(Kind.HEADERS, END_HEADERS, stream_id, block)
    parts = [block[start : start + frame_bytes] for start in range(0, len(block), frame_bytes)]
    last = len(parts) - 1
    return b"".join(
        frame(Kind.CONTINUATION if at else Kind.HEADERS, END_HEADERS if at == last else 0, stream_id, part)
        for at, part in enumerate(parts)
    )


def error_name(code: int) -> str:
    """The RFC's name of an error code; an unknown one in hexadecimal."""
    try:
        return ErrorCodes(code).name
    except ValueError:
        return f"0x{code:x}"
