"""Any split of the reply's bytes, and any order of what a server may send in between, gives the same result."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import dataclass

import pytest
from hpack import Decoder, Encoder, HPACKError
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    SettingsFrame,
    WindowUpdateFrame,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.client.measuring import MeasuringClient
from harness.client.measuring.headers import RequestBlocks, grpc_timeout
from harness.client.measuring.incoming import Incoming, ProtocolBroken
from harness.client.measuring.reply import Reply

from .measured import ECHO, Script, framed, socket_server

pytestmark = pytest.mark.self

STREAM = 1


@dataclass(frozen=True)
class Unheard:
    """A frame of a type that no RFC knows, to be ignored. (hyperframe's own writes a length of 0.)"""

    body: bytes

    def serialize(self) -> bytes:
        return bytes((0, 0, len(self.body), 0xBE, 0xFF, 0, 0, 0, STREAM)) + self.body


@dataclass(frozen=True)
class Sent:
    """What a server sends after the request, and what of it must come out."""

    frames: tuple[Frame | Unheard, ...]
    messages: tuple[bytes, ...]
    code: str

    @property
    def raw(self) -> bytes:
        return b"".join(frame.serialize() for frame in self.frames)

    @property
    def pings(self) -> list[bytes]:
        return [frame.opaque_data for frame in self.frames if isinstance(frame, PingFrame)]


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({edge % (len(data) + 1) for edge in at})
    return [data[start:end] for start, end in zip([0, *edges], [*edges, len(data)], strict=True)]


def padding(flags: set[str]) -> st.SearchStrategy[int]:
    return st.integers(0, 20) if "PADDED" in flags else st.just(0)  # hyperframe pads whatever the flag says


@st.composite
def header_frames(draw: st.DrawFn, block: bytes, *, end: bool) -> list[Frame | Unheard]:
    """One block in HEADERS and CONTINUATION frames, perhaps padded, perhaps with a priority."""
    first, *more = cut(block, draw(st.lists(st.integers(0, 200), max_size=3)))
    flags = {name for name in ("PADDED", "PRIORITY") if draw(st.booleans())} | ({"END_STREAM"} if end else set())
    frames: list[Frame] = [
        HeadersFrame(STREAM, first, pad_length=draw(padding(flags)), stream_weight=7, flags=list(flags))
    ]
    frames += [ContinuationFrame(STREAM, part) for part in more]
    frames[-1].flags.add("END_HEADERS")
    return list(frames)


controls = st.one_of(
    st.binary(min_size=8, max_size=8).map(lambda data: PingFrame(0, opaque_data=data)),
    st.integers(0, 70_000).map(lambda window: SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: window})),
    st.integers(1, 1000).map(lambda more: WindowUpdateFrame(0, window_increment=more)),
    st.integers(1, 1000).map(lambda more: WindowUpdateFrame(STREAM, window_increment=more)),
    st.just(PriorityFrame(STREAM, depends_on=0, stream_weight=3)),
    st.binary(max_size=30).map(Unheard),
)


@st.composite
def replies(draw: st.DrawFn) -> Sent:
    encoder = Encoder()
    messages = tuple(draw(st.lists(st.binary(max_size=300), max_size=6)))
    code = draw(st.sampled_from(("0", "5", "13")))
    content = b"".join(framed(message, compressed=draw(st.booleans())) for message in messages)
    groups: list[list[Frame | Unheard]] = []
    fields = [(":status", "200"), ("content-type", "application/grpc+proto"), ("grpc-encoding", "gzip")]
    groups.append(draw(header_frames(encoder.encode(fields), end=False)))
    for part in cut(content, draw(st.lists(st.integers(0, 2000), max_size=8))):
        flags = {"PADDED"} if draw(st.booleans()) else set()
        groups.append([DataFrame(STREAM, part, pad_length=draw(padding(flags)), flags=list(flags))])
    groups.append(draw(header_frames(encoder.encode([("grpc-status", code), ("x", draw(st.text("ab")))]), end=True)))
    for control in draw(st.lists(controls, max_size=6)):
        groups.insert(draw(st.integers(0, len(groups))), [control])
    names = {"0": "OK", "5": "NOT_FOUND", "13": "INTERNAL"}
    return Sent(tuple(frame for group in groups for frame in group), messages, names[code])


def opened() -> tuple[Incoming, Reply]:
    incoming = Incoming(RequestBlocks("http", "localhost", ()), 65_535)
    incoming.take(SettingsFrame(0).serialize())
    reply = Reply(STREAM, 65_535)
    incoming.begin(reply)
    return incoming, reply


@settings(max_examples=300, deadline=None)
@given(replies(), st.lists(st.integers(0, 5000), max_size=12))
def test_any_split_and_any_frames_in_between(sent: Sent, at: list[int]) -> None:
    incoming, reply = opened()
    answers = b"".join(incoming.take(part) for part in cut(sent.raw, at))
    assert reply.code == sent.code
    assert tuple(reply.messages) == sent.messages
    assert reply.closed_by_peer
    assert acknowledged(answers) == sent.pings
    assert incoming.take(b"") == b""


def test_byte_by_byte() -> None:
    encoder = Encoder()
    sent = b"".join(
        frame.serialize()
        for frame in (
            HeadersFrame(STREAM, encoder.encode([(":status", "200"), ("content-type", "application/grpc")]),
                         flags=["END_HEADERS"]),
            DataFrame(STREAM, framed(b"one") + framed(b"two")),
            HeadersFrame(STREAM, encoder.encode([("grpc-status", "0")]), flags=["END_HEADERS", "END_STREAM"]),
        )
    )  # fmt: skip
    incoming, reply = opened()
    for at in range(len(sent)):
        assert reply.code == ""
        incoming.take(sent[at : at + 1])
    assert (reply.code, reply.messages) == ("OK", [b"one", b"two"])


def acknowledged(answers: bytes) -> list[bytes]:
    """The pings that were answered, in order; every other answer must be a frame that HTTP/2 allows here."""
    pings, view = [], memoryview(answers)
    while view:
        frame, length = Frame.parse_frame_header(view[:9])
        frame.parse_body(view[9 : 9 + length])
        assert isinstance(frame, PingFrame | SettingsFrame | WindowUpdateFrame)
        if isinstance(frame, PingFrame):
            assert "ACK" in frame.flags
            pings.append(frame.opaque_data)
        view = view[9 + length :]
    return pings


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.booleans())
def test_garbage_is_refused_or_waited_for_and_never_anything_else(garbage: bytes, sane_head: bool) -> None:
    """Whatever comes, the only exception is ProtocolBroken, and no message comes out of bytes that were not one."""
    incoming, reply = opened()
    if sane_head:
        kind = garbage[0] % 10 if garbage else 0
        garbage = bytes((0, 0, len(garbage), kind, garbage[1] if len(garbage) > 1 else 0, 0, 0, 0, 1)) + garbage
    with contextlib.suppress(ProtocolBroken):
        incoming.take(garbage)
    assert reply.messages == []


@settings(max_examples=40, deadline=None)
@given(replies().filter(lambda sent: len(sent.messages) == 1), st.lists(st.integers(0, 3000), max_size=6))
def test_the_same_over_a_socket(sent: Sent, at: list[int]) -> None:
    def serve(sock: socket.socket, _number: int) -> None:
        script = Script(sock)
        script.settle()
        assert script.request() == STREAM
        for part in cut(sent.raw, at):
            sock.sendall(part)
        script.drain()

    with socket_server(serve) as server, MeasuringClient(server.address) as client:
        timed = client.unary(ECHO, b"request")
        assert timed.code == sent.code
        assert timed.reply == (sent.messages[0] if sent.code == "OK" else b"")
        assert timed.done_ns >= timed.sent_ns


names = st.sampled_from([f"/test.Test/{'x' * size}" for size in (1, 40, 700, 1500)] + [ECHO.path])
steps = st.lists(st.one_of(st.tuples(names, st.sampled_from([1.0, 5.0])), st.integers(0, 8192)), max_size=40)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_remembered_request_blocks_stay_right_whatever_the_table_does(steps: list[tuple[str, float] | int]) -> None:
    """An independent decoder that follows the connection reads every request as it was meant."""
    blocks = RequestBlocks("http", "localhost:1", (("x-api-key", "the secret"), ("x-trace", "t" * 300)))
    decoder = Decoder()
    for step in steps:
        if isinstance(step, int):
            blocks.limit_table(step)
            decoder.max_allowed_table_size = step
            continue
        path, timeout_s = step
        block = blocks.block(path, timeout_s)
        fields = dict(decoder.decode(block, raw=True))
        assert (fields[b":path"], fields[b":method"], fields[b":scheme"]) == (path.encode(), b"POST", b"http")
        assert (fields[b"te"], fields[b"content-type"]) == (b"trailers", b"application/grpc")
        assert fields[b"grpc-timeout"] == grpc_timeout(timeout_s).encode()
        assert fields[b"x-api-key"] == b"the secret"
        assert not any(b"the secret" in value for _name, value in decoder.header_table.dynamic_entries)


@given(st.floats(1e-6, 1e12))
def test_the_timeout_header_is_never_shorter_than_the_deadline(timeout_s: float) -> None:
    text = grpc_timeout(timeout_s)
    assert len(text) <= 9
    told_s = int(text[:-1]) / {"u": 1e6, "m": 1e3, "S": 1}[text[-1]]
    assert told_s >= min(timeout_s, 99_999_999) * (1 - 1e-9)
    assert told_s <= timeout_s * 1.02 + 1e-6


@pytest.mark.parametrize("block", [b"\xff\xff\xff\xff\xff\xff", b"\x80", b"\xbf", b"\x40\x85aa"])
def test_a_broken_header_block_is_the_servers_fault(block: bytes) -> None:
    with pytest.raises(HPACKError):
        Decoder().decode(block)
    incoming, _reply = opened()
    with pytest.raises(ProtocolBroken, match="header block"):
        incoming.take(HeadersFrame(STREAM, block, flags=["END_HEADERS"]).serialize())
