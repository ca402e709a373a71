"""The tap on conversations written byte by byte: each HTTP/2 and gRPC feature, and everything that is neither."""

from __future__ import annotations

import gzip
import logging
import struct
import time
import tracemalloc
import zlib
from itertools import pairwise

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.client import methods, requests
from harness.evidence.records import UNMEASURABLE, Fact, Mark, Outcome, Record
from harness.trial.tap import ClientTap
from harness.trial.tap.status import of_reset
from suites.self.client.scripted import Sink, price
from suites.self.trial import tap_bytes as wire
from suites.self.trial.tap_bytes import DATA, END_HEADERS, END_STREAM, HEADERS, PREFACE, Talk, frame, message
from suites.self.trial.tap_proxy import Told, tell

pytestmark = pytest.mark.self

PRICES = requests.price_stream(["BTCUSDT"])
ONE = price("1").SerializeToString()
PLACE, ACCOUNT, NAME = methods.PLACE_ORDER.path, methods.GET_ACCOUNT.path, methods.GET_NAME.path
MIB = 1024 * 1024


def names(sink: Sink) -> list[str]:
    return [one.name for one in sink if isinstance(one, Mark) and one.name.startswith(("stream.", "tap."))]


def blind(sink: Sink) -> list[tuple[str, str]]:
    """Why, and the stream or method, of each tap.blind; each must come with its fact."""
    facts = [one for one in sink if isinstance(one, Fact)]
    marks = sink.marks("tap.blind")
    assert [(one.name, one.subject) for one in facts] == [(UNMEASURABLE, "tap.seen")] * len(marks)
    return [(one.detail["why"], one.detail.get("stream", one.detail.get("method", ""))) for one in marks]


# -- HTTP/2 ----------------------------------------------------------------------------------------


def test_padding_priority_and_continuations_change_nothing() -> None:
    talk = Talk().hello()
    block = talk.asking(PLACE)
    first, second, third = block[:5], block[5:9], block[9:]
    priority = struct.pack(">IB", 0, 15)
    flags = wire.PADDED | wire.PRIORITY
    talk.sent(frame(HEADERS, flags, 1, b"\x03" + priority + first + b"\0\0\0"))
    talk.sent(frame(wire.CONTINUATION, 0, 1, second), frame(wire.CONTINUATION, END_HEADERS, 1, third))
    talk.sent(frame(2, 0, 1, priority), frame(0xBB, 0xFF, 1, b"unknown"), frame(wire.PING, 0, 0, b"12345678"))
    request = message(b"the request")
    talk.sent(frame(DATA, wire.PADDED, 1, b"\x02" + request[:4] + b"\0\0"), frame(DATA, 0, 1, request[4:]))
    talk.sent(frame(DATA, END_STREAM | wire.PADDED, 1, b"\x00"))
    talk.begin_reply(1)
    talk.replied(frame(DATA, wire.PADDED, 1, bytes([9]) + message(b"the reply") + bytes(9)))
    talk.end_reply(1)
    assert [(one.method, one.request, one.reply, one.code) for one in talk.exchanges] == [
        ("PlaceOrder", b"the request", b"the reply", "OK")
    ]


def test_the_header_tables_follow_the_settings_of_the_other_peer() -> None:
    talk = Talk()
    talk.sent(PREFACE + wire.settings(table_bytes=64_000))
    talk.replied(wire.settings(table_bytes=16_000))
    talk.client.header_table_size, talk.service.header_table_size = 16_000, 64_000
    for stream in range(1, 200, 2):
        talk.ask(stream, NAME, b"", *((f"x-{number}", f"{stream}-{number}" * 5) for number in range(9)))
        if stream == 101:  # announced smaller: what is under way still uses the larger table, then it shrinks to none
            talk.sent(wire.settings(table_bytes=0))
        if stream == 121:
            talk.service.header_table_size = 0
        if stream == 141:
            talk.service.header_table_size = 4_096
        talk.answer(stream, b"", *((f"y-{number}", f"{stream}-{number}" * 5) for number in range(9)))
    assert [one.code for one in talk.sink.calls()] == ["OK"] * 100
    assert blind(talk.sink) == []


def test_a_client_may_use_no_larger_table_than_the_service_keeps() -> None:
    talk = Talk().hello()
    talk.client.header_table_size = 100_000
    talk.ask(1, NAME)
    assert blind(talk.sink) == [("headers do not decompress", "")]


def test_refused_and_never_sent_writes_have_failed_for_certain() -> None:
    talk = Talk().hello()
    for stream in (1, 3, 5):
        talk.ask(stream, PLACE)
    talk.replied(frame(wire.RESET, 0, 5, struct.pack(">I", 7)))  # REFUSED_STREAM
    talk.replied(frame(wire.GOAWAY, 0, 0, struct.pack(">II", 1, 0)))  # 3 is beyond the last stream taken on
    half = frame(DATA, END_STREAM, 7, message(b"never came through"))
    talk.sent(frame(HEADERS, END_HEADERS, 7, talk.asking(PLACE)), half[:-3])
    talk.observer.closed(9)
    talk.observer.closed(9)
    assert [(one.outcome, one.code) for one in talk.sink.calls()] == [
        (Outcome.FAIL, "UNAVAILABLE"), (Outcome.FAIL, "UNAVAILABLE"),
        (Outcome.UNKNOWN, "UNAVAILABLE"), (Outcome.FAIL, "UNAVAILABLE"),
    ]  # fmt: skip
    assert len(talk.sink.marks("connection.closed")) == 1


@pytest.mark.parametrize(("error", "marks", "code"), [
    (0, ["stream.opened", "stream.cancelled"], "CANCELLED"),
    (11, ["stream.opened", "stream.down", "stream.error"], "UNAVAILABLE"),  # C core's when its keepalive finds nobody
])  # fmt: skip
def test_a_client_that_says_goodbye_has_cancelled_what_was_open(error: int, marks: list[str], code: str) -> None:
    talk = Talk().hello()
    talk.ask(1, PRICES.path, PRICES.payload)
    talk.ask(3, PLACE)
    talk.sent(frame(wire.GOAWAY, 0, 0, struct.pack(">II", 0, error)))
    assert dict(talk.tap.open_streams()) == {"prices": 1}  # goodbye is not yet the end
    talk.observer.closed(5)
    assert names(talk.sink) == marks
    assert [(one.outcome, one.code) for one in talk.sink.calls()] == [(Outcome.UNKNOWN, code)]


@pytest.mark.parametrize(("error", "code"), [
    (0, "INTERNAL"), (2, "INTERNAL"), (7, "UNAVAILABLE"), (8, "CANCELLED"), (11, "RESOURCE_EXHAUSTED"),
    (12, "PERMISSION_DENIED"), (5, "UNKNOWN"), (4711, "UNKNOWN"),
])  # fmt: skip
def test_a_reset_gives_the_code_that_grpc_prescribes(error: int, code: str) -> None:
    talk = Talk().hello()
    talk.ask(1, ACCOUNT)
    talk.ask(3, PRICES.path, PRICES.payload)
    for stream in (1, 3):
        talk.replied(frame(wire.RESET, 0, stream, struct.pack(">I", error)))
    assert [one.code for one in talk.sink.calls()] == [code]
    assert [one.detail["code"] for one in talk.sink.marks("stream.error")] == [code]


@given(st.integers(1, 10**12), st.integers(0, 2 * 10**12))
def test_a_cancel_is_the_deadline_only_near_or_after_it(timeout_ns: int, elapsed_ns: int) -> None:
    code = of_reset(8, elapsed_ns, timeout_ns)
    if elapsed_ns >= timeout_ns:
        assert code is grpc.StatusCode.DEADLINE_EXCEEDED
    if elapsed_ns < timeout_ns * 0.7:
        assert code is grpc.StatusCode.CANCELLED
    assert of_reset(8, elapsed_ns, 0) is grpc.StatusCode.CANCELLED


def test_times_are_those_of_the_last_byte() -> None:
    talk = Talk().hello()
    asked = frame(HEADERS, END_HEADERS, 1, talk.asking(PLACE)) + frame(DATA, 0, 1, message(b"request"))
    talk.now_ns = 100
    talk.sent(asked[:-1])
    talk.now_ns = 200
    talk.sent(asked[-1:])
    talk.now_ns = 250
    talk.sent(frame(DATA, END_STREAM, 1))
    talk.now_ns = 300
    talk.begin_reply(1)
    talk.replied(frame(DATA, 0, 1, message(b"reply")))
    talk.now_ns = 400
    talk.end_reply(1)
    (call,) = talk.sink.calls()
    assert (call.due_ns, call.sent_ns, call.done_ns) == (200, 200, 400)


# -- gRPC ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("trailers", "code"), [
    ((("grpc-status", "5"),), "NOT_FOUND"), ((("grpc-status", "99"),), "UNKNOWN"),
    ((("grpc-status", "no"),), "UNKNOWN"), ((("grpc-status", "0"),), "INTERNAL"),
    (((":status", "503"),), "UNAVAILABLE"), (((":status", "404"),), "UNIMPLEMENTED"), ((("x", "y"),), "UNKNOWN"),
])  # fmt: skip
def test_trailers_only(trailers: tuple[tuple[str, str], ...], code: str) -> None:
    talk = Talk().hello()
    talk.ask(1, ACCOUNT)
    talk.end_reply(1, *trailers)
    assert [(one.code, one.outcome) for one in talk.sink.calls()] == [(code, Outcome.FAIL)]


def test_a_reply_that_ends_without_trailers_has_no_status() -> None:
    talk = Talk().hello()
    talk.ask(1, PLACE)
    talk.begin_reply(1)
    talk.replied(frame(DATA, END_STREAM, 1, message(b"reply")))
    assert [(one.code, one.outcome) for one in talk.sink.calls()] == [("UNKNOWN", Outcome.UNKNOWN)]


def test_messages_joined_and_split_over_frames() -> None:
    talk = Talk().hello()
    talk.ask(1, PRICES.path, PRICES.payload)
    talk.begin_reply(1)
    whole = b"".join(message(price(str(number)).SerializeToString()) for number in range(1, 31))
    for start in range(0, len(whole), 47):
        talk.replied(frame(DATA, 0, 1, whole[start : start + 47]))
    assert [one.value for one in talk.sink.messages("prices")] == [format(number, "d") for number in range(1, 31)]


@pytest.mark.parametrize(("encoding", "compress"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
def test_compressed_messages_are_read(encoding: str, compress: type) -> None:
    talk = Talk().hello()
    talk.ask(1, PRICES.path, PRICES.payload)
    talk.begin_reply(1, ("grpc-encoding", encoding))
    talk.replied(frame(DATA, 0, 1, message(compress(ONE), 1) + message(ONE)))
    assert [one.value for one in talk.sink.messages()] == ["1", "1"]
    assert len({one.digest for one in talk.sink.messages()}) == 1


@pytest.mark.parametrize(("encoding", "raw", "flag", "why"), [
    ("zstd", b"whatever", 1, "messages are compressed with something else than gzip or deflate"),
    ("identity", b"whatever", 1, "messages are compressed with something else than gzip or deflate"),
    ("gzip", b"not gzip", 1, "a compressed message does not decompress"),
    ("gzip", gzip.compress(ONE, mtime=0)[:-9], 1, "a compressed message does not decompress"),
    ("gzip", gzip.compress(bytes(17 * MIB), mtime=0), 1, "a message is larger than 16 MiB"),
    ("gzip", ONE, 2, "a message's prefix is not gRPC's"),
])  # fmt: skip
def test_what_cannot_be_decompressed_blinds_this_stream_only(encoding: str, raw: bytes, flag: int, why: str) -> None:
    talk = Talk().hello()
    for stream in (1, 3, 5):
        talk.ask(stream, PRICES.path, PRICES.payload)
    talk.ask(7, ACCOUNT)
    for stream in (1, 3, 5, 7):
        talk.begin_reply(stream, ("grpc-encoding", encoding))
    bad = b"".join(frame(DATA, 0, stream, message(raw, flag)) for stream in (1, 3, 7))
    talk.replied(frame(DATA, 0, 1, message(ONE)), bad, frame(DATA, 0, 1, message(ONE)), frame(DATA, 0, 5, message(ONE)))
    for stream in (1, 5, 7):
        talk.end_reply(stream)
    assert [one.subscription for one in talk.sink.messages()] == [1, 3]
    assert blind(talk.sink) == [(why, "prices"), (why, "GetAccount")]
    assert [one.detail["subscription"] for one in talk.sink.marks("stream.quiet")] == ["1", "2"]
    assert dict(talk.tap.open_streams()) == {"prices": 1}
    assert [(one.method, one.code) for one in talk.sink.calls()] == [("GetAccount", "OK")]
    assert talk.exchanges == []  # an empty reply would be taken for the service's


def test_a_message_too_large_is_not_kept() -> None:
    talk = Talk().hello()
    talk.ask(1, PRICES.path, PRICES.payload)
    talk.begin_reply(1)
    content = struct.pack(">BI", 0, 17 * MIB)
    tracemalloc.start()
    try:
        for _ in range(40):
            talk.replied(frame(DATA, 0, 1, content + bytes(500_000)))
            content = b""
        _, most_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most_bytes < 3 * MIB
    assert blind(talk.sink) == [("a message is larger than 16 MiB", "prices")]


def test_a_large_message_in_many_small_pieces_takes_no_time_to_speak_of() -> None:
    talk = Talk().hello()
    talk.ask(1, ACCOUNT)
    talk.begin_reply(1)
    whole = message(bytes(15 * MIB))
    frames = b"".join(frame(DATA, 0, 1, whole[start : start + 1000]) for start in range(0, len(whole), 1000))
    began_s = time.process_time()
    for start in range(0, len(frames), 777):
        talk.replied(frames[start : start + 777])
    talk.replied(frame(DATA, 0, 1, b""))
    assert time.process_time() - began_s < 2.0  # joined again with every piece, it would be more than 10 s
    talk.end_reply(1)
    assert [len(one.reply) for one in talk.exchanges] == [15 * MIB]


def test_a_stream_without_end_does_not_accumulate() -> None:
    received = 0

    def count(record: Record) -> None:
        nonlocal received
        received += 1

    talk = Talk(ClientTap("seen", count))
    talk.hello().ask(1, PRICES.path, PRICES.payload)
    talk.begin_reply(1)
    chunk = frame(DATA, 0, 1, message(ONE) * 50 + message(ONE)[:7]) + frame(DATA, 0, 1, message(ONE)[7:])
    talk.replied(chunk)
    tracemalloc.start()
    try:
        for _ in range(400):
            talk.replied(chunk[:700], chunk[700:])
        now_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert received == 2 + 51 * 401
    assert now_bytes < 20_000


def test_over_many_rpcs_nothing_accumulates_either() -> None:
    talk = Talk(ClientTap("seen", lambda record: None))
    talk.tap.on_exchange = None
    talk.hello()

    def rpcs(first: int) -> None:
        for stream in range(first, first + 400, 4):
            talk.ask(stream, PLACE, b"request", ("x-api-key", str(stream)))
            talk.answer(stream, b"reply")
            talk.ask(stream + 2, "/grpc.health.v1.Health/Watch")
            talk.begin_reply(stream + 2)

    rpcs(1)
    tracemalloc.start()
    try:
        rpcs(401)
        before, _ = tracemalloc.get_traced_memory()
        for first in range(801, 4001, 400):
            rpcs(first)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000


# -- what the tap cannot or must not see ------------------------------------------------------------


@pytest.mark.parametrize(("sent", "replied", "why"), [
    (b"\x16\x03\x01\x02\x00\x01", b"", "the connection is TLS"),
    (b"\x16", b"", "the connection is TLS"),
    (PREFACE + frame(4, 0, 0), b"\x15\x03\x01\x00\x02\x02\x46", "the connection is TLS"),
    (b"GET / HTTP/1.1\r\n", b"", "the connection is not HTTP/2"),
    (PREFACE[:-1] + b"!", b"", "the connection is not HTTP/2"),
    (PREFACE + frame(4, 0, 0), b"HTTP/1.1 400 Bad Request\r\n", "the connection is not HTTP/2"),
    (PREFACE + frame(4, 0, 0, b"odd"), b"", "a frame does not decode"),
    (PREFACE + frame(4, 0, 0) + frame(3, 0, 1, b"1"), b"", "a frame does not decode"),
    (PREFACE + frame(4, 0, 0) + frame(1, 4, 0, b"1"), b"", "a frame does not decode"),
    (PREFACE + frame(4, 0, 0) + frame(1, 4, 1, b"\xff\xff\xff\xff\xff"), b"", "headers do not decompress"),
    (PREFACE + frame(4, 0, 0) + frame(1, 0, 1, b"\x82") + frame(0, 0, 1), b"", "a header block is interrupted"),
    (PREFACE + frame(4, 0, 0) + frame(9, 4, 1, b"\x82"), b"", "a header block continues where none began"),
    (PREFACE + frame(4, 0, 0) + frame(0, 8, 1, b"\x05123"), b"", "a frame's padding is longer than the frame"),
    (PREFACE + frame(4, 0, 0) + frame(1, 0, 1) + frame(9, 0, 1, bytes(200_000)) * 2, b"",
     "a header block is larger than any gRPC peer's"),
    (PREFACE + frame(4, 0, 0) + frame(1, 0, 1, bytes(300_000))[:20], b"", "a frame is larger than any gRPC peer's"),
    (PREFACE + frame(4, 0, 0), frame(4, 0, 0) + frame(5, 4, 1, b"\0\0\0\2\x82"),
     "the service pushes, which gRPC does not"),
])  # fmt: skip
def test_anything_else_than_grpc_is_said_once_and_forgotten(sent: bytes, replied: bytes, why: str) -> None:
    sink = Sink()
    tap = ClientTap("seen", sink)
    for _ in range(3):
        talk = Talk(tap, sink)
        talk.sent(sent)
        talk.replied(replied)
        talk.sent(b"more")
        talk.replied(b"more")
        talk.observer.closed(2)
    assert blind(sink) == [(why, "")]
    assert [len(sink.marks(f"connection.{event}")) for event in ("opened", "closed")] == [3, 3]
    assert tap.connections == 0


def test_a_connection_that_turns_unreadable_ends_what_is_owed() -> None:
    talk = Talk().hello()
    talk.ask(1, NAME)
    talk.answer(1)
    talk.ask(3, PRICES.path, PRICES.payload)
    talk.ask(5, PLACE)
    talk.replied(frame(DATA, wire.PADDED, 3, b"\xff"))
    assert talk.tap.open_streams() == {}
    talk.observer.closed(3)
    assert names(talk.sink) == ["stream.opened", "tap.blind", "stream.quiet"]
    assert len(talk.sink.calls()) == 1  # how the order ended is not known: no record says anything of it
    assert len(talk.sink.marks("client.disconnected")) == 1


def test_other_services_are_not_the_harness_business() -> None:
    talk = Talk().hello()
    talk.ask(1, "/grpc.health.v1.Health/Check")
    talk.answer(1)
    assert [one.name for one in talk.sink if isinstance(one, Mark)] == ["connection.opened"]
    assert talk.sink.calls() == []
    talk.ask(3, f"/{methods.SERVICE}/EstimateSomething")
    talk.answer(3)
    assert blind(talk.sink) == [("a method that the contract lacks was called", "")]


def test_no_metadata_value_is_written_down_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    talk = Talk().hello()
    secret = "s3cr3t-of-the-client"
    talk.ask(1, NAME, b"", ("x-api-key", secret), ("grpc-encoding", secret), ("grpc-timeout", secret))
    talk.answer(1, b"", ("x-echo", secret), ("grpc-encoding", secret))
    talk.ask(3, PRICES.path, PRICES.payload, ("x-api-key", secret))
    talk.begin_reply(3, ("grpc-encoding", secret))
    talk.replied(frame(DATA, 0, 3, message(ONE, 1)))
    talk.end_reply(3, ("grpc-status", "16"), ("grpc-message", f"wrong key {secret}"))
    talk.sent(frame(HEADERS, END_HEADERS, 5, talk.asking(NAME, ("x-api-key", secret))[:-3] + b"\xff"))
    assert blind(talk.sink)[-1][0] == "headers do not decompress"
    assert secret not in repr(talk.sink) + repr(talk.exchanges) + caplog.text


def test_subscriptions_are_counted_over_all_connections() -> None:
    sink = Sink()
    tap = ClientTap("seen", sink)
    first, second = Talk(tap, sink).hello(), Talk(tap, sink).hello()
    first.ask(1, PRICES.path, PRICES.payload)
    second.ask(1, PRICES.path, requests.price_stream(["ETHUSDT", "SOLUSDT"]).payload)
    stream = tap.stream("prices")
    assert (stream.subscription, stream.live, stream.keys, stream.paused) == (2, 2, ("ETHUSDT", "SOLUSDT"), False)
    first.observer.closed(5)
    assert (tap.connections, stream.live, dict(tap.open_streams())) == (1, 1, {"prices": 1})
    stream.start(on_update=lambda update: None)
    stream.mark_live()
    (live,) = sink.marks("stream.live")
    asked = {"client": "seen", "stream": "prices", "subscription": "2", "keys": "ETHUSDT,SOLUSDT"}
    assert dict(live.detail) == asked
    for number in (7, 9):  # the later one's request comes first
        second.sent(frame(HEADERS, END_HEADERS, number, second.asking(PRICES.path)))
    second.sent(frame(DATA, END_STREAM, 9, message(requests.price_stream(["LATER"]).payload)))
    second.sent(frame(DATA, END_STREAM, 7, message(PRICES.payload)))
    assert stream.keys == ("LATER",)
    second.ask(13, requests.position_stream("BTCUSDT").path, requests.position_stream("BTCUSDT").payload)
    second.ask(15, requests.order_stream().path)
    assert (tap.stream("positions").keys, tap.stream("orders").keys) == (("BTCUSDT",), ())
    with pytest.raises(ValueError, match="no stream 'trades'"):
        tap.stream("trades")


def test_what_the_recorder_raises_comes_through_and_nothing_is_misread_afterwards() -> None:
    sink = Sink()
    full = False

    def record(one: Record) -> None:
        if full:
            raise OSError("the disk is full")
        sink(one)

    talk = Talk(ClientTap("seen", record), sink)
    talk.hello().ask(1, PRICES.path, PRICES.payload)
    talk.begin_reply(1)
    full = True
    with pytest.raises(OSError, match="disk"):
        talk.replied(frame(DATA, 0, 1, message(ONE)) * 2)
    full = False
    talk.replied(frame(DATA, 0, 1, message(ONE)))
    talk.observer.closed(4)
    assert sink.messages() == []
    assert names(sink) == ["stream.opened", "stream.down", "stream.error"]


# -- any chunking, any bytes, any speed -------------------------------------------------------------


def conversation() -> list[Told]:
    """Of everything something, each piece at a time of its own."""
    told: list[Told] = []

    class Capturing:
        def sent(self, chunk: bytes, t_ns: int) -> None:
            told.append(Told(1, "sent", chunk, len(told)))

        def replied(self, chunk: bytes, t_ns: int) -> None:
            told.append(Told(1, "replied", chunk, len(told)))

        def closed(self, t_ns: int) -> None:
            told.append(Told(1, "closed", b"", len(told)))

    talk = Talk()
    talk.observer = Capturing()
    talk.hello()
    talk.ask(1, NAME, b"", ("x-api-key", "k" * 100))
    talk.answer(1, b"\x0a\x03mia")
    talk.ask(3, PRICES.path, PRICES.payload)
    talk.begin_reply(3, ("grpc-encoding", "gzip"))
    for number in range(1, 6):
        talk.replied(frame(DATA, 0, 3, message(price(str(number)).SerializeToString()) * number))
        talk.ask(3 + 2 * number, PLACE, b"\x0a\x07BTCUSDT" * number, ("grpc-timeout", "500m"))
    talk.replied(frame(DATA, wire.PADDED, 3, b"\x07" + message(gzip.compress(ONE, mtime=0), 1) + bytes(7)))
    talk.answer(5, bytes(300))
    talk.end_reply(7, ("grpc-status", "9"), ("grpc-message", "rejected"))
    talk.sent(frame(wire.RESET, 0, 9, struct.pack(">I", 8)), frame(wire.PING, 0, 0, bytes(8)))
    talk.replied(frame(wire.GOAWAY, 0, 0, struct.pack(">II", 11, 0)), frame(wire.RESET, 0, 3, struct.pack(">I", 2)))
    talk.observer.closed(0)
    return told


def records_of(told: list[Told]) -> list[Record]:
    sink = Sink()
    observer = ClientTap("seen", sink).connection(1)
    for one in told:
        tell(observer, one)
    return list(sink)


CONVERSATION = conversation()
EXPECTED = records_of(CONVERSATION)


def test_the_conversation_holds_of_everything_something() -> None:
    sink = Sink(EXPECTED)
    assert [one.code for one in sink.calls()] == [
        "OK", "OK", "FAILED_PRECONDITION", "CANCELLED", "UNAVAILABLE", "UNAVAILABLE",
    ]  # fmt: skip
    assert len(sink.messages()) == 16
    assert names(sink) == ["stream.opened", "stream.down", "stream.error"]


@settings(deadline=None)
@given(st.data())
def test_any_chunking_gives_the_same_records(data: st.DataObject) -> None:
    """Pieces cut anywhere: a part keeps its piece's time, so that each last byte keeps its own."""
    cut: list[Told] = []
    for one in CONVERSATION:
        places = sorted(data.draw(st.sets(st.integers(1, max(1, len(one.chunk) - 1)), max_size=6)))
        edges = [0, *places, len(one.chunk)]
        parts = [one.chunk[start:end] for start, end in pairwise(edges)]
        cut += [Told(1, one.side, part, one.t_ns) for part in parts] if one.chunk else [one]
    assert records_of(cut) == EXPECTED


@pytest.mark.parametrize("size", [1, 2, 9, 10, 23])
def test_chunks_of_one_size_give_the_same_records(size: int) -> None:
    cut = [
        Told(1, one.side, one.chunk[start : start + size], one.t_ns)
        for one in CONVERSATION
        for start in range(0, max(1, len(one.chunk)), size)
    ]
    assert records_of(cut) == EXPECTED


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_no_bytes_whatsoever_raise_anything(data: st.DataObject) -> None:
    """A real conversation with some bytes replaced, inserted or left out."""
    sink = Sink()
    observer = ClientTap("seen", sink).connection(1)
    for one in CONVERSATION:
        chunk = bytearray(one.chunk)
        if data.draw(st.integers(0, 5)) == 0:
            start, end = sorted(data.draw(st.lists(st.integers(0, len(chunk)), min_size=2, max_size=2)))
            chunk[start : min(end, start + 9)] = data.draw(st.binary(max_size=9))
        tell(observer, Told(1, one.side, bytes(chunk), one.t_ns))
    observer.closed(99)
    marks = [one.name for one in sink if isinstance(one, Mark)]
    assert marks[0] == "connection.opened"
    assert marks[-1] == "connection.closed"
    opened = marks.count("stream.opened")
    ends = marks.count("stream.down") + marks.count("stream.cancelled") + marks.count("stream.quiet")
    assert ends >= opened


def test_a_core_decodes_more_than_20000_messages_a_second() -> None:
    talk = Talk(ClientTap("seen", lambda record: None))
    talk.hello().ask(1, PRICES.path, PRICES.payload)
    talk.begin_reply(1)
    raw = [price(f"{60_000 + number}.{number % 100:02}").SerializeToString() for number in range(10_000)]
    frames = [frame(DATA, 0, 1, message(one)) for one in raw]
    best_per_s = 0.0
    for _ in range(3):
        began_s = time.process_time()
        talk.replied(*frames)
        best_per_s = max(best_per_s, len(frames) / (time.process_time() - began_s))
    assert talk.tap.stream("prices").received == 30_000
    assert best_per_s > 20_000
