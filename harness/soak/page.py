"""Live page: how a soak stands, on localhost: a page for people that follows by itself, and Prometheus for machines."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path

from aiohttp import web

from harness.evidence.clock import NS_PER_S
from harness.soak.checkpoint import Checkpoint

HOST = "127.0.0.1"
KEPT_POINTS = 1_440
"""Of the courses that the page draws; when there are more, every other one is dropped and fewer are taken."""
POINT_S = 5.0
COURSES = ("rss_bytes", "runtime_units", "error_percent", "p99_ms")
_PAGE = Path(__file__).with_name("page.html")
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'",
    "Cache-Control": "no-store",
}


class PortTaken(Exception):
    """The page cannot be served there; one sentence."""


class Courses:
    """The course of each figure from the beginning to now, in a bounded number of points."""

    def __init__(self, kept: int = KEPT_POINTS) -> None:
        self._kept = kept
        self._every_s = POINT_S
        self._next_s = float("-inf")
        self.points: deque[tuple[float, ...]] = deque()

    def add(self, t_s: float, values: tuple[float, ...]) -> None:
        """The figures at Unix time `t_s`; those that come too soon after the last point are left out."""
        if t_s < self._next_s:
            return
        self._next_s = t_s + self._every_s
        self.points.append((t_s, *values))
        if len(self.points) > self._kept:
            self.points = deque(list(self.points)[::2])
            self._every_s *= 2


class LivePage:
    """`add` each checkpoint; serves `/`, `/status.json` and `/metrics` while `serving`."""

    def __init__(self) -> None:
        self._now: Checkpoint | None = None
        self._courses = Courses()

    def add(self, checkpoint: Checkpoint) -> None:
        """The newest."""
        self._now = checkpoint
        told = checkpoint.progress
        values = tuple(float(getattr(told, name)) for name in COURSES)
        self._courses.add(checkpoint.t_ns / NS_PER_S, values)

    @asynccontextmanager
    async def serving(self, port: int, tell: Callable[[str], None]) -> AsyncIterator[None]:
        """On localhost only; port 0: any free one. Raises PortTaken."""
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/status.json", self._status)
        app.router.add_get("/metrics", self._metrics)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, HOST, port).start()
            except OSError as error:
                why = error.strerror or str(error)
                raise PortTaken(f"no live page on port {port} ({why}): give another with --page") from None
            tell(f"nfr: live page http://{HOST}:{runner.addresses[0][1]}/ (Prometheus: /metrics)")
            yield
        finally:
            await runner.cleanup()

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=_PAGE.read_text(encoding="utf-8"), content_type="text/html", headers=_HEADERS)

    async def _status(self, _: web.Request) -> web.Response:
        now = self._now
        document = {
            "checkpoint": None if now is None else {**asdict(now), "error_percent": now.progress.error_percent},
            "courses": {"names": COURSES, "points": list(self._courses.points)},
        }
        return web.json_response(document, headers=_HEADERS)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(text=exposition(self._now), content_type="text/plain", headers=_HEADERS)


def exposition(now: Checkpoint | None) -> str:
    """The newest checkpoint as Prometheus text, without what was not seen; empty before the first."""
    if now is None:
        return ""
    told = now.progress
    values: dict[str, float] = {
        "steady_seconds": now.steady_s,
        "wanted_seconds": now.duration_s,
        "life": now.life,
        "checkpoint_unixtime_seconds": now.t_ns / NS_PER_S,
        "calls": now.calls,
        "calls_failed": now.failed,
        "error_percent": told.error_percent,
        "updates": told.updates,
        "health_looks": now.looks,
        "health_serving": now.serving,
        "criteria_lost_for_good": len(told.lost_for_good),
    }
    if told.rss_bytes >= 0:
        values |= {"connector_rss_bytes": told.rss_bytes, "connector_rss_grown_bytes": told.rss_grown_bytes}
    if told.runtime_units >= 0:
        values["connector_runtime_units"] = told.runtime_units
        values["connector_runtime_units_off_baseline"] = told.runtime_units_off
    if told.p50_ms >= 0:
        values |= {"latency_p50_ms": told.p50_ms, "latency_p99_ms": told.p99_ms}
    if told.harness_rss_bytes >= 0:
        values |= {"harness_rss_bytes": told.harness_rss_bytes, "harness_cpu_percent": told.harness_cpu_percent}
    return "".join(f"# TYPE nfr_soak_{name} gauge\nnfr_soak_{name} {value!r}\n" for name, value in values.items())
