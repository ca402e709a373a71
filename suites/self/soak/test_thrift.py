"""The runner stays small: what it loads, what it keeps of hours of records, what its allocator hands back."""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.client.content import STREAMS
from harness.evidence.clock import NS_PER_S
from harness.evidence.recorder import Recorder
from harness.evidence.records import VENUE, Call, Mark, Message, Outcome, Reading, Record
from harness.soak.watch import Watch
from harness.trial.followed import Followed
from harness.trial.orders import Told
from harness.trial.tap import ClientTap
from harness.trial.trial import Trial

pytestmark = pytest.mark.self

ROOT = Path(__file__).resolve().parents[3]
T0 = 1_000_000 * NS_PER_S
MOST_GROWN_BYTES = 1_000_000
SECONDS = 600
"""Of a soak's records before the first look at the memory, so that what is bounded is full, and as many after it."""

LOADED = """
import json, sys
import harness.soak.command
from harness.soak.broom import swept
from harness.target.choice import choose_launcher
from harness.target.profile import load_profile
swept()
choose_launcher(load_profile("reference"), "process")
size = next(line for line in open("/proc/self/status") if line.startswith("VmRSS"))
pool = sys.modules["pyarrow"].default_memory_pool().backend_name
print(json.dumps([pool, int(size.split()[1]) * 1024, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def test_the_runner_loads_what_it_needs_and_no_more() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    pool, size_bytes, loaded = json.loads(ran.stdout)
    assert pool == "system", "Arrow's own allocator never gives back what it used once"
    assert not set(loaded) & {"scipy", "bokeh", "pandas", "locust", "gevent", "playwright", "ccxt", "pytest"}
    assert not set(loaded) & {"docker", "requests", "urllib3", "testcontainers"}, "processes need no engine's library"
    assert size_bytes < 125_000_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc")
def test_the_allocator_takes_the_settings() -> None:
    said = "from harness.soak.thrift import be_thrifty; import pyarrow as pa; "
    said += "assert be_thrifty(); print(pa.default_memory_pool().backend_name)"
    ran = subprocess.run([sys.executable, "-c", said], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert ran.stdout == "system\n"


class Pushed:
    def polled_s(self, stream: str) -> float:
        return 0.0


class Stream:
    """What is followed: one client's prices."""

    client, stream, keys, live, paused, subscription = "watcher", "prices", (), 1, False, 1

    def start(self, on_update: object = None) -> None:
        pass

    def mark_live(self) -> None:
        pass


def second(number: int) -> Iterator[Record]:
    """About what one second of a soak brings, no two records alike."""
    t_ns = T0 + number * NS_PER_S
    for part in range(100):
        serial, at_ns = number * 100 + part, t_ns + part * 10_000_000
        yield Message(VENUE, "prices", "ETHUSDT", str(serial), serial, at_ns, at_ns)
        yield Message("watcher", "prices", "ETHUSDT", str(serial), 0, 0, at_ns + 1_000_000, 1, serial)
    for part in range(10):
        at_ns = t_ns + part * 100_000_000
        yield Call(number * 10 + part, "load-1", "GetAccount", at_ns, at_ns, at_ns + 1_000_000, Outcome.OK, "OK")
        yield Message("market_maker", "orders", f"o{number}-{part}", "FILLED:1", 0, 0, at_ns, 1)
    for probe in ("connector.rss", "connector.runtime_units", "harness.rss", "host.others"):
        yield Reading(t_ns, probe, float(number), "")
    yield Mark(t_ns, "data.flowing", {"client": "watcher", "stream": "prices"})


def test_hours_of_records_leave_nothing_behind(tmp_path: Path) -> None:
    """What the live parts hold after 20 minutes is what they held after 10: a leak of 30 bytes a record would show."""
    recorder = Recorder(tmp_path / "evidence")
    trial = Trial(recorder.append, Pushed(), tmp_path)
    watch, told = Watch(), Told(trial.record)
    trial.overhear(watch.hear)
    trial._followed["watcher", "prices"] = Followed(Stream())
    watch.begin_steady(T0)

    def live_through(begin: int, end: int) -> None:
        for number in range(begin, end):
            for record in second(number):
                (told.record if isinstance(record, Message) and record.stream == "orders" else trial.record)(record)
            if number % 20 == 19:
                end_ns = T0 + (number - 9) * NS_PER_S
                assert watch.next_slice(end_ns, T0 + number * NS_PER_S) is not None
                recorder.flush()

    live_through(0, SECONDS)
    tracemalloc.start()
    try:
        live_through(SECONDS, 2 * SECONDS)
        gc.collect()
        first = tracemalloc.get_traced_memory()[0]
        live_through(2 * SECONDS, 3 * SECONDS)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - first
    finally:
        tracemalloc.stop()
        recorder.close()
    assert grown < MOST_GROWN_BYTES


def test_a_tap_forgets_what_it_has_told() -> None:
    tap = ClientTap("market_maker", lambda record: None)
    stream = tap.stream(next(iter(STREAMS)))
    stream.opened(T0)
    for number in range(1_000):
        stream.deliver(b"", 1, T0 + number)
    tracemalloc.start()
    try:
        for number in range(20_000):
            stream.deliver(b"", 1, T0 + number)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] < 100_000
    finally:
        tracemalloc.stop()
