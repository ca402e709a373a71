"""Introspection: what the process holds at the moment, as JSON and as a Prometheus page, on a port of its own."""

from __future__ import annotations

import asyncio
import os
import resource
import threading
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from harness.reference.connector.backends.backend import Backend
from harness.reference.connector.health import Health
from harness.reference.connector.hub import Hub

_PAGE_BYTES = resource.getpagesize()


@dataclass(frozen=True, slots=True)
class Holdings:
    """One look at the process. `runtime_units` = asyncio tasks + Python threads, without the looking itself.

    `os_threads` also counts the native pool inside the gRPC library, which grows and shrinks by its own rules.
    """

    runtime_units: int
    tasks: int
    threads: int
    os_threads: int
    descriptors: int
    sockets: int
    rss_bytes: int
    subscriptions: dict[str, int]
    subscriptions_total: int
    venue_subscriptions: int
    venue_sockets: int
    messages_delivered_total: int
    subscribers_cut_off_total: int
    serving: bool
    pid: int = field(default_factory=os.getpid)


class Introspection:
    """`GET /` or `/introspection` (JSON), `/tasks` (JSON: live tasks by name), `/metrics` (Prometheus text)."""

    def __init__(self, hub: Hub, backend: Backend, health: Health) -> None:
        self._hub = hub
        self._backend = backend
        self._health = health
        self._own_tasks: set[asyncio.Task[object]] = set()
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; `port` 0 takes any free one. Raises OSError when it is taken."""
        app = web.Application(middlewares=[self._mark_own])
        app.router.add_get("/", self._json)
        app.router.add_get("/introspection", self._json)
        app.router.add_get("/tasks", self._tasks)
        app.router.add_get("/metrics", self._prometheus)
        runner = web.AppRunner(app, access_log=None, keepalive_timeout=75)
        await runner.setup()
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner
        self.port = int(runner.addresses[0][1])

    async def close(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def look(self) -> Holdings:
        """Count everything now."""
        tasks = len(self._live_tasks())
        threads = threading.active_count()
        descriptors, sockets = _descriptors(len(self._connections()))
        subscriptions = self._hub.subscriptions()
        return Holdings(
            runtime_units=tasks + threads,
            tasks=tasks,
            threads=threads,
            os_threads=len(os.listdir("/proc/self/task")),
            descriptors=descriptors,
            sockets=sockets,
            rss_bytes=int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES,
            subscriptions=subscriptions,
            subscriptions_total=sum(subscriptions.values()),
            venue_subscriptions=self._hub.topics(),
            venue_sockets=self._backend.venue_sockets(),
            messages_delivered_total=self._hub.delivered,
            subscribers_cut_off_total=self._hub.cut_off,
            serving=self._health.is_serving,
        )

    def _connections(self) -> list[object]:
        server = self._runner.server if self._runner is not None else None
        return list(server.connections) if server is not None else []

    def _live_tasks(self) -> list[asyncio.Task[object]]:
        self._own_tasks = {task for task in self._own_tasks if not task.done()}
        return [task for task in asyncio.all_tasks() if task not in self._own_tasks and not _serves_a_page(task)]

    @web.middleware
    async def _mark_own(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        task = asyncio.current_task()
        if task is not None:
            self._own_tasks.add(task)
        return await handler(request)

    async def _json(self, _: web.Request) -> web.Response:
        return web.json_response(asdict(self.look()))

    async def _tasks(self, _: web.Request) -> web.Response:
        names = Counter(_task_name(task) for task in self._live_tasks())
        return web.json_response(dict(sorted(names.items())))

    async def _prometheus(self, _: web.Request) -> web.Response:
        holdings = asdict(self.look())
        lines = []
        for name, value in holdings.items():
            kind = "counter" if name.endswith("_total") and name != "subscriptions_total" else "gauge"
            metric = f"connector_{name}"
            if name == "subscriptions":
                lines.append(f"# TYPE {metric} {kind}")
                lines += [f'{metric}{{stream="{stream}"}} {count}' for stream, count in value.items()]
            else:
                lines += [f"# TYPE {metric} {kind}", f"{metric} {int(value)}"]
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")


def _serves_a_page(task: asyncio.Task[object]) -> bool:
    # aiohttp has one task per connection, and one per request inside it; only the latter passes the middleware.
    return getattr(task.get_coro(), "__qualname__", "") == "RequestHandler.start"


def _task_name(task: asyncio.Task[object]) -> str:
    name = task.get_name()
    if not name.startswith("Task-"):
        return name
    return str(getattr(task.get_coro(), "__qualname__", "?"))


def _descriptors(own_connections: int) -> tuple[int, int]:
    """Open descriptors and sockets, without the pages' own connections and the listing's own descriptor."""
    descriptors = sockets = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue  # the descriptor of the listing itself, already closed
        descriptors += 1
        sockets += target.startswith("socket:")
    return descriptors - own_connections, sockets - own_connections
