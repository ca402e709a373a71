"""Pages of a service are read as they are, and what nobody can see is said with its reason."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.target.introspection import (
    UNITS,
    Introspection,
    Page,
    Subject,
    parse_pprof,
    parse_prometheus,
    parse_reference,
)

from .workshop import become_somebody_else

pytestmark = pytest.mark.self

PPROF = "goroutine profile: total 57\n12 @ 0x43e2d6 0x40a1f2\n#\t0x1 main.main+0x1 /src/main.go:1\n"
PROMETHEUS = """# HELP go_goroutines Number of goroutines that currently exist.
# TYPE go_goroutines gauge
go_goroutines 57
go_threads 11
process_open_fds 23
process_resident_memory_bytes 3.1498240e+07
go_gc_duration_seconds{quantile="0"} 1.2e-05
"""


@contextmanager
def page(kind: str, path: str, body: str) -> Iterator[tuple[Page, list[str]]]:
    """A page over real HTTP, and the connections that asked for it."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(f"{self.client_address[1]} {self.path}")
            self.send_response(200 if self.path == path else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        base = "/debug/pprof" if kind == "pprof" else path
        one = Page(kind, f"http://127.0.0.1:{server.server_address[1]}{base}")
        try:
            yield one, asked
        finally:
            one.close()
            server.shutdown()
            thread.join()


def test_goroutines_of_pprof_and_prometheus() -> None:
    assert parse_pprof(PPROF) == {"runtime_units": (57, "goroutines")}
    assert parse_prometheus(PROMETHEUS) == {
        "runtime_units": (57, "goroutines"),
        "threads": (11, "threads"),
        "descriptors": (23, "descriptors"),
        "rss": (31498240, "bytes"),
    }


def test_the_kernel_tells_the_cpu_seconds_that_a_process_has_used() -> None:
    looked = Introspection("connector", (), lambda: Subject(os.getpid(), 1))

    def used_s() -> float:
        return next(one.value for one in looked.read() if one.probe == "connector.cpu")

    before_s, began_s = used_s(), time.process_time()
    while time.process_time() < began_s + 0.3:
        pass
    assert used_s() - before_s == pytest.approx(time.process_time() - began_s, abs=0.05)


@pytest.mark.parametrize("parse", [parse_pprof, parse_prometheus, parse_reference])
@pytest.mark.parametrize("text", ["", "<html>not found</html>", "[]", "{}"])
def test_a_page_of_another_kind_is_refused(parse: object, text: str) -> None:
    assert callable(parse)
    with pytest.raises(ValueError, match=r"\w"):
        parse(text)


def test_pprof_is_asked_for_the_total_over_one_connection() -> None:
    with page("pprof", "/debug/pprof/goroutine?debug=1", PPROF) as (one, asked):
        looked = Introspection("connector", (one,), lambda: None)
        for _ in range(3):
            [reading] = looked.read()
            assert (reading.probe, reading.value, reading.unit) == ("connector.runtime_units", 57, "goroutines")
        assert len(asked) == 3
        assert len({entry.split()[0] for entry in asked}) == 1, "looking must not open and close connections"
        assert {fact.subject for fact in looked.unmeasurable()} == {
            f"connector.{probe}" for probe in UNITS if probe != "runtime_units"
        }


def test_a_page_that_does_not_answer_is_the_reason() -> None:
    with page("prometheus", "/elsewhere", PROMETHEUS) as (one, _):
        wrong = Page("prometheus", one.url.replace("/elsewhere", "/metrics"))
        looked = Introspection("connector", (wrong,), lambda: None)
        assert looked.read() == ()
        assert all("answered 404" in fact.detail for fact in looked.unmeasurable())
        looked.close()


def test_no_page_and_no_process() -> None:
    looked = Introspection("connector", (), lambda: None)
    assert looked.read() == ()
    reasons = {fact.subject: fact.detail for fact in looked.unmeasurable()}
    assert "no page" in reasons["connector.runtime_units"]
    assert "did not start this process" in reasons["connector.rss"]


def test_what_may_not_be_looked_at_costs_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a service in a container of root: its descriptors are for its owner, its memory for everybody."""

    def refuse(path: Path) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "listdir", refuse)
    looked = Introspection("connector", (), lambda: Subject(os.getpid(), 1))
    readings = {reading.probe.partition(".")[2]: reading for reading in looked.read()}
    assert {"threads", "rss", "cpu", "sockets"} <= readings.keys()
    assert "descriptors" not in readings
    assert (readings["rss"].unit, readings["cpu"].unit, readings["sockets"].unit) == ("bytes", "s", "sockets")
    reasons = {fact.subject: fact.detail for fact in looked.unmeasurable()}
    assert reasons.keys() == {"connector.descriptors", "connector.runtime_units", "connector.subscriptions"}
    assert "Permission denied" in reasons["connector.descriptors"]
    assert all("Permission denied" not in reasons[f"connector.{one}"] for one in ("runtime_units", "subscriptions"))


def test_a_page_tells_what_the_kernel_keeps_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "listdir", refuse)
    with page("prometheus", "/metrics", PROMETHEUS) as (one, _):
        looked = Introspection("connector", (one,), lambda: Subject(os.getpid(), 1))
        readings = {reading.probe: reading.value for reading in looked.read()}
        assert readings["connector.descriptors"] == 23
        assert readings["connector.rss"] != 31498240, "the kernel's word, where it can be had"


def test_a_process_of_somebody_else_is_measured_by_what_everybody_may_know() -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    asked, reading, writing = os.getpid(), *os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become_somebody_else()
            seen = Introspection("connector", (), lambda: Subject(asked, 1)).read()
            os.write(writing, " ".join(one.probe for one in seen).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        probes = set(answer.read().split())
    assert {"connector.rss", "connector.threads", "connector.cpu"} <= probes
    assert "connector.descriptors" not in probes


def test_a_process_that_is_gone_tells_nothing() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(timeout=30)
    looked = Introspection("connector", (), lambda: Subject(process.pid, 1))
    assert looked.read() == ()
    assert all("cannot be read" in fact.detail for fact in looked.unmeasurable())


def test_while_latency_is_measured_the_kernel_tells_and_the_service_is_not_asked() -> None:
    with page("prometheus", "/metrics", PROMETHEUS) as (one, asked):
        introspection = Introspection("connector", (one,), lambda: Subject(os.getpid(), 1))
        gently = {reading.probe for reading in introspection.read(gently=True)}
        assert asked == []
        assert gently >= {"connector.rss", "connector.cpu", "connector.threads"}
        assert {reading.probe for reading in introspection.read()} - gently == {
            "connector.runtime_units",
            "connector.sockets",
        }
        assert len(asked) == 1


def test_where_only_its_pages_tell_they_are_asked_once_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr("harness.target.introspection.monotonic_s", lambda: now_s[0])
    with page("prometheus", "/metrics", PROMETHEUS) as (one, asked):
        introspection = Introspection("connector", (one,), lambda: None)
        found = []
        for at_s in (100.0, 100.2, 100.9, 101.0, 101.5):
            now_s[0] = at_s
            found.append("connector.rss" in {reading.probe for reading in introspection.read(gently=True)})
        assert found == [True, False, False, True, False]
        assert len(asked) == 2
