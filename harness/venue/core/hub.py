"""Who listens to what: sockets, the channels they subscribed to, and the one place where frames go out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from harness.venue.core.counting import Count
from harness.venue.core.disturbances import spoiled
from harness.venue.core.faults import Fault, FaultKind, Faults, Scope
from harness.venue.core.meters import Meters, endpoint_of

TEXT, CLOSE, PONG, PING = 0x1, 0x8, 0xA, 0x9
MAX_BUFFERED_BYTES = 64 * 1024 * 1024
"""A socket whose client reads too slowly is cut off here, as venues do."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What a socket can subscribe to. `variant`: whatever else changes the frame's text."""

    name: str
    symbol: str = ""
    account: str = ""
    variant: str = ""


class Wire(Protocol):
    """The TCP side of a socket."""

    def write(self, data: bytes) -> None:
        """Send these bytes."""
        ...

    def buffered_bytes(self) -> int:
        """Written but not yet taken by the client."""
        ...

    def end(self, how: str) -> None:
        """How: close (FIN), reset (RST) or black_hole (stop reading, keep the connection)."""
        ...


def frame(opcode: int, payload: bytes) -> bytes:
    """One unmasked, final WebSocket frame."""
    size = len(payload)
    if size < 126:
        return bytes((0x80 | opcode, size)) + payload
    if size < 65536:
        return bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big") + payload


@dataclass(eq=False, slots=True)
class Socket:
    """One client connection. Times in Unix ns."""

    number: int
    path: str
    wire: Wire
    opened_ns: int
    endpoint: str = ""
    """The path as meters count it: no temporary keys, and not endlessly long."""
    kind: str = "public"
    key: str = ""
    account: str = ""
    wrapped: bool = False
    """Dialect's own: events travel inside an envelope."""
    listen_key: str = ""
    """Dialect's own: the temporary key this socket listens by."""
    sent_counts: bool = False
    """Dialect's own: what is sent keeps it from being idle as well as what is heard."""
    channels: set[Channel] = field(default_factory=set)
    black_holed: bool = False
    frames: int = 0
    last_heard_ns: int = 0
    text_keepalive: bool = False
    """Dialect's own: against the idle cut-off only pings by text count."""
    pings: int = 0
    first_ping_gap_ns: int = 0
    last_ping_ns: int = 0
    longest_ping_gap_ns: int = 0
    """Between two pings that follow each other."""
    ended: str = ""
    """How it was cut by this side, empty while it was not."""
    counted: Count = field(default_factory=Count)
    """The meters' row that it counts in."""

    def pinged(self, now_ns: int) -> None:
        """The client's ping came in, by frame or by text."""
        if self.last_ping_ns:
            self.longest_ping_gap_ns = max(self.longest_ping_gap_ns, now_ns - self.last_ping_ns)
        else:
            self.first_ping_gap_ns = now_ns - self.opened_ns
        self.last_ping_ns = now_ns
        self.pings += 1

    def longest_unpinged_ns(self, until_ns: int) -> int:
        """The same with the time before the first ping and after the last one; without any, its whole life."""
        return max(self.longest_ping_gap_ns, self.first_ping_gap_ns, until_ns - (self.last_ping_ns or self.opened_ns))

    def send(self, text: str) -> None:
        """Send one text frame."""
        self.write(frame(TEXT, text.encode()))

    def write(self, data: bytes, frames: int = 1) -> None:
        """Send finished frames, unless the socket is cut."""
        if self.black_holed or self.ended:
            return
        if self.wire.buffered_bytes() > MAX_BUFFERED_BYTES:
            self.end("reset")
            return
        self.frames += frames
        if self.sent_counts:
            self.last_heard_ns = time.time_ns()
        self.wire.write(data)

    def end(self, how: str, code: int = 1001) -> None:
        """How: close (with a close frame), no_close_frame, reset, black_hole."""
        if self.ended or self.black_holed:
            return
        if how == "black_hole":
            self.black_holed = True
            self.wire.end("black_hole")
            return
        if how == "close":
            self.wire.write(frame(CLOSE, code.to_bytes(2, "big")))
        self.ended = how
        self.wire.end("reset" if how == "reset" else "close")


class Hub:
    """All open sockets of a venue."""

    def __init__(self, faults: Faults, meters: Meters, now_ns: Callable[[], int]) -> None:
        self._faults = faults
        self._meters = meters
        self._now_ns = now_ns
        self._numbers = 0
        self.sockets: dict[int, Socket] = {}
        self._subscribers: dict[Channel, dict[int, Socket]] = {}
        self._by_topic: dict[str, dict[Channel, None]] = {}
        self._held: dict[Channel, list[bytes]] = {}
        """What goes out after the next event of its channel."""
        self._gathered: dict[Channel, list[bytes]] = {}
        """What waits for a burst."""

    def opened(self, path: str, wire: Wire) -> Socket:
        """A client completed its handshake."""
        self._numbers += 1
        now_ns = self._now_ns()
        socket = Socket(self._numbers, path, wire, now_ns, endpoint_of(path), last_heard_ns=now_ns)
        self.sockets[socket.number] = socket
        self._meters.socket_opened(socket, now_ns)
        return socket

    def identify(self, socket: Socket, key: str, account: str) -> None:
        """The socket now belongs to a key."""
        if (socket.kind, socket.key) == ("private", key):
            return
        self._meters.socket_leaves(socket)
        socket.kind, socket.key, socket.account = "private", key, account
        self._meters.socket_identified(socket)

    def closed(self, socket: Socket, code: int | None) -> None:
        """The connection is over, however it ended; what it subscribed to goes with it."""
        for channel in list(socket.channels):
            self.unsubscribe(socket, channel)
        if self.sockets.pop(socket.number, None) is not None:
            self._meters.socket_closed(socket, code, self._now_ns())

    def subscribe(self, socket: Socket, channel: Channel) -> None:
        """Twice is once."""
        if channel in socket.channels:
            return
        socket.channels.add(channel)
        self._subscribers.setdefault(channel, {})[socket.number] = socket
        self._by_topic.setdefault(channel.symbol or channel.account, {})[channel] = None
        self._meters.subscribed(socket.number, channel.name, channel.symbol)

    def unsubscribe(self, socket: Socket, channel: Channel) -> None:
        """Nothing happens when it was not subscribed."""
        if channel not in socket.channels:
            return
        socket.channels.discard(channel)
        subscribers = self._subscribers[channel]
        subscribers.pop(socket.number, None)
        if not subscribers:
            del self._subscribers[channel]
            del self._by_topic[channel.symbol or channel.account][channel]
            self._held.pop(channel, None)
            self._gathered.pop(channel, None)
        self._meters.unsubscribed(socket.number, channel.name, channel.symbol)

    def wanted(self, topic: str) -> list[Channel]:
        """Channels of a symbol (or an account; empty: of all symbols) that somebody listens to."""
        return list(self._by_topic.get(topic, ()))

    def listeners(self, channel: Channel) -> Iterator[Socket]:
        """The sockets subscribed to a channel."""
        return iter(list(self._subscribers.get(channel, {}).values()))

    def publish(self, channel: Channel, text: str, streams: tuple[str, ...], symbol: str = "") -> None:
        """Send one event, rendered once, to every subscriber; faults on single events bite here."""
        sockets = self._subscribers.get(channel)
        if not sockets:
            return
        frames = 1
        if self._faults.on_events or self._held or self._gathered:
            sent = self._disturbed(channel, text, streams, symbol, next(iter(sockets.values())))
            frames, data = len(sent), b"".join(sent)
            if not frames:
                return
        else:
            data = frame(TEXT, text.encode())
        for socket in list(sockets.values()):
            socket.write(data, frames)
        self._meters.frames_sent += frames * len(sockets)

    def release(self) -> None:
        """Send what faults held back: none of them stands any more."""
        for channel in [*self._held, *self._gathered]:
            sent = [*self._gathered.pop(channel, ()), *self._held.pop(channel, ())]
            for socket in self.listeners(channel):
                socket.write(b"".join(sent), len(sent))
                self._meters.frames_sent += len(sent)

    def _disturbed(
        self, channel: Channel, text: str, streams: tuple[str, ...], symbol: str, first: Socket
    ) -> list[bytes]:
        """The frames that go out now in the place of this event's."""
        # A scope names either the venue's channel or the core's stream, whichever its author knows.
        wheres = [
            Scope(first.path, "", name, first.key, symbol or channel.symbol, first.kind)
            for name in (channel.name, *streams)
        ]
        subject = f"{channel.name} {wheres[0].symbol}"

        def bite(kind: FaultKind) -> Fault | None:
            return next(self._faults.every(kind, wheres, subject), None)

        if bite(FaultKind.SILENCE) or bite(FaultKind.LOSE):
            return []
        sent = [frame(TEXT, spoiled(self._faults, text, wheres, subject).encode())]
        if bite(FaultKind.DUPLICATE):
            sent += sent
        held = self._held.pop(channel, [])
        if not held and bite(FaultKind.REORDER):
            self._held[channel] = sent
            return []
        sent += held
        burst = bite(FaultKind.BURST)
        gathered = self._gathered.pop(channel, []) + sent
        if burst is not None and len(gathered) < burst.knob.events:
            self._gathered[channel] = gathered
            return []
        return gathered
