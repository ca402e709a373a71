"""One load by one client under the eyes of tcpdump: what the client says, beside what was on the wire."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from harness.evidence.clock import NS_PER_MS, NS_PER_S
from harness.evidence.records import Call, Message, Record
from harness.trial.load.plan import LoadPlan
from harness.wire.opensqt.market_maker.v1 import events_pb2
from suites.self.shell.ran import ROOT
from suites.self.truth.capture import capturing, exchanges, messages
from suites.self.truth.loaded import carried_out, serving

USERS, SECONDS, WARM_S = 10, 6.0, 1.0
LIMIT_S = 90.0
Said = tuple[int, int]
"""Begin and end of a call, or send stamp and receipt of a message, Unix ns."""


@dataclass(frozen=True, slots=True)
class Row:
    """p50 and p99 in ms as the client says, and as the capture says of the same calls or messages."""

    client: str
    what: str
    rate_per_s: float
    achieved_per_s: float
    said_ms: tuple[float, float]
    wire_ms: tuple[float, float]

    @property
    def holds(self) -> bool:
        """p50 within 5 % or 50 us of the capture's, p99 within 10 % or 200 us."""
        return all(
            abs(said - seen) <= max(share * seen, least_ms)
            for said, seen, share, least_ms in zip(self.said_ms, self.wire_ms, (0.05, 0.1), (0.05, 0.2), strict=True)
        )

    def line(self) -> str:
        """For the table."""
        numbers = (f"{said:8.3f} {seen:8.3f}" for said, seen in zip(self.said_ms, self.wire_ms, strict=True))
        rates = f"{self.rate_per_s:7.0f} {self.achieved_per_s:9.1f}"
        return f"{self.client:<22} {self.what:<9} {rates}   {'   '.join(numbers)}   {'yes' if self.holds else 'no'}"


HEADING = "client                 what      asked/s    made/s   p50 says       is   p99 says       is   near"


def ours(folder: Path, what: str, rate_per_s: float) -> Row:
    """The generator of the cases: Locust over the measuring client; from its own records, sent to done."""

    def load(address: str) -> list[Said]:
        streams = what == "messages"
        plan = LoadPlan(
            address, "SubscribePrice" if streams else "GetAccount", 0.0 if streams else rate_per_s, SECONDS,
            users=1 if streams else USERS, warm_s=WARM_S, request={"symbols": ["BTCUSDT"]} if streams else {},
        )  # fmt: skip
        records: list[Record] = []
        carried_out(folder / "load", plan, keep=records)
        if streams:
            return [(one.sent_ns, one.received_ns) for one in records if isinstance(one, Message)]
        return [(one.sent_ns, one.done_ns) for one in records if isinstance(one, Call)]

    return _refereed(folder, "ours", what, rate_per_s, load)


def aio(folder: Path, what: str, rate_per_s: float) -> Row:
    """grpc.aio, open loop."""

    def load(address: str) -> list[Said]:
        command = [sys.executable, "-m", "suites.self.truth.naive_aio", what, address, str(rate_per_s), str(SECONDS)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False)
        assert done.returncode == 0, done.stderr
        return [(int(begin), int(end)) for begin, end in json.loads(done.stdout)]

    return _refereed(folder, "grpc.aio open loop", what, rate_per_s, load)


def documented(folder: Path, what: str, rate_per_s: float) -> Row:
    """Locust over grpcio-gevent as its documentation shows."""

    def load(address: str) -> list[Said]:
        users = 1 if what == "messages" else USERS
        answer = folder / "answer.json"
        each_per_s = 0.0 if what == "messages" else rate_per_s / users
        told = {"PYTHONPATH": str(ROOT), "NAIVE_RATE_PER_S": str(each_per_s), "NAIVE_ANSWER": str(answer)}
        done = subprocess.run(
            [sys.executable, "-m", "locust", "-f", str(Path(__file__).with_name("naive_locustfile.py")), "--headless",
             "--only-summary", "-u", str(users), "-r", str(users), "-t", f"{SECONDS:g}s", "--host", address],
            cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, **told},
        )  # fmt: skip
        assert answer.exists(), done.stdout + done.stderr
        return [(int(begin), int(end)) for begin, end in json.loads(answer.read_text())]

    return _refereed(folder, "Locust grpcio-gevent", what, rate_per_s, load)


CLIENTS: tuple[Callable[[Path, str, float], Row], ...] = (ours, aio, documented)


def _refereed(folder: Path, client: str, what: str, rate_per_s: float, load: Callable[[str], list[Said]]) -> Row:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "capture.pcap"
    with serving("plain", str(rate_per_s)) as server, capturing(server.port, file):
        said = load(server.address)
    raw = file.read_bytes()
    file.unlink()
    if what == "messages":
        seen = [(stamp_ns, t_ns) for t_ns, content in messages(raw, server.port) if (stamp_ns := _stamp_ns(content))]
    else:
        seen = [(one.asked_ns, one.answered_ns) for one in exchanges(raw, server.port)]
    said, seen = _same(said, seen)
    began_ns, ended_ns = seen[0][1], seen[-1][1]
    per_s = (len(seen) - 1) * NS_PER_S / max(ended_ns - began_ns, 1)
    return Row(client, what, rate_per_s, per_s, _quantiles(said), _quantiles(seen))


def _same(said: list[Said], seen: list[Said]) -> tuple[list[Said], list[Said]]:
    """Both in order, without what the client did not time: the knock at the door, the end of a stream.

    Only ends count here, in their order: a client's ends lie after the wire's, and those of all calls in the same order
    but for a few that are neighbours anyway.
    """
    said, seen = sorted(said, key=itemgetter(1)), sorted(seen, key=itemgetter(1))
    first = max(0, len(seen) - len(said))
    began_ns = said[0][0]
    seen = [one for one in seen if one[1] >= began_ns][: len(said)] or seen[first:]
    assert len(seen) >= 0.99 * len(said), f"{len(said)} were timed, {len(seen)} seen"
    return said[: len(seen)], seen


def _quantiles(spans: list[Said]) -> tuple[float, float]:
    took_ms = np.array([end_ns - begin_ns for begin_ns, end_ns in spans]) / NS_PER_MS
    return float(np.quantile(took_ms, 0.5)), float(np.quantile(took_ms, 0.99))


def _stamp_ns(content: bytes) -> int:
    """0: not a price."""
    try:
        stamp = events_pb2.PriceChange.FromString(content).timestamp
    except DecodeError:
        return 0
    return int(stamp.seconds * 1_000_000_000 + stamp.nanos)
