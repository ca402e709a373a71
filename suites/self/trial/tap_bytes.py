"""Hand-made HTTP/2 conversations for the tap's tests: what real peers may send, but cannot be made to send at will."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from hpack import Encoder

from harness.trial.path import Observer
from harness.trial.tap import ClientTap, Exchange
from suites.self.client.scripted import Sink

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RESET, SETTINGS, PUSH, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 9
END_STREAM, END_HEADERS, PADDED, PRIORITY = 0x1, 0x4, 0x8, 0x20

Pairs = Sequence[tuple[str, str]]
OK: Pairs = ((":status", "200"), ("content-type", "application/grpc"))


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    return struct.pack(">HBBBI", len(body) >> 8, len(body) & 255, kind, flags, stream) + body


def message(raw: bytes, flag: int = 0) -> bytes:
    """A gRPC message with its prefix."""
    return struct.pack(">BI", flag, len(raw)) + raw


def settings(**values: int) -> bytes:
    numbers = {"table_bytes": 1}
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", numbers[key], value) for key, value in values.items()))


class Talk:
    """One connection on which the test speaks for both peers; `now_ns` is the time of what is said next."""

    def __init__(self, tap: ClientTap | None = None, sink: Sink | None = None) -> None:
        self.sink = Sink() if sink is None else sink
        self.tap = tap or ClientTap("seen", self.sink)
        self.exchanges: list[Exchange] = []
        self.tap.on_exchange = self.exchanges.append
        self.observer: Observer = self.tap.connection(1)
        self.now_ns = 1
        self.client, self.service = Encoder(), Encoder()

    def sent(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self.observer.sent(chunk, self.now_ns)

    def replied(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self.observer.replied(chunk, self.now_ns)

    def hello(self) -> Talk:
        self.sent(PREFACE + settings())
        self.replied(settings())
        return self

    def asking(self, path: str, *more: tuple[str, str]) -> bytes:
        """The compressed headers of a request."""
        pairs = [(":method", "POST"), (":scheme", "http"), (":path", path), ("te", "trailers"), *more]
        return bytes(self.client.encode(pairs))

    def ask(self, stream: int, path: str, request: bytes = b"", *more: tuple[str, str]) -> None:
        self.sent(frame(HEADERS, END_HEADERS, stream, self.asking(path, *more)))
        self.sent(frame(DATA, END_STREAM, stream, message(request)))

    def begin_reply(self, stream: int, *more: tuple[str, str]) -> None:
        self.replied(frame(HEADERS, END_HEADERS, stream, bytes(self.service.encode([*OK, *more]))))

    def end_reply(self, stream: int, *pairs: tuple[str, str]) -> None:
        block = bytes(self.service.encode(pairs or (("grpc-status", "0"),)))
        self.replied(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))

    def answer(self, stream: int, reply: bytes = b"", *more: tuple[str, str]) -> None:
        self.begin_reply(stream, *more)
        self.replied(frame(DATA, 0, stream, message(reply)))
        self.end_reply(stream)
