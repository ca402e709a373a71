"""A measuring client in a process of its own: follows streams at high rates, or dies when it is killed.

python -m harness.client.follow --address A --name N --streams prices,account --symbols BTCUSDT --evidence DIR
writes one JSON line per event to stdout: {"event": "opened"|"first"|"ended", "client", "stream", "t_ns", "code"}.
It stops on SIGTERM, SIGINT or the end of stdin. The API key comes from the environment: FOLLOW_API_KEY.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

import grpc
from grpc.experimental import ChannelOptions

from harness.client.channel import API_KEY_VARIABLE, Options, Tls, metadata, open_blocking_channel
from harness.client.content import STREAMS, digest_of, read
from harness.client.requests import DEFAULT_KLINE_INTERVAL, StreamRequest, stream_named
from harness.evidence.clock import now_ns
from harness.evidence.recorder import Recorder, RecorderError
from harness.evidence.records import Mark, Message

STOP_LIMIT_S = 5.0
_ONE_SUBSCRIPTION = 1

# One message in the reader's own thread instead of through another: ten times the rate of the default.
_READ_IN_THREAD: Options = ((ChannelOptions.SingleThreadedUnaryStream, 1),)


@dataclass(frozen=True, slots=True)
class FollowOptions:
    """What to follow, and how."""

    address: str
    names: tuple[str, ...]
    streams: tuple[str, ...]
    symbols: tuple[str, ...]
    interval: str
    evidence: Path
    stall: bool
    live_on_first: bool
    tls: Tls | None
    api_key: str | None


class StreamReader:
    """Reads one stream of one client in one thread until it ends or is cancelled; it does not subscribe again."""

    def __init__(
        self, options: FollowOptions, client: str, request: StreamRequest, channel: grpc.Channel, recorder: Recorder,
        stopping: threading.Event,
    ) -> None:  # fmt: skip
        self._options = options
        self._client = client
        self._request = request
        self._channel = channel
        self._recorder = recorder
        self._stopping = stopping
        self._call: Any = None
        self.failure = ""
        self._thread = threading.Thread(target=self._run, name=f"{client}:{request.stream}", daemon=True)

    def start(self) -> None:
        """Subscribe and read."""
        self._thread.start()

    def cancel(self) -> None:
        """End the call; the reader sees it at once."""
        if self._call is not None:
            self._call.cancel()

    def join(self, limit_s: float) -> bool:
        """Whether the reader has ended within `limit_s`."""
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._follow()
        except RecorderError as error:  # what cannot be recorded is not worth receiving, on any stream
            self.failure = str(error)
            self._stopping.set()
            self.cancel()

    def _follow(self) -> None:
        subscribe = self._channel.unary_stream(
            self._request.path, request_serializer=_as_is, response_deserializer=_as_is
        )
        self._call = subscribe(self._request.payload, metadata=metadata(self._options.api_key))
        self._mark("stream.opened")
        self._tell("opened")
        if self._stopping.is_set():  # it was stopped before there was a call to cancel
            self._call.cancel()
        code = "OK"
        try:
            self._read()
        except grpc.RpcError:
            code = self._call.code().name
        self._close(code)

    def _read(self) -> None:
        for n, raw in enumerate(self._call):
            received_ns = now_ns()
            self._record(raw, received_ns)
            if n == 0:
                self._first(received_ns)
                if self._options.stall:
                    self._mark("stream.quiet")
                    self._recorder.flush()
                    self._stopping.wait()  # the call stays open, unread, until the process is stopped or killed
                    return

    def _record(self, raw: bytes, received_ns: int) -> None:
        content = read(self._request.stream, raw)
        self._recorder.append(
            Message(
                self._client,
                self._request.stream,
                content.key,
                content.value,
                serial=0,
                sent_ns=0,
                received_ns=received_ns,
                subscription=_ONE_SUBSCRIPTION,
                digest=digest_of(raw),
                wrong=content.wrong,
            )
        )

    def _first(self, received_ns: int) -> None:
        if self._options.live_on_first:
            self._mark("stream.live")
        self._recorder.flush()  # whoever waits for this event may kill us next
        self._tell("first", t_ns=received_ns)

    def _close(self, code: str) -> None:
        if self._stopping.is_set():
            self._mark("stream.cancelled")
            code = "CANCELLED"
        else:
            self._mark("stream.error", code=code)
            self._mark("stream.down")
        self._call.cancel()
        self._mark("stream.ended")
        self._tell("ended", code=code)

    def _mark(self, name: str, **detail: str) -> None:
        about = {
            "client": self._client, "stream": self._request.stream, "subscription": str(_ONE_SUBSCRIPTION), **detail
        }  # fmt: skip
        self._recorder.append(Mark(now_ns(), name, MappingProxyType(about)))

    def _tell(self, event: str, *, t_ns: int = 0, code: str = "") -> None:
        stream = self._request.stream
        _say({"event": event, "client": self._client, "stream": stream, "t_ns": t_ns or now_ns(), "code": code})


def follow(options: FollowOptions, stopping: threading.Event) -> int:
    """Follow until `stopping` is set or every stream has ended; 0, or 1 when a reader would not stop or failed.

    Raises RecorderError when the evidence cannot be written.
    """
    recorder = Recorder(options.evidence)
    channels, readers = [], []
    try:
        for name in options.names:
            channel = open_blocking_channel(options.address, options.tls, extra=_READ_IN_THREAD)
            channels.append(channel)
            for stream in options.streams:
                request = stream_named(stream, options.symbols, options.interval)
                readers.append(StreamReader(options, name, request, channel, recorder, stopping))
        for reader in readers:
            reader.start()
        while not stopping.wait(0.1):
            if all(reader.join(0) for reader in readers):
                break
        for reader in readers:
            reader.cancel()
        stuck = [reader for reader in readers if not reader.join(STOP_LIMIT_S)]
        failed = [reader.failure for reader in readers if reader.failure]
        return 1 if stuck or failed else 0
    finally:
        for channel in channels:
            channel.close()
        recorder.close()


def parse(arguments: Sequence[str]) -> FollowOptions:
    """Options from the command line; exits with code 2 and a usage line when they make no sense."""
    parser = argparse.ArgumentParser(prog="python -m harness.client.follow", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--address", required=True, help="host:port of the connector")
    who = parser.add_mutually_exclusive_group(required=True)
    who.add_argument("--name", help="the client's name in the evidence")
    who.add_argument("--names", type=_listed, help="several clients in one process, each with its own connection")
    parser.add_argument("--streams", type=_listed, required=True, help=f"of: {', '.join(STREAMS)}")
    parser.add_argument("--symbols", type=_listed, default=())
    parser.add_argument("--interval", default=DEFAULT_KLINE_INTERVAL, help="of the klines stream")
    parser.add_argument("--evidence", type=Path, required=True, help="folder to record into")
    parser.add_argument("--stall", action="store_true", help="read the first message, then stop reading for good")
    parser.add_argument("--live-on-first", action="store_true", help="record stream.live at the first message")
    parser.add_argument("--tls-roots", type=Path, help="PEM file of the CAs to trust; plaintext without it")
    parser.add_argument("--tls-name", default="", help="name in the server's certificate, if not the host")
    given = parser.parse_args(arguments)
    if unknown := [stream for stream in given.streams if stream not in STREAMS]:
        parser.error(f"no stream {unknown[0]!r}: use {', '.join(STREAMS)}")
    return FollowOptions(
        address=given.address, names=given.names or (given.name,), streams=given.streams, symbols=given.symbols,
        interval=given.interval, evidence=given.evidence, stall=given.stall, live_on_first=given.live_on_first,
        tls=Tls(given.tls_roots, given.tls_name) if given.tls_roots else None,
        api_key=os.environ.get(API_KEY_VARIABLE) or None,
    )  # fmt: skip


def main(arguments: Sequence[str]) -> int:
    """Entry point."""
    options = parse(arguments)
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        stopping.set()

    def stop_at_end_of_input() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    # Our starter holds the other end of stdin: when it dies, so do we, evidence flushed.
    threading.Thread(target=stop_at_end_of_input, name="stdin", daemon=True).start()
    try:
        return follow(options, stopping)
    except RecorderError as error:
        sys.stderr.write(f"harness.client.follow: {error}\n")
        return 1


_stdout_lock = threading.Lock()


def _say(event: dict[str, str | int]) -> None:
    with _stdout_lock:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _as_is(payload: bytes) -> bytes:
    return payload


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
