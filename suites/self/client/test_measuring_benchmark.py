"""How fast the measuring client is: calls and streams against the null server, and its framing alone.

`pytest suites/self/client/test_measuring_benchmark.py` prints the table; --benchmark-autosave keeps it for comparing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import grpc
import pytest
from hpack import Encoder
from hyperframe.frame import DataFrame, HeadersFrame, SettingsFrame
from pytest_benchmark.fixture import BenchmarkFixture

from harness.client.measuring import MeasuringClient, Path
from harness.client.measuring import frames as wire
from harness.client.measuring.headers import RequestBlocks
from harness.client.measuring.incoming import Incoming
from harness.client.measuring.reply import Reply
from harness.client.methods import GET_ACCOUNT, SERVICE

from .measured import framed

pytestmark = pytest.mark.self

PRICES = Path(f"/{SERVICE}/SubscribePrice")
CALLS, MESSAGES = 200, 20_000
LARGEST_CPU_PER_MESSAGE_US = 20.0
"""What 50,000 messages/s leave for each."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.reference.null_server", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        yield f"127.0.0.1:{json.loads(process.stdout.readline().split(chr(9))[3])['port']}"
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def repeat(benchmark: BenchmarkFixture, run: Callable[[], None], *, rounds: int, what: str, number: int) -> None:
    """Run it `rounds` times; `number` of its steps a second become the table's `what` (see --benchmark-json)."""
    benchmark.pedantic(run, rounds=rounds, warmup_rounds=1)  # type: ignore[no-untyped-call]
    if benchmark.stats is not None:  # None with --benchmark-disable, as under pytest-xdist
        benchmark.extra_info[what] = round(number / benchmark.stats.stats.median)


def test_unary_closed_loop(benchmark: BenchmarkFixture, address: str) -> None:
    with MeasuringClient(address) as client:
        assert client.unary(GET_ACCOUNT, b"").code == "OK"

        def calls() -> None:
            for _ in range(CALLS):
                client.unary(GET_ACCOUNT, b"")

        repeat(benchmark, calls, rounds=10, what="calls_per_s", number=CALLS)
        assert client.tally.connects == 1


def test_unary_closed_loop_of_grpcio(benchmark: BenchmarkFixture, address: str) -> None:
    """For comparison, against the same server."""
    with grpc.insecure_channel(address) as channel:
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(GET_ACCOUNT.path)
        call(b"", timeout=5)

        def calls() -> None:
            for _ in range(CALLS):
                call(b"", timeout=5)

        repeat(benchmark, calls, rounds=10, what="calls_per_s", number=CALLS)


def test_stream(benchmark: BenchmarkFixture, address: str) -> None:
    spent: list[float] = []
    with MeasuringClient(address) as client, client.stream(PRICES, b"", timeout_s=60) as stream:
        batches = iter(stream)

        def messages() -> None:
            got, began = 0, time.thread_time()
            while got < MESSAGES:
                got += len(next(batches).payloads)
            spent.append((time.thread_time() - began) / got * 1e6)

        repeat(benchmark, messages, rounds=5, what="messages_per_s", number=MESSAGES)
    benchmark.extra_info["cpu_per_message_us"] = round(min(spent), 2)
    assert min(spent) < LARGEST_CPU_PER_MESSAGE_US


def test_reading_a_stream_in_bulk(benchmark: BenchmarkFixture) -> None:
    """1000 messages of 60 bytes from memory: the fast path alone."""
    encoder = Encoder()
    headers = encoder.encode([(":status", "200"), ("content-type", "application/grpc")])
    incoming = Incoming(RequestBlocks("http", "localhost", ()), 1 << 30)
    incoming.take(SettingsFrame(0).serialize())
    reply = Reply(1, 65_535)
    incoming.begin(reply)
    incoming.take(HeadersFrame(1, headers, flags=["END_HEADERS"]).serialize())
    data = DataFrame(1, framed(b"m" * 60)).serialize() * 1000

    def read() -> int:
        incoming.take(data)
        number = len(reply.messages)
        reply.messages = []
        return number

    assert benchmark(read) == 1000


def test_reading_a_unary_reply(benchmark: BenchmarkFixture) -> None:
    """Headers, one message, trailers, as they come from the second call on."""
    encoder = Encoder()
    fields = [(":status", "200"), ("content-type", "application/grpc")], [("grpc-status", "0"), ("grpc-message", "")]
    for block in fields:
        encoder.encode(block)
    incoming = Incoming(RequestBlocks("http", "localhost", ()), 1 << 30)
    first = Encoder()
    incoming.take(SettingsFrame(0).serialize())
    incoming.begin(Reply(1, 65_535))
    incoming.take(HeadersFrame(1, first.encode(fields[0]), flags=["END_HEADERS"]).serialize())
    incoming.take(HeadersFrame(1, first.encode(fields[1]), flags=["END_HEADERS", "END_STREAM"]).serialize())
    data = (
        HeadersFrame(1, encoder.encode(fields[0]), flags=["END_HEADERS"]).serialize()
        + DataFrame(1, framed(b"m" * 60)).serialize()
        + HeadersFrame(1, encoder.encode(fields[1]), flags=["END_HEADERS", "END_STREAM"]).serialize()
    )

    def read() -> str:
        reply = Reply(1, 65_535)
        incoming.begin(reply)
        incoming.take(data)
        return reply.code

    assert benchmark(read) == "OK"


def test_writing_a_request(benchmark: BenchmarkFixture) -> None:
    """From path and bytes to what goes to the kernel."""
    blocks = RequestBlocks("http", "localhost:50051", (("x-api-key", "k" * 32),))
    body = wire.prefix.pack(0, 30) + b"r" * 30

    def write() -> bytes:
        head = wire.request_headers(1, blocks.block(GET_ACCOUNT.path, 5.0), wire.DEFAULT_FRAME_BYTES)
        return head + wire.frame(wire.Kind.DATA, wire.END_STREAM, 1, body)

    first, second = write(), write()
    assert len(second) < len(first)
    assert benchmark(write) == second
