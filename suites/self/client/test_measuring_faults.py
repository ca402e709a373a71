"""What servers and networks do to a call: its code, its outcome, its details, and that the next call works again."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable

import h2.events
import pytest
from h2.errors import ErrorCodes
from h2.settings import SettingCodes
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from harness.client.measuring import MeasuringClient
from harness.evidence.clock import NS_PER_S, now_ns
from harness.evidence.records import Outcome

from .measured import ECHO, WRITE, Referee, Script, framed, socket_server, until

pytestmark = pytest.mark.self


def after_the_request(act: Callable[[Script, int], None]) -> Callable[[socket.socket, int], None]:
    """A server whose first connection acts on the first request; all others answer every call."""

    def serve(sock: socket.socket, number: int) -> None:
        script = Script(sock)
        script.settle()
        if number == 1:
            act(script, script.request())
            script.drain()
            return
        while True:
            script.send(*script.answer(script.request()))

    return serve


def test_the_referee_finds_no_fault_in_many_calls_with_changing_settings() -> None:
    """h2 checks every frame; request and reply are larger than the windows, which change on the way."""
    changes: list[dict[int, int]] = [
        {SettingCodes.HEADER_TABLE_SIZE: 0},
        {SettingCodes.INITIAL_WINDOW_SIZE: 10},
        {SettingCodes.MAX_FRAME_SIZE: 60_000, SettingCodes.HEADER_TABLE_SIZE: 100},
        {SettingCodes.INITIAL_WINDOW_SIZE: 200_000, SettingCodes.HEADER_TABLE_SIZE: 60_000},
    ]

    def serve(sock: socket.socket, _number: int) -> None:
        referee = Referee(sock)
        for at in range(12):
            stream_id = referee.request()
            assert referee.headers[stream_id][":path"] == ECHO.path
            if at % 3 == 1:
                referee.h2.update_settings(changes[at // 3])
                referee.h2.ping(b"12345678")
            referee.reply(stream_id, referee.message(stream_id))

    with socket_server(serve) as server, MeasuringClient(server.address) as client:
        for at in range(12):
            request = bytes([at]) * (100_000 if at % 2 else 10)
            timed = client.unary(ECHO, request)
            assert timed.code == "OK", timed.details
            assert timed.reply == request
        assert client.tally.connects == 1


def test_a_settings_change_that_makes_the_window_negative_is_waited_out() -> None:
    def serve(sock: socket.socket, _number: int) -> None:
        referee = Referee(sock)
        referee.wait(h2.events.DataReceived)  # a window's worth is on its way
        for window in (1, 600_000):
            referee.h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
            referee.flush()
            referee.wait(h2.events.SettingsAcknowledged)
        referee.reply(referee.request(), b"all there")

    with socket_server(serve) as server, MeasuringClient(server.address) as client:
        assert client.unary(ECHO, bytes(500_000)).reply == b"all there"


def test_a_call_waits_for_a_server_that_admits_no_streams_yet() -> None:
    def serve(sock: socket.socket, number: int) -> None:
        script = Script(sock)
        script.send(SettingsFrame(0, {SettingsFrame.MAX_CONCURRENT_STREAMS: 0}), PingFrame(0))
        seen = []
        while not isinstance(frame := script.frame(), PingFrame):
            seen.append(type(frame))
        assert set(seen) == {SettingsFrame, WindowUpdateFrame}
        if number == 1:
            script.send(SettingsFrame(0, {SettingsFrame.MAX_CONCURRENT_STREAMS: 1}))
            script.send(*script.answer(script.request()))
        with contextlib.suppress(ConnectionError):
            while frame := script.frame():
                assert isinstance(frame, SettingsFrame), "the client must not send a request"

    with socket_server(serve) as server:
        with MeasuringClient(server.address) as client:
            assert client.unary(ECHO, b"").reply == b"answer"
        with MeasuringClient(server.address, timeout_s=0.2) as client:
            timed = client.unary(WRITE, b"")
            assert (timed.code, timed.outcome, timed.written_ns) == ("DEADLINE_EXCEEDED", Outcome.FAIL, 0)


@pytest.mark.parametrize(
    ("error", "code", "outcome"),
    [
        (ErrorCodes.REFUSED_STREAM, "UNAVAILABLE", Outcome.FAIL),  # the server did not look at it: certainly not done
        (ErrorCodes.CANCEL, "CANCELLED", Outcome.UNKNOWN),
        (ErrorCodes.ENHANCE_YOUR_CALM, "RESOURCE_EXHAUSTED", Outcome.FAIL),
        (ErrorCodes.INADEQUATE_SECURITY, "PERMISSION_DENIED", Outcome.FAIL),
        (ErrorCodes.INTERNAL_ERROR, "INTERNAL", Outcome.UNKNOWN),
        (ErrorCodes.NO_ERROR, "INTERNAL", Outcome.UNKNOWN),
    ],
)
def test_a_reset_stream(error: ErrorCodes, code: str, outcome: Outcome) -> None:
    def serve(sock: socket.socket, _number: int) -> None:
        script = Script(sock)
        script.settle()
        stream_id = script.request()
        script.send(RstStreamFrame(stream_id, error_code=error))
        # Late frames of that stream must be harmless, and still count for the compression state.
        script.send(*script.answer(stream_id), *script.answer(script.request()))
        script.drain()

    with socket_server(serve) as server, MeasuringClient(server.address) as client:
        timed = client.unary(WRITE, b"")
        assert (timed.code, timed.outcome) == (code, outcome)
        assert error.name in timed.details
        assert client.unary(WRITE, b"").reply == b"answer"
        assert client.tally.connects == 1


def test_goaway_lets_the_running_call_finish_and_the_next_reconnects() -> None:
    def act(script: Script, stream_id: int) -> None:
        script.send(GoAwayFrame(0, last_stream_id=stream_id), *script.answer(stream_id))

    with socket_server(after_the_request(act)) as server, MeasuringClient(server.address) as client:
        assert client.unary(WRITE, b"").reply == b"answer"
        assert client.unary(WRITE, b"").reply == b"answer"
        assert (client.tally.connects, client.tally.reconnects) == (2, 1)


def test_goaway_between_calls_is_seen_before_the_next_is_sent() -> None:
    def act(script: Script, stream_id: int) -> None:
        script.send(*script.answer(stream_id), GoAwayFrame(0, last_stream_id=stream_id))
        script.sock.shutdown(socket.SHUT_WR)

    with socket_server(after_the_request(act)) as server, MeasuringClient(server.address) as client:
        assert client.unary(WRITE, b"").code == "OK"
        client.tend()
        assert client.unary(WRITE, b"").code == "OK"
        assert client.tally.reconnects == 1


def test_a_server_that_hangs_up_between_calls_is_charged_with_the_dialling_and_the_caller_is_not_late() -> None:
    slow_s = 0.05

    def serve(sock: socket.socket, number: int) -> None:
        script = Script(sock)
        time.sleep(slow_s if number > 1 else 0.0)  # the planted truth: its second welcome takes so long
        script.settle()
        stream_id = script.request()
        script.send(*script.answer(stream_id), GoAwayFrame(0, last_stream_id=stream_id))
        script.sock.shutdown(socket.SHUT_WR)
        script.drain()

    with socket_server(serve) as server, MeasuringClient(server.address) as client:
        assert client.unary(ECHO, b"").code == "OK"
        due_ns = now_ns()
        timed = client.unary(ECHO, b"", due_ns)
        assert (timed.code, client.tally.reconnects) == ("OK", 1)
        assert timed.sent_ns - due_ns < slow_s / 2 * NS_PER_S
        assert timed.done_ns - timed.sent_ns >= slow_s * NS_PER_S


def test_goaway_that_skips_the_running_call_says_that_it_was_not_done() -> None:
    def act(script: Script, _stream_id: int) -> None:
        script.send(GoAwayFrame(0, last_stream_id=0, error_code=11, additional_data=b"too_many_pings"))

    with socket_server(after_the_request(act)) as server, MeasuringClient(server.address) as client:
        timed = client.unary(WRITE, b"")
        assert (timed.code, timed.outcome) == ("UNAVAILABLE", Outcome.FAIL)
        assert "GOAWAY (ENHANCE_YOUR_CALM: too_many_pings)" in timed.details
        assert client.unary(WRITE, b"").code == "OK"


def reset_connection(script: Script, _stream_id: int) -> None:
    script.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    script.sock.close()


def close_connection(script: Script, _stream_id: int) -> None:
    script.sock.shutdown(socket.SHUT_RDWR)


def close_within_a_message(script: Script, stream_id: int) -> None:
    script.send(script.accepted(stream_id), DataFrame(stream_id, framed(b"not all of it")[:9]))
    script.sock.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("act", [reset_connection, close_connection, close_within_a_message])
def test_a_connection_lost_in_mid_call_leaves_a_write_unknown(act: Callable[[Script, int], None]) -> None:
    with socket_server(after_the_request(act)) as server, MeasuringClient(server.address) as client:
        timed = client.unary(WRITE, b"")
        assert (timed.code, timed.outcome, timed.reply) == ("UNAVAILABLE", Outcome.UNKNOWN, b"")
        assert timed.sent_ns <= timed.written_ns <= timed.done_ns
        assert client.unary(WRITE, b"").code == "OK"
        assert client.tally.reconnects == 1


def test_an_answer_before_the_request_is_through_ends_the_sending() -> None:
    def serve(sock: socket.socket, _number: int) -> None:
        script = Script(sock)
        script.settle()
        while not isinstance(script.frame(), DataFrame):
            pass
        script.send(script.headers(1, (":status", "200"), ("content-type", "application/grpc"),
                                   ("grpc-status", "8"), ("grpc-message", "too%20large"), end=True))  # fmt: skip
        while not isinstance(frame := script.frame(), RstStreamFrame):
            pass
        assert frame.error_code == ErrorCodes.CANCEL
        script.send(WindowUpdateFrame(0, window_increment=1_000_000))
        script.send(*script.answer(script.request()))
        script.drain()

    with socket_server(serve) as server, MeasuringClient(server.address) as client:
        timed = client.unary(ECHO, bytes(1_000_000))
        assert (timed.code, timed.details) == ("RESOURCE_EXHAUSTED", "too large")
        assert client.unary(ECHO, b"").reply == b"answer"
        assert client.tally.connects == 1


def plain(fields: list[tuple[str, str]]) -> Callable[[Script, int], None]:
    return lambda script, stream_id: script.send(script.headers(stream_id, *fields, end=True))


def frames(make: Callable[[Script, int], list[Frame]]) -> Callable[[Script, int], None]:
    return lambda script, stream_id: script.send(*make(script, stream_id))


GRPC = [(":status", "200"), ("content-type", "application/grpc")]


@pytest.mark.parametrize(
    ("act", "code", "said"),
    [
        (plain([(":status", "503"), ("content-type", "text/html")]), "UNAVAILABLE", "HTTP status 503"),
        (plain([(":status", "404")]), "UNIMPLEMENTED", "HTTP status 404"),
        (plain([*GRPC]), "UNKNOWN", "no grpc-status"),
        (plain([*GRPC, ("grpc-status", "99")]), "UNKNOWN", ""),
        (plain([*GRPC, ("grpc-status", "0")]), "INTERNAL", "0 messages"),
        (frames(lambda s, i: [s.headers(i, (":status", "200"), ("content-type", "text/html")),
                              DataFrame(i, b"<html>", flags=["END_STREAM"])]), "UNKNOWN", "not gRPC"),
        (frames(lambda s, i: [s.accepted(i), DataFrame(i, framed(b"a") + framed(b"b")), s.trailers(i)]),
         "INTERNAL", "2 messages"),
        (frames(lambda s, i: [s.accepted(i), DataFrame(i, framed(b"ab")[:-1]), s.trailers(i)]), "INTERNAL", "6 bytes"),
        (frames(lambda s, i: [s.accepted(i), DataFrame(i, framed(b"a"), flags=["END_STREAM"])]), "UNKNOWN", "status"),
        (frames(lambda s, i: [s.headers(i, *GRPC, ("grpc-encoding", "br")), DataFrame(i, b"\1\0\0\0\1x")]),
         "UNIMPLEMENTED", "'br'"),
        (frames(lambda s, i: [s.accepted(i), DataFrame(i, b"\1\0\0\0\1x")]), "INTERNAL", "'identity'"),
        (frames(lambda s, i: [s.headers(i, *GRPC, ("grpc-encoding", "gzip")), DataFrame(i, b"\1\0\0\0\1x")]),
         "INTERNAL", "does not decompress"),
        (frames(lambda s, i: [s.accepted(i), DataFrame(i, b"\0\xff\0\0\0")]), "RESOURCE_EXHAUSTED", "4278190080"),
        (frames(lambda s, i: [s.accepted(i), s.accepted(i)]), "INTERNAL", "second header block"),
        (frames(lambda s, i: [DataFrame(i, framed(b"a"))]), "INTERNAL", "before the headers"),
    ],
)  # fmt: skip
def test_a_reply_that_is_not_one_fails_its_call_only(act: Callable[[Script, int], None], code: str, said: str) -> None:
    def serve(sock: socket.socket, _number: int) -> None:
        script = Script(sock)
        script.settle()
        act(script, script.request())
        script.send(*script.answer(script.request()))
        script.drain()

    with socket_server(serve) as server, MeasuringClient(server.address) as client:
        timed = client.unary(ECHO, b"")
        assert (timed.code, timed.reply) == (code, b"")
        assert said in timed.details
        assert client.unary(ECHO, b"").reply == b"answer"
        assert client.tally.connects == 1


@pytest.mark.parametrize(
    "broken",
    [
        b"\x00\x00\x08\x06\x00\x00\x00\x00\x01" + bytes(8),
        b"\x00\x00\x01\x06\x00\x00\x00\x00\x00x",
        b"\xff\xff\xff\x00\x00\x00\x00\x00\x01",
        PushPromiseFrame(1, promised_stream_id=2, data=b"", flags=["END_HEADERS"]).serialize(),
        DataFrame(9, b"").serialize(),
        DataFrame(2, b"").serialize(),
        ContinuationFrame(1, b"", flags=["END_HEADERS"]).serialize(),
        HeadersFrame(1, b"").serialize() + PingFrame(0).serialize(),
        SettingsFrame(0, {SettingsFrame.MAX_FRAME_SIZE: 1}).serialize(),
        WindowUpdateFrame(0, window_increment=2**31 - 1).serialize(),
        b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\x00\x00\x01\x00\x08\x00\x00\x00\x01\x01",
    ],
)
def test_broken_http2_ends_the_connection_with_a_goaway(broken: bytes) -> None:
    seen: list[GoAwayFrame] = []

    def act(script: Script, _stream_id: int) -> None:
        script.sock.sendall(broken)
        while not isinstance(frame := script.frame(), GoAwayFrame):
            pass
        seen.append(frame)

    with socket_server(after_the_request(act)) as server, MeasuringClient(server.address) as client:
        timed = client.unary(WRITE, b"")
        assert (timed.code, timed.outcome) == ("INTERNAL", Outcome.UNKNOWN)
        assert "broke HTTP/2" in timed.details
        assert client.unary(WRITE, b"").code == "OK"
        until(lambda: seen, "the GOAWAY")
        assert seen[0].error_code != ErrorCodes.NO_ERROR


def test_a_whole_reply_counts_although_rubbish_follows_it() -> None:
    def act(script: Script, stream_id: int) -> None:
        whole = b"".join(frame.serialize() for frame in script.answer(stream_id))
        script.sock.sendall(whole + DataFrame(2, b"").serialize())

    with socket_server(after_the_request(act)) as server, MeasuringClient(server.address) as client:
        timed = client.unary(WRITE, b"")
        assert (timed.code, timed.reply) == ("OK", b"answer")
        assert timed.done_ns >= timed.sent_ns
        assert client.unary(WRITE, b"").code == "OK"
        assert client.tally.reconnects == 1


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with MeasuringClient(f"127.0.0.1:{port}") as client:
        timed = client.unary(WRITE, b"", due_ns=5)
        assert (timed.code, timed.outcome, timed.due_ns, timed.written_ns) == ("UNAVAILABLE", Outcome.FAIL, 5, 0)
        assert timed.sent_ns <= timed.done_ns
        assert timed.details == f"cannot connect to 127.0.0.1:{port}: Connection refused"
        assert client.tally.connects == 0


def test_a_listener_that_never_answers_costs_the_deadline_and_no_more() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with MeasuringClient(address, timeout_s=0.2) as client:
            timed = client.unary(WRITE, b"")
            assert (timed.code, timed.outcome) == ("DEADLINE_EXCEEDED", Outcome.FAIL)
            assert 0.2e9 <= timed.done_ns - timed.sent_ns < 2e9
            assert timed.details.startswith("not sent: ")


def test_a_server_that_speaks_something_else() -> None:
    def serve(sock: socket.socket, _number: int) -> None:
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        Script(sock).drain()

    with socket_server(serve) as server, MeasuringClient(server.address) as client:
        timed = client.unary(WRITE, b"")
        assert (timed.code, timed.outcome) == ("UNAVAILABLE", Outcome.FAIL)
        assert "SETTINGS" in timed.details


def test_a_server_that_stops_reading_does_not_hold_a_large_request_for_ever() -> None:
    def serve(sock: socket.socket, number: int) -> None:
        script = Script(sock)
        script.send(SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 2**31 - 1}))
        script.send(WindowUpdateFrame(0, window_increment=2**30))
        if number == 1:
            until(lambda: ended, "the first call's end")
        else:
            script.send(*script.answer(script.request()))
            script.drain()

    ended: list[str] = []
    with socket_server(serve) as server, MeasuringClient(server.address) as client:
        timed = client.unary(WRITE, bytes(60_000_000), timeout_s=1.0)
        ended.append(timed.code)
        assert (timed.code, timed.outcome) == ("DEADLINE_EXCEEDED", Outcome.UNKNOWN)
        assert client.unary(WRITE, b"").reply == b"answer"


def test_an_idle_connection_answers_pings_when_it_is_tended() -> None:
    answered: list[PingFrame] = []

    def act(script: Script, stream_id: int) -> None:
        script.send(*script.answer(stream_id), PingFrame(0, opaque_data=b"areyouup"))
        while not isinstance(frame := script.frame(), PingFrame):
            pass
        answered.append(frame)

    with socket_server(after_the_request(act)) as server, MeasuringClient(server.address) as client:
        client.tend()
        assert client.unary(ECHO, b"").code == "OK"

        def tended() -> bool:
            client.tend()
            return bool(answered)

        until(tended, "the answer to the ping")
        assert answered[0].opaque_data == b"areyouup"


def test_no_metadata_value_in_errors_or_texts() -> None:
    secret = "tops3cret-key"

    def act(script: Script, stream_id: int) -> None:
        script.send(script.headers(stream_id, *GRPC, ("grpc-status", "16"),
                                   ("grpc-message", f"bad key {secret}%0Aseen"), end=True))  # fmt: skip
        script.send(GoAwayFrame(0, last_stream_id=1, additional_data=secret.encode()))

    with socket_server(after_the_request(act)) as server:
        client = MeasuringClient(server.address, metadata=(("x-api-key", secret),))
        with client:
            timed = client.unary(ECHO, b"")
            assert timed.details == "bad key *** seen"
            assert secret not in repr((client, timed, vars(client.tally) if hasattr(client.tally, "__dict__") else ""))


@pytest.mark.parametrize(
    ("address", "metadata", "said"),
    [
        ("nowhere", (), "give host:port"),
        ("h:99999", (), "give host:port"),
        (":1", (), "give host:port"),
        ("h:1", (("bad name", "v"),), "metadata name 'bad name'"),
        ("h:1", (("x-key", "hush\nhush"),), "metadata 'x-key'"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(
    address: str, metadata: tuple[tuple[str, str], ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said) as refused:
        MeasuringClient(address, metadata=metadata)
    assert "hush" not in str(refused.value)
