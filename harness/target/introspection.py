"""Read what goes on inside a service: its own pages where it has them, and what the kernel knows of its process."""

from __future__ import annotations

import http.client
import json
import math
import os
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.records import UNMEASURABLE, Fact, Reading
from harness.target.goroutines import GoroutineCounter, GoroutinesError
from harness.target.sockets import PROC, established

PAGE_LIMIT_S = 2.0
GENTLE_PERIOD_S = 1.0
"""Between two gentle looks at a service of which its pages alone can tell."""
LARGEST_PAGE_BYTES = 4 << 20
UNITS: Mapping[str, str] = {
    "runtime_units": "",
    "threads": "threads",
    "descriptors": "descriptors",
    "sockets": "sockets",
    "rss": "bytes",
    "cpu": "s",
    "subscriptions": "subscriptions",
}
_UTIME = 11
"""Position of the user time in /proc/PID/stat behind the name; the system time follows."""
PATHS = {"reference": "/introspection", "pprof": "/debug/pprof", "prometheus": "/metrics"}
_PPROF_TOTAL = re.compile(r"goroutine profile: total (\d+)")
_PROMETHEUS = {
    "go_goroutines": ("runtime_units", "goroutines"),
    "go_threads": ("threads", "threads"),
    "process_open_fds": ("descriptors", "descriptors"),
    "process_resident_memory_bytes": ("rss", "bytes"),
    "process_cpu_seconds_total": ("cpu", "s"),
}
_REFERENCE = {
    "runtime_units": ("runtime_units", "tasks+threads"),
    "threads": ("os_threads", "threads"),
    "descriptors": ("descriptors", "descriptors"),
    "rss": ("rss_bytes", "bytes"),
    "subscriptions": ("subscriptions_total", "subscriptions"),
}
Values = dict[str, tuple[float, str]]
"""Probe name without the service -> value and unit."""


def parse_pprof(text: str) -> Values:
    """`/debug/pprof/goroutine?debug=1`: its first line has the total. Raises ValueError."""
    match = _PPROF_TOTAL.search(text)
    if match is None:
        raise ValueError("no line 'goroutine profile: total N'")
    return {"runtime_units": (float(match.group(1)), "goroutines")}


def parse_prometheus(text: str) -> Values:
    """The Go and process collectors' gauges of a Prometheus page. Raises ValueError when it has none."""
    values: Values = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] in _PROMETHEUS:
            probe, unit = _PROMETHEUS[words[0]]
            values[probe] = (float(words[1]), unit)
    if not values:
        raise ValueError("none of " + ", ".join(_PROMETHEUS))
    return values


def parse_reference(text: str) -> Values:
    """The reference stack's JSON: runtime_units, os_threads, descriptors, … Raises ValueError."""
    page = json.loads(text)
    if not isinstance(page, dict):
        raise ValueError("not a JSON object")
    try:
        return {probe: (float(page[field]), unit) for probe, (field, unit) in _REFERENCE.items()}
    except (KeyError, TypeError) as error:
        raise ValueError(f"{error} is missing or no number") from None


PARSERS: Mapping[str, Callable[[str], Values]] = {
    "reference": parse_reference,
    "pprof": parse_pprof,
    "prometheus": parse_prometheus,
}


class Page:
    """One page of a service, read over one connection that stays open: opening and closing one for each look
    would move the very descriptors and tasks that are being counted."""

    def __init__(self, kind: str, url: str) -> None:
        self.kind = kind
        self.url = url
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url!r} is not an http:// address")
        self._host, self._port = parts.hostname, parts.port or 80
        self._path = (parts.path or PATHS[kind]) + ("/goroutine?debug=1" if kind == "pprof" else "")
        self._connection: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()

    def read(self) -> Values:
        """Raises OSError, http.client.HTTPException or ValueError when there is no good answer within 2 s."""
        with self._lock:
            fresh = self._connection is None
            try:
                return PARSERS[self.kind](self._get())
            except (OSError, http.client.HTTPException):
                self._drop()
                if fresh:
                    raise
            return PARSERS[self.kind](self._get())  # the service was started anew, or had closed an idle connection

    def close(self) -> None:
        """Let go of the connection."""
        with self._lock:
            self._drop()

    def _get(self) -> str:
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=PAGE_LIMIT_S)
        try:
            self._connection.request("GET", self._path)
            reply = self._connection.getresponse()
            body = reply.read(LARGEST_PAGE_BYTES)
        except BaseException:
            self._drop()
            raise
        if reply.status != 200:
            raise ValueError(f"{self.url} answered {reply.status}")
        return body.decode("utf-8", "replace")

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


@dataclass(frozen=True, slots=True)
class Subject:
    """The process that is looked at, as the kernel knows it. `port`: its serving port in its own namespace."""

    pid: int
    port: int


@dataclass(frozen=True, slots=True)
class Kernel:
    """What the kernel tells of a process now, and why it tells no more: probe -> reason."""

    values: Values
    refused: Mapping[str, str]


def look_at(subject: Subject, *, gently: bool = False) -> Kernel:
    """Threads, descriptors, sockets, RSS, CPU seconds, each for itself: much of it is told to everybody, and what is
    open in a process only to its owner. `gently`: no sockets, since the kernel walks its whole table for them, which
    takes ten times as long as all else. Raises OSError when the process is gone."""
    folder = PROC / str(subject.pid)
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines() if ":" in line)
    if "VmRSS" not in status:
        raise ProcessLookupError(f"process {subject.pid} is ending")
    values: Values = {
        "threads": (float(status["Threads"]), "threads"),
        "rss": (float(status["VmRSS"].split()[0]) * 1024, "bytes"),
        **_cpu_wait(folder),
    }
    looks: Mapping[str, Callable[[], float]] = {
        "descriptors": lambda: len(os.listdir(folder / "fd")),
        "sockets": lambda: established(subject.port, subject.pid),
        "cpu": lambda: _cpu_s(folder),
    }
    refused: dict[str, str] = {}
    for probe, look in looks.items():
        if gently and probe == "sockets":
            continue
        try:
            values[probe] = (float(look()), UNITS[probe])
        except OSError as error:
            if not folder.exists():
                raise
            refused[probe] = f"/proc/{subject.pid} does not tell it ({_name(error)})"
    return Kernel(values, refused)


def _cpu_s(folder: Path) -> float:
    """User and system time of all its threads. The name in the second field may hold blanks and brackets."""
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_UTIME + 1])) / os.sysconf("SC_CLK_TCK")


def _cpu_wait(folder: Path) -> Values:
    """Seconds that its threads were ready to run and had no CPU, since each began; nothing where it is not counted."""
    waited_ns = 0
    try:
        for thread in (folder / "task").iterdir():
            waited_ns += int((thread / "schedstat").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return {}
    return {"cpu_wait": (waited_ns / 1e9, "s")}


class Introspection:
    """All probes of one service. Threads, descriptors, sockets and RSS are the kernel's word where it can be had;
    a page stands in for it elsewhere, and is the only one to know of tasks and subscriptions. Goroutines that no
    page tells are counted in the memory of the process."""

    def __init__(self, service: str, pages: tuple[Page, ...], subject: Callable[[], Subject | None]) -> None:
        self._service = service
        self._pages = pages
        self._subject = subject
        self._troubles: dict[str, str] = {}
        self._refused: Mapping[str, str] = {}
        self._seen: set[str] = set()
        self._goroutines = GoroutineCounter()
        self._uncounted = ""
        self._asked_s = -math.inf

    def read(self, *, gently: bool = False) -> tuple[Reading, ...]:
        """Every probe that answers now; a source that does not answer leaves a gap. Blocks for at most some seconds.

        `gently`: while its latency is measured. Who is asked has to answer, and whoever waits meanwhile waits longer:
        then only the kernel tells, and where it cannot, the pages are asked no more than once in GENTLE_PERIOD_S.
        """
        values: Values = {}
        subject = self._subject()
        if gently and subject is None and monotonic_s() - self._asked_s < GENTLE_PERIOD_S:
            return ()
        self._asked_s = monotonic_s()
        for page in () if gently and subject is not None else self._pages:
            try:
                found = page.read()
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._troubles[page.url] = f"{page.kind} page {page.url} does not answer ({_name(error)})"
                continue
            self._troubles.pop(page.url, None)
            values = {**found, **values}
        if subject is not None:
            try:
                kernel = look_at(subject, gently=gently)
                values |= kernel.values
                self._refused = kernel.refused
                self._troubles.pop("kernel", None)
            except OSError as error:
                self._troubles["kernel"] = f"/proc/{subject.pid} cannot be read ({_name(error)})"
            if "runtime_units" not in values and not gently:
                values |= self._counted(subject.pid)
        self._seen |= values.keys()
        t_ns = now_ns()
        return tuple(Reading(t_ns, f"{self._service}.{probe}", *value) for probe, value in sorted(values.items()))

    def _counted(self, pid: int) -> Values:
        """Goroutines as the memory of the process has them; nothing where it is no Go program or tells nothing."""
        try:
            count = self._goroutines.count(pid).count
        except GoroutinesError as error:
            self._uncounted = str(error)
            return {}
        return {"runtime_units": (float(count), "goroutines")}

    def unmeasurable(self) -> tuple[Fact, ...]:
        """For each probe that no source has answered yet, why."""
        return tuple(
            Fact(UNMEASURABLE, 1.0, "", subject=f"{self._service}.{probe}", detail=self._whole_reason(probe))
            for probe in UNITS
            if probe not in self._seen
        )

    def close(self) -> None:
        """Close the pages' connections."""
        for page in self._pages:
            page.close()

    def _whole_reason(self, probe: str) -> str:
        counted = self._uncounted if probe == "runtime_units" else ""
        refused = self._refused.get(probe, "")
        reasons = (*self._troubles.values(), refused) if refused else (self._reason(probe), counted)
        return "; ".join(reason for reason in reasons if reason)

    def _reason(self, probe: str) -> str:
        if self._troubles:
            return "; ".join(self._troubles.values())
        if self._pages:
            return f"none of its pages ({', '.join(page.kind for page in self._pages)}) tells {probe}"
        if probe in ("runtime_units", "subscriptions"):
            return "the target offers no page that tells what goes on inside (pprof, Prometheus or its own)"
        return "the harness did not start this process and knows no page of it"


def _name(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")
