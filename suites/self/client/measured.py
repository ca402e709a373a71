"""Servers for the measuring client's tests: grpcio's, one with h2 as the referee, one that sends what it is told."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import h2.exceptions
from hpack import Encoder
from hyperframe.frame import DataFrame, Frame, HeadersFrame, SettingsFrame

from harness.client.measuring import Path
from harness.evidence.clock import monotonic_s

LIMIT_S = 10.0
ECHO, SLEEP, FAIL, COUNT, FOREVER, MUTE, METADATA = (
    Path(f"/test.Test/{name}") for name in ("Echo", "Sleep", "Fail", "Count", "Forever", "Mute", "Metadata")
)
WRITE = Path(ECHO.path, writes=True)
MUTE_WRITE = Path(MUTE.path, writes=True)


def until(condition: Callable[[], object], what: str = "the condition") -> None:
    """Wait for it, LIMIT_S at most."""
    end_s = monotonic_s() + LIMIT_S
    while not condition():
        assert monotonic_s() < end_s, f"{what} never came true"
        time.sleep(0.002)


class GrpcioServer:
    """Raw bytes in, raw bytes out, on grpcio's C core."""

    def __init__(self, threads: int = 16, credentials: grpc.ServerCredentials | None = None, **options: Any) -> None:
        self.cancelled = threading.Event()
        self.deadlines: list[float] = []
        self._mute = threading.Event()
        arguments = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1), *options.items()]
        pool = futures.ThreadPoolExecutor(threads)
        self._server = grpc.server(pool, options=arguments, compression=grpc.Compression.NoCompression)
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        methods: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            "Echo": unary(self._echo), "Sleep": unary(self._sleep), "Fail": unary(self._fail),
            "Mute": unary(self._never), "Metadata": unary(self._metadata),
            "Count": stream(self._count), "Forever": stream(self._forever),
        }  # fmt: skip
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", methods),))
        if credentials is None:
            self.port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def stop(self, grace_s: float = 0.0) -> None:
        """Stop and wait for it."""
        assert self._server.stop(grace_s).wait(LIMIT_S)
        self._mute.set()

    def _echo(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        self.deadlines.append(context.time_remaining() or 0.0)
        if request.startswith(b"gzip"):
            context.set_compression(grpc.Compression.Gzip)
        elif request.startswith(b"deflate"):
            context.set_compression(grpc.Compression.Deflate)
        return request

    def _sleep(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        time.sleep(float(request))  # the planted truth, not a condition
        return b"slept"

    def _fail(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        name, _, details = request.decode().partition(" ")
        context.abort(grpc.StatusCode[name], details)
        return b""

    def _never(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        context.add_callback(self.cancelled.set)
        self._mute.wait(LIMIT_S)
        return b""

    def _metadata(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        return repr(sorted((pair[0], pair[1]) for pair in context.invocation_metadata() or ())).encode()

    def _count(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        number, size, *code = request.split()
        for at in range(int(number)):
            yield b"%d" % at + b"." * int(size)
        if code:
            context.abort(grpc.StatusCode[code[0].decode()], "told to")

    def _forever(self, request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
        context.add_callback(self.cancelled.set)
        yield b"first"
        self._mute.wait(LIMIT_S)


@contextmanager
def grpcio_server(**options: Any) -> Iterator[GrpcioServer]:
    server = GrpcioServer(**options)
    try:
        yield server
    finally:
        server.stop()


class SocketServer:
    """`serve` runs in a thread of its own for each connection; what it raises fails the test at the end."""

    def __init__(self, serve: Callable[[socket.socket, int], None]) -> None:
        self._serve = serve
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.errors: list[BaseException] = []
        self.connections = 0
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join(LIMIT_S)
        self._listener.close()
        for thread in self._threads:
            thread.join(LIMIT_S)
            assert not thread.is_alive(), "a connection of the scripted server is stuck"
        assert self.errors == []

    def _accept(self) -> None:
        while True:
            try:
                sock, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._run, args=(sock, self.connections))
            self._threads.append(thread)
            thread.start()

    def _run(self, sock: socket.socket, number: int) -> None:
        with sock:
            sock.settimeout(LIMIT_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                self._serve(sock, number)
            except (ConnectionError, TimeoutError):
                pass  # the client may leave whenever it likes
            except BaseException as error:  # noqa: BLE001 (shown by close)
                self.errors.append(error)


@contextmanager
def socket_server(serve: Callable[[socket.socket, int], None]) -> Iterator[SocketServer]:
    server = SocketServer(serve)
    try:
        yield server
    finally:
        server.close()


class Referee:
    """h2 as the server's side of one connection: it raises whenever the client breaks HTTP/2."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self.h2 = h2.connection.H2Connection(config)
        self.h2.initiate_connection()
        self.flush()
        self.requests: dict[int, bytes] = {}
        self.headers: dict[int, dict[str, str]] = {}
        self.events: list[h2.events.Event] = []

    def flush(self) -> None:
        data = self.h2.data_to_send()
        if data:
            self.sock.sendall(data)

    def receive(self) -> list[h2.events.Event]:
        """The next events; ConnectionError when the client has closed."""
        self.flush()
        data = self.sock.recv(65_536)
        if not data:
            raise ConnectionError
        events = self.h2.receive_data(data)
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                assert event.stream_id is not None
                assert event.headers is not None
                self.headers[event.stream_id] = {str(name): str(value) for name, value in event.headers}
                self.requests[event.stream_id] = b""
            elif isinstance(event, h2.events.DataReceived):
                assert event.stream_id is not None
                self.requests[event.stream_id] += event.data or b""
                self.h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        self.events += events
        self.flush()
        return events

    def wait(self, kind: type[h2.events.Event]) -> Any:
        """The next event of this kind."""
        while True:
            for event in self.receive():
                if isinstance(event, kind):
                    return event

    def request(self) -> int:
        """Wait for one whole request; its stream."""
        return int(self.wait(h2.events.StreamEnded).stream_id)

    def message(self, stream_id: int) -> bytes:
        """The one message of a whole request."""
        data = self.requests[stream_id]
        assert data[:5] == b"\0" + (len(data) - 5).to_bytes(4, "big")
        return data[5:]

    def reply(self, stream_id: int, *messages: bytes, code: str = "0") -> None:
        """A whole reply, as the flow-control windows allow."""
        self.h2.send_headers(stream_id, [(":status", "200"), ("content-type", "application/grpc")])
        data = b"".join(framed(message) for message in messages)
        while data:
            room = min(self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size, len(data))
            if room <= 0:
                self.flush()
                self.receive()
                continue
            self.h2.send_data(stream_id, data[:room])
            data = data[room:]
        self.h2.send_headers(stream_id, [("grpc-status", code)], end_stream=True)
        self.flush()


def framed(message: bytes, *, compressed: bool = False) -> bytes:
    """A gRPC message with its prefix."""
    if compressed:
        message = gzip.compress(message)
    return bytes((compressed,)) + len(message).to_bytes(4, "big") + message


class Script:
    """Frames written by hyperframe and hpack, for servers that misbehave; reads requests without judging them."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.encoder = Encoder()
        self._left = b""
        preface = self._bytes(24)
        assert preface.startswith(b"PRI * HTTP/2.0")

    def settle(self) -> None:
        self.send(SettingsFrame(0))

    def send(self, *frames: Frame) -> None:
        self.sock.sendall(b"".join(frame.serialize() for frame in frames))

    def headers(self, stream_id: int, *fields: tuple[str, str], end: bool = False) -> HeadersFrame:
        flags = ["END_HEADERS", "END_STREAM"] if end else ["END_HEADERS"]
        return HeadersFrame(stream_id, self.encoder.encode(fields), flags=flags)

    def accepted(self, stream_id: int) -> HeadersFrame:
        return self.headers(stream_id, (":status", "200"), ("content-type", "application/grpc"))

    def trailers(self, stream_id: int, code: str = "0", message: str = "") -> HeadersFrame:
        return self.headers(stream_id, ("grpc-status", code), ("grpc-message", message), end=True)

    def answer(self, stream_id: int, message: bytes = b"answer") -> list[Frame]:
        return [self.accepted(stream_id), DataFrame(stream_id, framed(message)), self.trailers(stream_id)]

    def frame(self) -> Frame:
        """The client's next frame; ConnectionError when it has closed."""
        frame, length = Frame.parse_frame_header(memoryview(self._bytes(9)))
        frame.parse_body(memoryview(self._bytes(length)))
        return frame

    def request(self) -> int:
        """Wait for the end of a request; its stream."""
        while True:
            frame = self.frame()
            if "END_STREAM" in frame.flags:
                return int(frame.stream_id)

    def drain(self) -> None:
        """Read until the client closes."""
        with contextlib.suppress(OSError):
            while self.sock.recv(65_536):
                pass

    def _bytes(self, size: int) -> bytes:
        while len(self._left) < size:
            data = self.sock.recv(65_536)
            if not data:
                raise ConnectionError
            self._left += data
        taken, self._left = self._left[:size], self._left[size:]
        return taken
