"""The referee: what tcpdump saw on the loopback, and from it the times of every HTTP/2 request, reply and message."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from struct import Struct

from harness.evidence.clock import NS_PER_S

LIMIT_S = 20.0
_MAGIC_NS, _MAGIC_US = 0xA1B23C4D, 0xA1B2C3D4
_ETHERNET, _IPV4, _TCP = 1, 0x0800, 6
_FRAME = Struct(">BHBBI")
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, END_STREAM = 0, 1, 0x1


class CannotCapture(Exception):
    """One sentence."""


def why_not() -> str:
    """Why nothing can be captured here; empty when it can."""
    try:
        with capturing(1, Path(os.devnull)):
            return ""
    except CannotCapture as refused:
        return str(refused)


@contextmanager
def capturing(port: int, file: Path) -> Iterator[None]:
    """Everything from and to the port goes to the file, complete when the context is left."""
    program = shutil.which("tcpdump")
    if program is None:
        raise CannotCapture("tcpdump is not installed")
    process = subprocess.Popen(
        [program, "-i", "lo", "-n", "-U", "-B", "65536", "-s", "0", "--time-stamp-precision", "nano", "-w", str(file),
         "tcp", "port", str(port)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    said = rest = ""
    try:
        while "listening on" not in said:
            line = process.stderr.readline()
            if not line:
                raise CannotCapture(f"tcpdump does not capture: {' '.join(said.split())[-200:]}")
            said += line
        yield
        if port > 1:
            _caught_up(port, file)
    finally:
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate(timeout=LIMIT_S)
    assert "\n0 packets dropped by kernel" in rest, f"the capture is not complete: {rest}"


def _caught_up(port: int, file: Path) -> None:
    """Until what was sent just now is in the file: tcpdump forgets what it has not read yet when it is stopped."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as last:
        sign = last.getsockname()[1].to_bytes(2, "big") + port.to_bytes(2, "big")
    end_s = time.monotonic() + LIMIT_S
    while sign not in file.read_bytes()[-2000:]:
        assert time.monotonic() < end_s, "tcpdump does not write down what it sees"
        time.sleep(0.05)


@dataclass(frozen=True, slots=True)
class Segment:
    """What one packet carried."""

    t_ns: int
    source: int
    target: int
    sequence: int
    payload: bytes
    opens: bool


@dataclass(slots=True)
class Way:
    """One direction of a connection, put together. `starts`: the offsets at which packets begin, with their times."""

    data: bytearray = field(default_factory=bytearray)
    starts: list[int] = field(default_factory=list)
    times_ns: list[int] = field(default_factory=list)
    first: int = 0

    def add(self, segment: Segment) -> None:
        """Packets of a loopback come in order; one that was sent again is the one before it."""
        if segment.opens or not self.first:
            self.first = segment.sequence + segment.opens
        offset = (segment.sequence + segment.opens - self.first) & 0xFFFFFFFF
        if not segment.payload or offset < len(self.data):
            return
        assert offset == len(self.data), "the capture has a gap"
        self.starts.append(offset)
        self.times_ns.append(segment.t_ns)
        self.data += segment.payload

    def t_ns(self, offset: int) -> int:
        """When the byte was on its way."""
        return self.times_ns[bisect_right(self.starts, offset) - 1]

    def frames(self) -> Iterator[tuple[int, int, int, bytes, int, int]]:
        """Kind, flags, stream, content, time of the first byte, time of the last."""
        at = len(_PREFACE) if self.data.startswith(_PREFACE) else 0
        while at + _FRAME.size <= len(self.data):
            high, low, kind, flags, stream = _FRAME.unpack_from(self.data, at)
            end = at + _FRAME.size + (high << 16 | low)
            if end > len(self.data):
                return
            content = bytes(self.data[at + _FRAME.size : end])
            yield kind, flags, stream & 0x7FFFFFFF, content, self.t_ns(at), self.t_ns(end - 1)
            at = end


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its whole reply on the wire: first byte of the one to last byte of the other. Unix ns."""

    client_port: int
    stream: int
    asked_ns: int
    answered_ns: int

    @property
    def took_ms(self) -> float:
        """From request to reply."""
        return (self.answered_ns - self.asked_ns) / 1e6


def segments(raw: bytes) -> Iterator[Segment]:
    """The TCP packets of a pcap file (Ethernet, IPv4) in its order."""
    header = Struct("<IHHiIII")
    magic, _major, _minor, _zone, _figures, _snap, link = header.unpack_from(raw)
    assert magic in (_MAGIC_NS, _MAGIC_US), f"not a little-endian pcap file: {magic:#x}"
    assert link == _ETHERNET
    unit_ns = 1 if magic == _MAGIC_NS else 1000
    record, at = Struct("<IIII"), header.size
    while at + record.size <= len(raw):
        seconds, fraction, kept, length = record.unpack_from(raw, at)
        packet, at = raw[at + record.size : at + record.size + kept], at + record.size + kept
        assert kept == length, "a packet was cut: capture with -s 0"
        segment = _tcp(packet, seconds * NS_PER_S + fraction * unit_ns)
        if segment is not None:
            yield segment


def _tcp(packet: bytes, t_ns: int) -> Segment | None:
    if int.from_bytes(packet[12:14], "big") != _IPV4 or packet[23] != _TCP:
        return None
    ip_bytes = (packet[14] & 0xF) * 4
    ip_length = int.from_bytes(packet[16:18], "big")
    tcp = packet[14 + ip_bytes : 14 + ip_length if ip_length else None]  # 0: longer than the field can say
    source, target, sequence = int.from_bytes(tcp[:2], "big"), int.from_bytes(tcp[2:4], "big"), tcp[4:8]
    return Segment(t_ns, source, target, int.from_bytes(sequence, "big"), tcp[(tcp[12] >> 4) * 4 :], bool(tcp[13] & 2))


def ways(raw: bytes, port: int) -> dict[tuple[int, bool], Way]:
    """Both directions of each connection with the server's port: client's port, whether it is the client's side."""
    found: dict[tuple[int, bool], Way] = {}
    for segment in segments(raw):
        from_client = segment.target == port
        client = segment.source if from_client else segment.target
        if segment.opens and from_client:
            found.pop((client, True), None)  # the port is used again: only its last connection is looked at
            found.pop((client, False), None)
        found.setdefault((client, from_client), Way()).add(segment)
    return found


def exchanges(raw: bytes, port: int) -> list[Exchange]:
    """Every call that was answered, in the order of the requests."""
    asked: dict[tuple[int, int], int] = {}
    answered: dict[tuple[int, int], int] = {}
    for (client, from_client), way in ways(raw, port).items():
        for kind, flags, stream, _content, first_ns, last_ns in way.frames():
            if from_client and kind == HEADERS:
                asked.setdefault((client, stream), first_ns)
            elif not from_client and stream and flags & END_STREAM and kind in (DATA, HEADERS):
                answered[client, stream] = last_ns
    made = [Exchange(*key, asked_ns, answered[key]) for key, asked_ns in asked.items() if key in answered]
    return sorted(made, key=lambda one: one.asked_ns)


def messages(raw: bytes, port: int) -> list[tuple[int, bytes]]:
    """Every gRPC message that the server sent: when its last byte was on its way, and its content."""
    found = []
    for (_client, from_client), way in ways(raw, port).items():
        if from_client:
            continue
        left: dict[int, bytes] = {}
        for kind, _flags, stream, content, _first_ns, last_ns in way.frames():
            if kind != DATA:
                continue
            data = left.pop(stream, b"") + content
            while len(data) >= 5 and len(data) >= 5 + (size := int.from_bytes(data[1:5], "big")):
                found.append((last_ns, data[5 : 5 + size]))
                data = data[5 + size :]
            left[stream] = data
    return sorted(found, key=lambda one: one[0])
