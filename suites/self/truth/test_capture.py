"""The referee reads a capture right: packets that split and join frames, one that was sent again, two connections."""

from __future__ import annotations

from itertools import pairwise
from struct import pack

import pytest
from hyperframe.frame import DataFrame, Frame, HeadersFrame, SettingsFrame
from hypothesis import given
from hypothesis import strategies as st

from suites.self.client.measured import framed
from suites.self.truth.capture import exchanges, messages

pytestmark = pytest.mark.self

PORT, MS = 50_051, 1_000_000
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def packet(t_ns: int, source: int, target: int, sequence: int, payload: bytes, *, opens: bool = False) -> bytes:
    tcp = pack(">HHIIBBHHH", source, target, sequence & 0xFFFFFFFF, 0, 5 << 4, 2 if opens else 0x10, 0, 0, 0) + payload
    ip = pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    raw = bytes(12) + b"\x08\0" + ip + tcp
    return pack("<IIII", t_ns // 10**9, t_ns % 10**9, len(raw), len(raw)) + raw


def pcap(*packets: bytes) -> bytes:
    return pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262_144, 1) + b"".join(packets)


def wire(*frames: Frame) -> bytes:
    return b"".join(frame.serialize() for frame in frames)


def request(stream: int) -> bytes:
    return wire(
        HeadersFrame(stream, b"\x82", flags=["END_HEADERS"]), DataFrame(stream, data=framed(b""), flags=["END_STREAM"])
    )


def reply(stream: int) -> bytes:
    return wire(
        HeadersFrame(stream, b"\x88", flags=["END_HEADERS"]), DataFrame(stream, data=framed(b"r" * 40)),
        HeadersFrame(stream, b"\x88", flags=["END_HEADERS", "END_STREAM"]),
    )  # fmt: skip


def test_a_call_takes_from_its_requests_first_packet_to_its_replys_last() -> None:
    asked, answered = PREFACE + wire(SettingsFrame(0)) + request(1), reply(1)
    first = 2**32 - 30  # the sequence numbers wrap within the request
    raw = pcap(
        packet(1 * MS, 4000, PORT, first - 1, b"", opens=True),
        packet(2 * MS, 4000, PORT, first, asked[:30]),
        packet(2 * MS, 4000, PORT, first, asked[:30]),  # sent again
        packet(3 * MS, 4000, PORT, first + 30, asked[30:]),
        packet(8 * MS, PORT, 4000, 500, answered[:20]),
        packet(9 * MS, PORT, 4000, 520, answered[20:]),
    )
    (call,) = exchanges(raw, PORT)
    begins_at = len(PREFACE) + len(wire(SettingsFrame(0)))
    assert (call.asked_ns, call.answered_ns) == (2 * MS if begins_at < 30 else 3 * MS, 9 * MS)


@given(cuts=st.lists(st.integers(1, 400), max_size=8), sizes=st.lists(st.integers(0, 60), min_size=1, max_size=6))
def test_messages_are_whole_however_they_were_cut(cuts: list[int], sizes: list[int]) -> None:
    sent = [bytes([at]) * size for at, size in enumerate(sizes)]
    data = wire(HeadersFrame(1, b"\x88", flags=["END_HEADERS"]), *(DataFrame(1, data=framed(one)) for one in sent))
    ends = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    packets = [packet(at * MS, PORT, 4000, 1 + low, data[low:high])
               for at, (low, high) in enumerate(pairwise(ends))]  # fmt: skip
    assert [content for _t_ns, content in messages(pcap(*packets), PORT)] == sent


def test_two_connections_do_not_mix() -> None:
    raw = pcap(
        packet(1 * MS, 4000, PORT, 1, PREFACE + request(1)), packet(2 * MS, 4001, PORT, 1, PREFACE + request(1)),
        packet(5 * MS, PORT, 4001, 1, reply(1)), packet(6 * MS, PORT, 4000, 1, reply(1)),
    )  # fmt: skip
    assert [(one.client_port, one.took_ms) for one in exchanges(raw, PORT)] == [(4000, 5.0), (4001, 3.0)]
