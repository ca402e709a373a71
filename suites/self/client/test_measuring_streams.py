"""Server streams of the measuring client: nothing lost or reordered, back-pressure, stamps, and every way to end."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import grpc
import h2.events
import pytest
from hyperframe.frame import DataFrame, PingFrame, RstStreamFrame, SettingsFrame

from harness.client.measuring import Batch, MeasuringClient, Stream
from harness.evidence.clock import NS_PER_MS, monotonic_s, now_ns

from .measured import COUNT, FOREVER, MUTE, GrpcioServer, Referee, Script, framed, grpcio_server, socket_server, until

pytestmark = pytest.mark.self


@pytest.fixture(scope="module")
def server() -> Iterator[GrpcioServer]:
    with grpcio_server() as running:
        yield running


@pytest.fixture
def client(server: GrpcioServer) -> Iterator[MeasuringClient]:
    with MeasuringClient(server.address) as made:
        yield made


def payloads(stream: Stream) -> list[bytes]:
    return [payload for batch in stream for payload in batch.payloads]


@pytest.mark.parametrize(("number", "size"), [(0, 0), (1, 0), (5000, 30), (300, 20_000), (5, 3_000_000)])
def test_every_message_once_and_in_order(client: MeasuringClient, number: int, size: int) -> None:
    with client.stream(COUNT, b"%d %d" % (number, size)) as stream:
        got = payloads(stream)
    assert [int(payload.split(b".")[0]) for payload in got] == list(range(number))
    assert all(len(payload) == size + len(str(at)) for at, payload in enumerate(got))
    assert (stream.code, stream.details) == ("OK", "")
    assert 0 < stream.sent_ns <= stream.written_ns
    assert stream.ended_ns >= stream.sent_ns


def test_a_status_after_messages_is_the_streams_end(client: MeasuringClient) -> None:
    stream = client.stream(COUNT, b"10 5 FAILED_PRECONDITION")
    assert len(payloads(stream)) == 10
    assert (stream.code, stream.details) == ("FAILED_PRECONDITION", "told to")
    assert stream.receive(0.1) is None


def test_batches_have_ordered_stamps_from_before_they_were_seen(client: MeasuringClient) -> None:
    last = Batch(0, [], 0)
    with client.stream(COUNT, b"2000 10") as stream:
        for batch in stream:
            assert batch.payloads
            assert batch.earliest_ns <= batch.received_ns <= now_ns()
            assert last.received_ns <= batch.received_ns
            assert last.earliest_ns <= batch.earliest_ns
            last = batch
    assert stream.stamps == client.stamps


def test_a_late_reader_is_told_when_the_messages_came_not_when_it_looked(client: MeasuringClient) -> None:
    if client.stamps != "kernel":
        pytest.skip("no kernel stamps here")
    with client.stream(FOREVER, b"") as stream:
        until(lambda: peeked(stream), "the first message")
        seen_ns = now_ns()
        threading.Event().wait(0.05)  # what is measured: a reader that is 50 ms late
        batch = stream.receive(1)
    assert batch is not None
    assert batch.received_ns <= seen_ns
    assert now_ns() - batch.received_ns >= 50 * NS_PER_MS


def peeked(stream: Stream) -> bool:
    """Whether bytes wait in the stream's socket; none is taken."""
    sock: socket.socket = stream._connection._transport._sock  # type: ignore[union-attr]
    try:
        return b"first" in sock.recv(65_536, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False


def test_calls_go_on_beside_an_open_stream(client: MeasuringClient) -> None:
    with client.stream(FOREVER, b"") as stream:
        assert stream.receive(5) is not None
        with client.stream(COUNT, b"10 1") as second:
            assert len(payloads(second)) == 10
        assert stream.receive(0.01) is None
        assert (stream.code, stream.accepted) == ("", True)
    assert stream.code == "CANCELLED"
    assert client.tally.connects == 2


def test_leaving_a_stream_tells_the_server() -> None:
    with grpcio_server() as server, MeasuringClient(server.address) as client:
        with client.stream(FOREVER, b"") as stream:
            for batch in stream:
                assert batch.payloads == [b"first"]
                break
        assert stream.code == "CANCELLED"
        assert server.cancelled.wait(5)


def test_another_thread_cancels_a_reader_that_waits(client: MeasuringClient) -> None:
    stream = client.stream(FOREVER, b"")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.extend(payloads(stream)))
    reader.start()
    until(lambda: stream.accepted)
    began_s = monotonic_s()
    stream.cancel()
    reader.join(5)
    stream.cancel()
    assert not reader.is_alive()
    assert monotonic_s() - began_s < 0.9  # woken, not found out at the next look
    assert (stream.code, stream.details) == ("CANCELLED", "cancelled")


def test_the_deadline_of_a_stream(client: MeasuringClient) -> None:
    began_s = monotonic_s()
    stream = client.stream(FOREVER, b"", timeout_s=0.3)
    assert payloads(stream) in ([b"first"], [])
    assert stream.code == "DEADLINE_EXCEEDED"
    assert 0.25 < monotonic_s() - began_s < 3


def test_a_reader_that_stops_holds_the_server_back() -> None:
    """h2 raises when a byte is sent beyond the window, so all it can send is what the client allowed."""
    window_bytes, more = 65_535, threading.Event()
    sent: list[int] = []

    def serve(sock: socket.socket, _number: int) -> None:
        referee = Referee(sock)
        stream_id = referee.request()
        referee.h2.send_headers(stream_id, [(":status", "200"), ("content-type", "application/grpc")])
        message, total = framed(b"m" * 95), 0
        while total + 100 <= window_bytes:
            referee.h2.send_data(stream_id, message)
            total += 100
        assert referee.h2.local_flow_control_window(stream_id) < 100
        referee.flush()
        sent.append(total // 100)
        assert more.wait(10)
        while referee.h2.local_flow_control_window(stream_id) < 100:
            referee.wait(h2.events.WindowUpdated)
        referee.h2.send_data(stream_id, message)
        referee.h2.send_headers(stream_id, [("grpc-status", "0")], end_stream=True)
        sent[0] += 1
        referee.flush()

    with (
        socket_server(serve) as server,
        MeasuringClient(server.address, window_bytes=window_bytes) as client,
        client.stream(COUNT, b"") as stream,
    ):
        until(lambda: sent)
        more.set()
        assert len(payloads(stream)) == sent[0] > 600
        assert stream.code == "OK"


def test_windows_never_run_dry_over_a_long_stream() -> None:
    """60 windows' worth of messages of odd sizes, padded now and then; the referee objects to any false update."""
    number = 4000

    def serve(sock: socket.socket, _number: int) -> None:
        referee = Referee(sock)
        stream_id = referee.request()
        referee.h2.send_headers(stream_id, [(":status", "200"), ("content-type", "application/grpc")])
        for at in range(number):
            data, padding = framed(b"%d" % at + bytes(at % 2000)), at % 7
            while referee.h2.local_flow_control_window(stream_id) < len(data) + padding + 1:
                referee.wait(h2.events.WindowUpdated)
            referee.h2.send_data(stream_id, data, pad_length=padding or None)
            if at % 20 == 0:
                referee.flush()
        referee.h2.send_headers(stream_id, [("grpc-status", "0")], end_stream=True)
        referee.flush()

    with (
        socket_server(serve) as server,
        MeasuringClient(server.address, window_bytes=65_535) as client,
        client.stream(COUNT, b"") as stream,
    ):
        assert [int(payload.rstrip(b"\0")) for payload in payloads(stream)] == list(range(number))


def test_a_stream_that_breaks_off_keeps_what_came() -> None:
    def serve(sock: socket.socket, _number: int) -> None:
        script = Script(sock)
        script.settle()
        stream_id = script.request()
        script.send(script.accepted(stream_id), DataFrame(stream_id, framed(b"a") + framed(b"b") + framed(b"cut")[:6]))

    with socket_server(serve) as server, MeasuringClient(server.address) as client:
        stream = client.stream(COUNT, b"")
        assert payloads(stream) == [b"a", b"b"]
        assert (stream.code, stream.details) == ("UNAVAILABLE", "the server closed the connection")


@pytest.mark.parametrize("answers", [True, False])
def test_a_silent_server_is_pinged_and_given_up_when_it_does_not_answer(answers: bool) -> None:
    pings: list[bytes] = []

    def serve(sock: socket.socket, _number: int) -> None:
        script = Script(sock)
        script.settle()
        script.send(script.accepted(script.request()))
        while not isinstance(frame := script.frame(), RstStreamFrame):
            if isinstance(frame, PingFrame):
                pings.append(frame.opaque_data)
                if answers:
                    script.send(PingFrame(0, opaque_data=frame.opaque_data, flags=["ACK"]))

    with (
        socket_server(serve) as server,
        MeasuringClient(server.address, keepalive_s=0.05) as client,
        client.stream(COUNT, b"") as stream,
    ):
        until(lambda: stream.receive(0.01) is None and (len(pings) >= 3 or stream.code))
        if answers:
            assert stream.code == ""
        else:
            assert (stream.code, len(pings)) == ("UNAVAILABLE", 1)
            assert stream.details == "the server does not answer a ping"


def test_a_stream_that_cannot_be_opened_has_ended() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with MeasuringClient(f"127.0.0.1:{port}") as client:
        stream = client.stream(COUNT, b"")
        assert payloads(stream) == []
        assert (stream.code, stream.sent_ns) == ("UNAVAILABLE", 0)
        stream.cancel()
        assert stream.code == "UNAVAILABLE"


def test_a_unary_method_called_as_a_stream_that_never_starts(client: MeasuringClient) -> None:
    stream = client.stream(MUTE, b"", timeout_s=0.2)
    assert payloads(stream) == []
    assert (stream.code, stream.accepted) == ("DEADLINE_EXCEEDED", False)


def test_a_server_that_stops_gracefully_ends_its_streams() -> None:
    with grpcio_server() as server, MeasuringClient(server.address) as client:
        with client.stream(FOREVER, b"") as stream:
            assert stream.receive(5) is not None
            server.stop()
            assert payloads(stream) == []
        assert stream.code in (grpc.StatusCode.UNAVAILABLE.name, grpc.StatusCode.CANCELLED.name)


def test_a_peer_that_never_settles_holds_a_stream_no_longer_than_the_clients_limit() -> None:
    def serve(sock: socket.socket, number: int) -> None:
        script = Script(sock)
        if number == 2:
            script.send(SettingsFrame(0, {SettingsFrame.MAX_CONCURRENT_STREAMS: 0}))
        script.drain()

    with socket_server(serve) as server, MeasuringClient(server.address, timeout_s=0.2) as client:
        for _ in range(2):
            stream = client.stream(COUNT, b"")
            assert (payloads(stream), stream.code, stream.sent_ns) == ([], "DEADLINE_EXCEEDED", 0)
