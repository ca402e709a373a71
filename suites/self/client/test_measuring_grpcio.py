"""The measuring client against grpcio's C core: calls, every status code, deadlines, big messages, many users, TLS."""

from __future__ import annotations

import ast
import threading
from collections.abc import Iterator
from pathlib import Path as File

import grpc
import pytest

from harness.client import methods
from harness.client.channel import Tls
from harness.client.codes import outcome_of
from harness.client.measuring import MeasuringClient, Path, Timed, stamps_fact
from harness.evidence.clock import NS_PER_MS, now_ns
from harness.evidence.records import Call, Fact, Outcome

from .measured import ECHO, FAIL, METADATA, MUTE, MUTE_WRITE, SLEEP, WRITE, GrpcioServer, grpcio_server, until
from .test_tls import certificate

pytestmark = pytest.mark.self

GENEROUS_MS = 250


@pytest.fixture(scope="module")
def server() -> Iterator[GrpcioServer]:
    with grpcio_server() as running:
        yield running


@pytest.fixture
def client(server: GrpcioServer) -> Iterator[MeasuringClient]:
    with MeasuringClient(server.address) as made:
        yield made


def test_a_call_brings_its_reply_and_its_times(client: MeasuringClient) -> None:
    client.unary(ECHO, b"connects")
    before_ns = now_ns()
    timed = client.unary(ECHO, b"hello")
    after_ns = now_ns()
    assert (timed.code, timed.outcome, timed.reply, timed.details) == ("OK", Outcome.OK, b"hello", "")
    assert before_ns <= timed.sent_ns <= timed.done_ns <= after_ns
    assert timed.sent_ns <= timed.written_ns <= after_ns
    assert timed.due_ns == timed.sent_ns
    assert client.unary(ECHO, b"late", due_ns=before_ns - 7).due_ns == before_ns - 7


def test_one_connection_serves_all_calls(client: MeasuringClient) -> None:
    for number in range(300):
        assert client.unary(ECHO, b"%d" % number).reply == b"%d" % number
    assert (client.tally.connects, client.tally.reconnects) == (1, 0)


def test_a_planted_delay_is_in_the_latency(client: MeasuringClient) -> None:
    client.unary(ECHO, b"connects")
    for planted_ms in (5, 20):
        timed = client.unary(SLEEP, str(planted_ms / 1000).encode())
        assert planted_ms <= (timed.done_ns - timed.sent_ns) / NS_PER_MS < planted_ms + GENEROUS_MS


def test_what_this_client_does_after_the_receipt_is_not_in_the_latency(client: MeasuringClient) -> None:
    """The kernel's stamp is older than the moment at which Python saw the bytes."""
    if client.stamps != "kernel":
        pytest.skip("no kernel stamps here")
    client.unary(ECHO, b"connects")
    assert all(client.unary(ECHO, b"x").done_ns < now_ns() for _ in range(50))
    assert client.tally.unstamped == 0


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_status_code_and_its_details(client: MeasuringClient, code: grpc.StatusCode) -> None:
    details = f"{code.name} 100 % sure: grüße"
    for method in (FAIL, Path(FAIL.path, writes=True)):
        timed = client.unary(method, details.encode())
        assert (timed.code, timed.reply) == (code.name, b"")
        assert timed.details == "100 % sure: grüße"
        assert timed.outcome is outcome_of(code, writes=method.writes)
    assert client.tally.connects == 1


def test_an_unknown_method_is_a_trailers_only_reply(client: MeasuringClient) -> None:
    timed = client.unary(Path("/test.Test/Nothing"), b"")
    assert (timed.code, timed.outcome) == ("UNIMPLEMENTED", Outcome.FAIL)
    assert client.unary(methods.GET_NAME, b"").code == "UNIMPLEMENTED"


def test_the_deadline_is_told_to_the_server(server: GrpcioServer, client: MeasuringClient) -> None:
    server.deadlines.clear()
    client.unary(ECHO, b"")
    client.unary(ECHO, b"", timeout_s=0.75)
    client.unary(ECHO, b"", timeout_s=500)
    usual_s, short_s, long_s = server.deadlines
    assert 4 < usual_s <= 5
    assert 0 < short_s <= 0.76
    assert 499 < long_s <= 500.1


def test_the_deadline_is_enforced_here_and_the_server_is_told_to_stop() -> None:
    with grpcio_server() as server, MeasuringClient(server.address, timeout_s=0.2) as client:
        read, began_ns = client.unary(MUTE, b""), now_ns()
        write = client.unary(MUTE_WRITE, b"")  # its deadline counts from here, whenever it comes to be sent
        assert (read.code, read.outcome) == ("DEADLINE_EXCEEDED", Outcome.FAIL)
        assert (write.code, write.outcome) == ("DEADLINE_EXCEEDED", Outcome.UNKNOWN)
        assert 199 <= (write.done_ns - began_ns) / NS_PER_MS < 200 + GENEROUS_MS
        assert server.cancelled.wait(5)
        assert client.unary(ECHO, b"goes on").reply == b"goes on"
        assert client.tally.connects == 1


@pytest.mark.parametrize("size", [0, 1, 16_379, 16_380, 65_530, 65_531, 1_000_000, 9_000_000])
def test_messages_larger_than_a_frame_and_than_the_windows(client: MeasuringClient, size: int) -> None:
    request = bytes(range(256)) * (size // 256) + bytes(size % 256)
    for _ in range(2):
        timed = client.unary(WRITE, request)
        assert timed.code == "OK", timed.details
        assert timed.reply == request


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate"])
def test_compressed_replies_are_read(client: MeasuringClient, encoding: bytes) -> None:
    request = encoding + b"a" * 100_000
    assert client.unary(ECHO, request).reply == request


def test_metadata_reaches_the_server(server: GrpcioServer) -> None:
    with MeasuringClient(server.address, metadata=(("X-Api-Key", "a secret key"), ("trace", "7"))) as client:
        for _ in range(3):  # the first call fills the compression table, the others rely on it
            seen = dict(ast.literal_eval(client.unary(METADATA, b"").reply.decode()))
            assert (seen["x-api-key"], seen["trace"]) == ("a secret key", "7")


def test_many_methods_more_than_the_compression_table_holds(client: MeasuringClient) -> None:
    paths = [Path(f"/test.Test/{'Nothing' * 8}{number}") for number in range(60)]
    for path in (*paths, *paths):
        assert client.unary(path, b"").code == "UNIMPLEMENTED"
        assert client.unary(ECHO, b"still understood").reply == b"still understood"
    assert client.tally.connects == 1


def test_many_users_in_threads(server: GrpcioServer) -> None:
    wrong: list[Timed] = []

    def user(number: int) -> None:
        with MeasuringClient(server.address) as own:
            for at in range(50):
                request = b"%d %d" % (number, at)
                timed = own.unary(ECHO, request)
                if timed.reply != request:
                    wrong.append(timed)

    users = [threading.Thread(target=user, args=(number,)) for number in range(20)]
    for thread in users:
        thread.start()
    for thread in users:
        thread.join(30)
    assert wrong == []


def test_a_second_caller_at_the_same_time_is_refused(server: GrpcioServer) -> None:
    client = MeasuringClient(server.address)
    ended: list[Timed] = []
    running = threading.Thread(target=lambda: ended.append(client.unary(MUTE, b"")))
    running.start()
    until(lambda: client.tally.connects, "the first call's connection")
    with pytest.raises(RuntimeError, match="a MeasuringClient of its own"):
        client.unary(ECHO, b"")
    client.close()  # from another thread: the running call ends
    running.join(5)
    assert ended[0].code == "UNAVAILABLE"
    with pytest.raises(RuntimeError, match="closed"):
        client.unary(ECHO, b"")


def test_a_server_that_went_and_came_back_costs_one_reconnect() -> None:
    with grpcio_server() as server, MeasuringClient(server.address) as client:
        assert client.unary(ECHO, b"1").code == "OK"
        server.stop()
        gone = client.unary(WRITE, b"2")
        assert (gone.code, gone.outcome, gone.written_ns) == ("UNAVAILABLE", Outcome.FAIL, 0)
        again = GrpcioServer()
        try:
            client.address = again.address  # another port: the old one may be taken by now
            assert client.unary(ECHO, b"3").reply == b"3"
            assert (client.tally.connects, client.tally.reconnects) == (2, 1)
        finally:
            again.stop()


def test_tls_has_the_same_stamps(tmp_path: File) -> None:
    own, key = certificate("connector.test")
    other, _ = certificate("connector.test")
    (tmp_path / "own.pem").write_bytes(own)
    (tmp_path / "other.pem").write_bytes(other)
    with grpcio_server(credentials=grpc.ssl_server_credentials([(key, own)])) as server:
        for tls in (Tls(tmp_path / "own.pem"), Tls(tmp_path / "own.pem", "connector.test")):
            with MeasuringClient(server.address, tls=tls) as client:
                request = b"x" * 200_000
                assert client.unary(ECHO, request).reply == request
                timed = client.unary(SLEEP, b"0.005")
                assert 5 <= (timed.done_ns - timed.sent_ns) / NS_PER_MS < 5 + GENEROUS_MS
                assert timed.done_ns < now_ns()
                with client.stream(Path("/test.Test/Count"), b"1000 100") as stream:
                    assert sum(len(batch.payloads) for batch in stream) == 1000
                assert stream.code == "OK"
        with MeasuringClient(server.address, tls=Tls(tmp_path / "other.pem")) as stranger:
            refused = stranger.unary(WRITE, b"")
            assert (refused.code, refused.outcome) == ("UNAVAILABLE", Outcome.FAIL)
            assert "CERTIFICATE_VERIFY_FAILED" in refused.details
        with MeasuringClient(server.address) as plaintext:
            assert plaintext.unary(ECHO, b"").code == "UNAVAILABLE"


def test_what_is_recorded() -> None:
    timed = Timed(1, 2, 3, "OK", Outcome.OK, b"reply")
    assert timed.call(7, "user-1", "Echo") == Call(7, "user-1", "Echo", 1, 2, 3, Outcome.OK, "OK")
    client = MeasuringClient("127.0.0.1:1")
    client.stamps = "kernel"
    assert stamps_fact(client, "load") == Fact("instrument.kernel_stamps", 1.0, "", "load", "kernel")
    client.stamps = "user"
    assert stamps_fact(client).value == 0
    assert stamps_fact(client).detail.startswith("user: ")
