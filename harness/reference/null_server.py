"""`python -m harness.reference.null_server --port N`: a gRPC server that does nothing, as fast as Python can.

It answers ExchangeService and health with constants, so that what a client measures against it is the client and the
machine. It writes HTTP/2 itself: a grpcio server spends 300 us on a call and streams 20,000 messages/s, which would be
measured as the client's own floor and ceiling. SubscribePrice streams without pause, as far as flow control lets it,
or RATE_PER_S (environment) messages a second; each carries its send time and a running number as its price.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
import time
from dataclasses import dataclass, field
from struct import Struct

from google.type.decimal_pb2 import Decimal
from grpc_health.v1.health_pb2 import HealthCheckResponse
from hpack import Decoder

from harness.reference.log import Log
from harness.wire.opensqt.market_maker.v1 import events_pb2, exchange_pb2, resources_pb2, types_pb2

SERVICE = "/opensqt.market_maker.v1.ExchangeService/"
HEALTH = "/grpc.health.v1.Health/"
RATE_VARIABLE = "RATE_PER_S"

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM = ACK = 0x1
END_HEADERS, PADDED, PRIORITY = 0x4, 0x8, 0x20
INITIAL_WINDOW_SIZE = 4

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD, _PREFIX, _WORD, _SETTING = Struct(">BHBBI"), Struct(">BI"), Struct(">I"), Struct(">HI")
_WINDOW_BYTES = 65_535
_BURST = 64
"""Messages per write: few enough that the stamp in each is the time of its write within a fraction of a millisecond."""
_RECEIVE_BYTES = 64 * 1024
_STUCK_S = 30.0
"""A client that takes no byte for so long is dropped."""


def _literal(name: bytes, value: bytes) -> bytes:
    """One HPACK field, neither compressed nor indexed: the same bytes on every connection at any time."""
    return b"\x00" + bytes((len(name),)) + name + bytes((len(value),)) + value


_OK_HEADERS = b"\x88" + _literal(b"content-type", b"application/grpc")
_OK_TRAILERS = _literal(b"grpc-status", b"0")
_NO_SUCH_METHOD = _OK_HEADERS + _literal(b"grpc-status", b"12") + _literal(b"grpc-message", b"the null server has none")


def _decimal(value: str) -> Decimal:
    return Decimal(value=value)


_SERVING = HealthCheckResponse(status=HealthCheckResponse.SERVING).SerializeToString()
ANSWERS: dict[str, bytes] = {
    SERVICE + "GetName": exchange_pb2.GetNameResponse(name="null").SerializeToString(),
    SERVICE + "GetType": exchange_pb2.GetTypeResponse(type=types_pb2.EXCHANGE_TYPE_FUTURES).SerializeToString(),
    SERVICE + "GetAccount": resources_pb2.Account(
        total_wallet_balance=_decimal("10000"),
        total_margin_balance=_decimal("10000"),
        available_balance=_decimal("9000"),
    ).SerializeToString(),
    SERVICE + "PlaceOrder": resources_pb2.Order(
        order_id=1,
        client_order_id="null",
        symbol="BTCUSDT",
        side=types_pb2.ORDER_SIDE_BUY,
        type=types_pb2.ORDER_TYPE_LIMIT,
        price=_decimal("1"),
        quantity=_decimal("1"),
        status=types_pb2.ORDER_STATUS_NEW,
    ).SerializeToString(),
    HEALTH + "Check": _SERVING,
}
PRICES, WATCH = SERVICE + "SubscribePrice", HEALTH + "Watch"


def _frame(kind: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    return _HEAD.pack(len(payload) >> 16, len(payload) & 0xFFFF, kind, flags, stream_id) + payload


def _message(stream_id: int, payload: bytes) -> bytes:
    return _frame(DATA, 0, stream_id, _PREFIX.pack(0, len(payload)) + payload)


@dataclass(slots=True)
class _Call:
    """One open stream of a connection."""

    path: str
    window: int
    due_s: float = 0.0
    sent: int = 0
    subscribed: bool = False
    answer: bytes = field(default=b"", repr=False)


class _Gone(Exception):
    """The client closed the connection, or sent something that this server does not follow."""


class Connection(threading.Thread):
    """One client, one thread."""

    def __init__(self, sock: socket.socket, rate_per_s: float) -> None:
        super().__init__(daemon=True)
        self._sock = sock
        self._rate_per_s = rate_per_s
        self._decoder = Decoder()
        self._paths: dict[bytes, str] = {}
        self._calls: dict[int, _Call] = {}
        self._buffer = b""
        self._block: tuple[int, int, bytes] | None = None
        self._out: list[bytes] = []
        self._window = self._client_window = _WINDOW_BYTES
        self._received = 0
        self._price = events_pb2.PriceChange(exchange="null", symbol="BTCUSDT")

    def run(self) -> None:
        """Serve until the client leaves."""
        try:
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sock.sendall(_frame(SETTINGS, 0, 0, b""))
            while len(self._buffer) < len(_PREFACE):
                self._receive(_STUCK_S)
            if not self._buffer.startswith(_PREFACE):
                raise _Gone
            self._buffer = self._buffer[len(_PREFACE) :]
            while True:
                self._take()
                wait_s = self._stream()
                if self._out:
                    self._sock.settimeout(_STUCK_S)
                    self._sock.sendall(b"".join(self._out))
                    self._out.clear()
                self._receive(wait_s)
        except (OSError, _Gone):
            pass  # the client's business
        finally:
            self._sock.close()

    def _receive(self, wait_s: float | None) -> None:
        self._sock.settimeout(wait_s)
        try:
            data = self._sock.recv(_RECEIVE_BYTES)
        except (BlockingIOError, TimeoutError):
            return
        if not data:
            raise _Gone
        self._buffer += data

    def _take(self) -> None:
        buffer, position = self._buffer, 0
        while position + _HEAD.size <= len(buffer):
            high, low, kind, flags, stream_id = _HEAD.unpack_from(buffer, position)
            end = position + _HEAD.size + (high << 16 | low)
            if end > len(buffer):
                break
            self._act(kind, flags, stream_id & 0x7FFFFFFF, buffer[position + _HEAD.size : end])
            position = end
        self._buffer = buffer[position:]

    def _act(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == DATA:
            self._received += len(payload)
            if self._received >= _WINDOW_BYTES // 2:
                self._out.append(_frame(WINDOW_UPDATE, 0, 0, _WORD.pack(self._received)))
                self._received = 0
            if flags & END_STREAM:
                self._answer(stream_id)
            elif payload:
                self._out.append(_frame(WINDOW_UPDATE, 0, stream_id, _WORD.pack(len(payload))))
        elif kind == HEADERS:
            start = (1 if flags & PADDED else 0) + (5 if flags & PRIORITY else 0)
            self._block = (flags, stream_id, payload[start : len(payload) - (payload[0] if flags & PADDED else 0)])
            self._open(flags)
        elif kind == CONTINUATION and self._block is not None:
            self._block = (*self._block[:2], self._block[2] + payload)
            self._open(flags)
        elif kind == RST_STREAM:
            self._calls.pop(stream_id, None)
        elif kind == SETTINGS and not flags & ACK:
            self._settle(payload)
        elif kind == PING and not flags & ACK:
            self._out.append(_frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            (increment,) = _WORD.unpack(payload)
            if not stream_id:
                self._window += increment
            elif stream_id in self._calls:
                self._calls[stream_id].window += increment

    def _settle(self, payload: bytes) -> None:
        for name, value in _SETTING.iter_unpack(payload):
            if name == INITIAL_WINDOW_SIZE:
                for call in self._calls.values():
                    call.window += value - self._client_window
                self._client_window = value
        self._out.append(_frame(SETTINGS, ACK, 0, b""))

    def _open(self, flags: int) -> None:
        if self._block is None or not flags & END_HEADERS:
            return
        first_flags, stream_id, block = self._block
        self._block = None
        path = self._paths.get(block)
        if path is None:
            table = self._decoder.header_table
            before = (table.maxsize, tuple(table.dynamic_entries))
            path = dict(self._decoder.decode(block, raw=True)).get(b":path", b"").decode("ascii", "replace")
            if (table.maxsize, tuple(table.dynamic_entries)) == before:
                self._paths[block] = path  # it left the compression state alone, so it means the same next time
            else:
                self._paths.clear()
        self._calls[stream_id] = _Call(path, self._client_window)
        if first_flags & END_STREAM:
            self._answer(stream_id)

    def _answer(self, stream_id: int) -> None:
        call = self._calls.get(stream_id)
        if call is None:
            return
        if call.path in (PRICES, WATCH):
            call.subscribed, call.due_s = call.path == PRICES, time.monotonic()
            self._out.append(_frame(HEADERS, END_HEADERS, stream_id, _OK_HEADERS))
            if call.path == WATCH:
                self._out.append(_message(stream_id, _SERVING))
                self._window -= _PREFIX.size + len(_SERVING)
            return
        del self._calls[stream_id]
        answer = ANSWERS.get(call.path)
        if answer is None:
            self._out.append(_frame(HEADERS, END_HEADERS | END_STREAM, stream_id, _NO_SUCH_METHOD))
            return
        # A constant answer is far smaller than any window that is given back at all.
        self._window -= _PREFIX.size + len(answer)
        self._out += (
            _frame(HEADERS, END_HEADERS, stream_id, _OK_HEADERS),
            _message(stream_id, answer),
            _frame(HEADERS, END_HEADERS | END_STREAM, stream_id, _OK_TRAILERS),
        )

    def _stream(self) -> float | None:
        """Write what is due on every price stream; the time (s) until more is, None: until the client sends."""
        wait_s: float | None = None
        now_s = time.monotonic()
        for stream_id, call in self._calls.items():
            if not call.subscribed:
                continue
            due = _BURST
            if self._rate_per_s:
                due = min(due, max(0, int((now_s - call.due_s) * self._rate_per_s) + 1))
            open_ = True
            for _ in range(due):
                message = self._next(stream_id, call)
                size = len(message) - _HEAD.size
                open_ = size <= min(self._window, call.window)
                if not open_:
                    break
                call.sent += 1
                call.due_s += 1 / self._rate_per_s if self._rate_per_s else 0.0
                call.window -= size
                self._window -= size
                self._out.append(message)
            if open_:
                pause_s = max(0.0, call.due_s - now_s) if self._rate_per_s else 0.0
                wait_s = pause_s if wait_s is None else min(wait_s, pause_s)
        return wait_s

    def _next(self, stream_id: int, call: _Call) -> bytes:
        seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
        price = self._price
        price.price.value = str(call.sent + 1)
        price.timestamp.seconds, price.timestamp.nanos = seconds, nanoseconds
        return _message(stream_id, price.SerializeToString())


def serve(port: int, rate_per_s: float, log: Log) -> None:
    """Accept connections for ever on all interfaces; port 0: any free one, see the log line."""
    with socket.create_server(("0.0.0.0", port), backlog=512) as listener:
        log.info("null server serving", port=listener.getsockname()[1], rate_per_s=rate_per_s)
        while True:
            sock, _address = listener.accept()
            Connection(sock, rate_per_s).start()


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m harness.reference.null_server", description=__doc__)
    parser.add_argument("--port", type=int, default=50051, help="0: any free one")
    arguments = parser.parse_args()
    log = Log()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        rate_per_s = float(os.environ.get(RATE_VARIABLE, "0"))
        serve(arguments.port, rate_per_s, log)
    except (OSError, ValueError) as error:
        log.fatal("the null server cannot serve", cause=str(error), port=arguments.port)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
