"""A TCP connection, plain or with TLS, whose received bytes carry the kernel's time stamp.

Works on the names of the `socket` module as they are when it connects, so a process that gevent has patched gets
gevent's sockets. TLS runs over memory buffers, so that its segments are received, and stamped, like any others.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from struct import Struct
from typing import Protocol

from harness.client.channel import Tls
from harness.client.measuring import status
from harness.evidence.clock import NS_PER_S, monotonic_s, now_ns

KERNEL, USER = "kernel", "user"

RECEIVE_BYTES = 64 * 1024
"""As much as one receive takes where single stamps do not matter."""
_RECORD_HEAD_BYTES = 5
_STAMPING_LIMIT_S = 2.0

# Python 3.11 has no name for it; the number is the same on all Linux machines except SPARC and PA-RISC.
_SO_TIMESTAMPNS: int = getattr(socket, "SO_TIMESTAMPNS", 35)
_timespec = Struct("@ll")
_ANCILLARY_BYTES = socket.CMSG_SPACE(_timespec.size) if hasattr(socket, "CMSG_SPACE") else 0
_CAN_STAMP = sys.platform.startswith("linux")


class Lost(Exception):
    """The connection is of no use any more; `code` is what a call on it ends with."""

    def __init__(self, details: str, code: str = status.UNAVAILABLE) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


@dataclass(slots=True)
class Tally:
    """What one client has been through."""

    connects: int = 0
    """Connections made, of the client itself and of its streams."""
    reconnects: int = 0
    """Those of the client itself after its first."""
    unstamped: int = 0
    """Receipts without a kernel stamp although the socket was promised one: the user-space clock stood in."""


@lru_cache(maxsize=1)
def stamping() -> str:
    """Have the kernel stamp what it receives from now on, and wait until it does; whose stamps there will be.

    The first socket of a machine that asks for stamps sets the kernel to work in the background: segments that come
    meanwhile have none, nor, a while after the last such socket was closed, have others. So one connection is kept
    open, as a bare descriptor, until the process ends.
    """
    if not _CAN_STAMP:
        return USER
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            kept = socket.create_connection(listener.getsockname(), timeout=_STAMPING_LIMIT_S)
            peer, _address = listener.accept()
        with peer:
            kept.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            until_s = monotonic_s() + _STAMPING_LIMIT_S
            while monotonic_s() < until_s:
                peer.sendall(b"?")
                if kept.recvmsg(1, _ANCILLARY_BYTES)[1]:
                    kept.detach()
                    return KERNEL
                time.sleep(0.001)
        kept.close()
    except OSError:
        return USER  # sockets that cannot be had here: the first call will say why
    return USER


class Transport(Protocol):
    """Where bytes go and come from. `stamps` says whose clock is in what `receive` returns: kernel or user."""

    stamps: str

    def wait_at_most(self, limit_s: float) -> None:
        """Limit of every following `send` and `receive`; 0: only what is possible at once."""
        ...

    def send(self, data: bytes) -> tuple[int, int]:
        """Send all; the times (ns) just before and after. OSError; TimeoutError: part of it may be gone."""
        ...

    def receive(self, most_bytes: int) -> tuple[bytes, int]:
        """What is there, or comes first, and when (ns) its last segment came. b"" at the end of the stream.

        The kernel keeps the stamp of each segment that nobody has read, so one who reads late learns when a message
        came if `most_bytes` ends with it: what is read beyond brings the stamp of a later segment.

        OSError; TimeoutError or BlockingIOError when nothing came within the limit.
        """
        ...

    def shut(self) -> None:
        """Shut both directions; a thread that waits in `receive` wakes with the end of the stream."""
        ...

    def close(self) -> None:
        """Free the descriptor. Not while another thread uses it: the number may be given to a new socket."""
        ...


class PlainTransport:
    """TCP without TLS."""

    def __init__(self, sock: socket.socket, tally: Tally) -> None:
        self._sock = sock
        self._tally = tally
        self._limit_s = sock.gettimeout()
        self.stamps = stamping()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.stamps == KERNEL:
            sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)

    def wait_at_most(self, limit_s: float) -> None:
        """See Transport."""
        if limit_s != self._limit_s:
            self._limit_s = limit_s
            self._sock.settimeout(limit_s)

    def send(self, data: bytes) -> tuple[int, int]:
        """See Transport."""
        began_ns = now_ns()
        self._sock.sendall(data)
        return began_ns, now_ns()

    def receive(self, most_bytes: int) -> tuple[bytes, int]:
        """See Transport."""
        data, ancillary, _flags, _address = self._sock.recvmsg(most_bytes, _ANCILLARY_BYTES)
        for level, kind, content in ancillary:
            if kind == _SO_TIMESTAMPNS and level == socket.SOL_SOCKET:
                seconds, nanoseconds = _timespec.unpack(content)
                return data, seconds * NS_PER_S + nanoseconds
        if data and self.stamps == KERNEL:
            self._tally.unstamped += 1
        return data, now_ns()

    def shut(self) -> None:
        """See Transport."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """See Transport."""
        self._sock.close()


class TlsTransport:
    """TLS over a PlainTransport. The last segment's stamp is that of the plaintext it completed."""

    def __init__(self, inner: PlainTransport, context: ssl.SSLContext, server_name: str, until_s: float) -> None:
        self._inner = inner
        self.stamps = inner.stamps
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)
        self._record = b""
        """The encrypted bytes so far of a record that is not whole yet."""
        self._shake_hands(until_s)

    def wait_at_most(self, limit_s: float) -> None:
        """See Transport."""
        self._inner.wait_at_most(limit_s)

    def send(self, data: bytes) -> tuple[int, int]:
        """See Transport; encrypted before the first stamp."""
        self._session.write(data)
        return self._inner.send(self._outgoing.read())

    def receive(self, most_bytes: int) -> tuple[bytes, int]:
        """See Transport. Less than RECEIVE_BYTES means one record, whose bytes came from one write of the server."""
        while True:
            sealed, t_ns = self._inner.receive(RECEIVE_BYTES if most_bytes >= RECEIVE_BYTES else self._record_bytes())
            if not sealed:
                return b"", t_ns
            self._incoming.write(sealed)
            self._cut_records(sealed)
            plain = bytearray()
            try:
                while part := self._session.read(RECEIVE_BYTES):
                    plain += part
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLZeroReturnError:
                return bytes(plain), t_ns  # the end follows with the next receive
            if plain:
                return bytes(plain), t_ns

    def shut(self) -> None:
        """See Transport."""
        self._inner.shut()

    def close(self) -> None:
        """See Transport."""
        self._inner.close()

    def _record_bytes(self) -> int:
        """How much ends the record that has begun, or the head that tells its length."""
        head = self._record[:_RECORD_HEAD_BYTES]
        length = int.from_bytes(head[3:]) if len(head) == _RECORD_HEAD_BYTES else 0
        return _RECORD_HEAD_BYTES + length - len(self._record)

    def _cut_records(self, sealed: bytes) -> None:
        self._record += sealed
        while len(self._record) >= _RECORD_HEAD_BYTES and (missing := self._record_bytes()) <= 0:
            self._record = self._record[len(self._record) + missing :]

    def _shake_hands(self, until_s: float) -> None:
        while True:
            try:
                self._session.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._inner.wait_at_most(max(0.001, until_s - monotonic_s()))
                sealed, _t_ns = self._inner.receive(RECEIVE_BYTES)
                if not sealed:
                    raise Lost("the server closed the connection during the TLS handshake") from None
                self._incoming.write(sealed)
                self._cut_records(sealed)
            except ssl.SSLError:
                with contextlib.suppress(OSError):
                    self._flush()  # the alert that tells the server why
                raise
        self._flush()
        if self._session.selected_alpn_protocol() != "h2":
            raise Lost("the server's TLS does not offer HTTP/2 (ALPN h2)")

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._inner.send(self._outgoing.read())


def host_and_port(address: str) -> tuple[str, int]:
    """Split "host:port" or "[v6]:port". ValueError says what is wrong."""
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError(f"{address!r} is no address of a server: give host:port, for example 127.0.0.1:50051")
    return host.removeprefix("[").removesuffix("]"), int(port)


def dial(address: str, tls: Tls | None, until_s: float, tally: Tally) -> Transport:
    """Connect before `until_s` (monotonic). Lost when the server refuses; TimeoutError when time is up."""
    host, port = host_and_port(address)
    context = None if tls is None else _context(tls.roots)
    limit_s = until_s - monotonic_s()
    if limit_s <= 0:
        raise TimeoutError
    plain: PlainTransport | None = None
    try:
        plain = PlainTransport(socket.create_connection((host, port), timeout=limit_s), tally)
        if context is None or tls is None:
            return plain
        return TlsTransport(plain, context, tls.server_name or host, until_s)
    except BaseException as error:
        if plain is not None:
            plain.close()
        if isinstance(error, ssl.SSLError):
            raise Lost(f"TLS with {address} failed: {error.reason or error}") from None
        if isinstance(error, OSError) and not is_time_up(error):
            raise Lost(f"cannot connect to {address}: {said(error)}") from None
        raise


def is_time_up(error: OSError) -> bool:
    """Our own limit, as opposed to the kernel's ETIMEDOUT, which Python gives the same type."""
    return isinstance(error, BlockingIOError) or (isinstance(error, TimeoutError) and error.errno != errno.ETIMEDOUT)


def said(error: OSError) -> str:
    """The error's text without its number."""
    return error.strerror or str(error) or type(error).__name__


@lru_cache(maxsize=16)
def _context(roots: Path) -> ssl.SSLContext:
    """One per CA file: making one parses all its certificates, too slow for each of a thousand users."""
    try:
        context = ssl.create_default_context(cafile=str(roots))
    except (OSError, ssl.SSLError) as error:
        raise ValueError(f"the CA file {roots} cannot be used: {said(error)}") from None
    context.set_alpn_protocols(["h2"])
    return context
