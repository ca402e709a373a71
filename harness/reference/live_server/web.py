"""The HTTP side: health, the page and the WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import socket
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, web

from harness.reference.live_server.audience import Audience, Client

PAGE = Path(__file__).with_name("page.html")
HEARTBEAT_S = 30.0
"""A client that does not answer a ping within half of this is gone."""
CLOSE_LIMIT_S = 5.0
"""How long a client that was cut off may take to fetch its close frame."""
LAST_CLOSE_LIMIT_S = 1.0
_MAX_RECEIVED_BYTES = 4096
"""Nothing that clients send is of any use."""
_SEND_BUFFER_BYTES = 64 * 1024
"""A large one would hide for minutes that a client has stopped reading."""
State = Callable[[], str]
HEALTHY = frozenset({"ok", "reconnecting"})


class Web:
    """`state` is asked for /health: ok or reconnecting give 200, anything else 503."""

    def __init__(self, audience: Audience, state: State) -> None:
        self._audience = audience
        self._state = state
        self._page = PAGE.read_text(encoding="utf-8")
        self._policy = _policy(self._page)
        self._runner: web.AppRunner | None = None
        self._last_call = asyncio.Event()
        self.port = 0

    async def start(self, port: int) -> None:
        """Listen on all interfaces. Raises OSError when the port cannot be opened."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/health", self._health),
                web.get("/", self._show),
                web.get("/live", self._show),
                web.get("/ws", self._follow),
            ]
        )
        listening = _listening(port)
        self.port = listening.getsockname()[1]
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=LAST_CLOSE_LIMIT_S)
        await self._runner.setup()
        await web.SockSite(self._runner, listening).start()

    async def close(self) -> None:
        """Every client gets close code 1001; those who do not take it within 1 s are dropped."""
        self._last_call.set()
        self._audience.end_all(WSCloseCode.GOING_AWAY, "server is shutting down")
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        state = self._state()
        body = {"status": state, "clients": len(self._audience), "time": time.time_ns() // 1_000_000}
        return web.json_response(body, status=200 if state in HEALTHY else 503, headers={"Cache-Control": "no-store"})

    async def _show(self, _: web.Request) -> web.Response:
        headers = {
            "Content-Security-Policy": self._policy,
            "Cache-Control": "no-cache",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        return web.Response(text=self._page, content_type="text/html", headers=headers)

    async def _follow(self, request: web.Request) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            # Otherwise any page in the operator's browser could read the account.
            return web.Response(status=403, text="This WebSocket is for the page of this server only.\n")
        socket_ = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, timeout=CLOSE_LIMIT_S, compress=False, max_msg_size=_MAX_RECEIVED_BYTES
        )
        await socket_.prepare(request)
        client = Client(request.remote or "?")
        if self._last_call.is_set():
            client.end(WSCloseCode.GOING_AWAY, "server is shutting down")
        self._audience.join(client)
        try:
            await self._attend(client, socket_)
        finally:
            self._audience.leave(client)
            if not socket_.closed and request.transport is not None:
                request.transport.abort()
        return socket_

    async def _attend(self, client: Client, socket_: web.WebSocketResponse) -> None:
        """Send and read until one side has enough."""
        sending = asyncio.create_task(_send(client, socket_))
        reading = asyncio.create_task(_read(socket_))
        ended = asyncio.create_task(client.ended.wait())
        tasks = {sending, reading, ended}
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if client.ended.is_set():
                sending.cancel()
                limit_s = LAST_CLOSE_LIMIT_S if self._last_call.is_set() else CLOSE_LIMIT_S
                with contextlib.suppress(TimeoutError, ConnectionError):
                    async with asyncio.timeout(limit_s):
                        await socket_.close(code=client.close_code, message=client.close_reason.encode())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _send(client: Client, socket_: web.WebSocketResponse) -> None:
    while True:
        await socket_.send_str(await client.next())


async def _read(socket_: web.WebSocketResponse) -> None:
    async for _ in socket_:
        pass


def _listening(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        with contextlib.suppress(OSError):
            return _sized(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True))
    return _sized(socket.create_server(("0.0.0.0", port)))


def _sized(listening: socket.socket) -> socket.socket:
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)  # accepted sockets inherit it
    return listening


def _policy(page: str) -> str:
    """The page's own style and script, its own WebSocket, and nothing else."""

    def allowed(tag: str) -> str:
        found = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        return " ".join(f"'sha256-{b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in found)

    return (
        f"default-src 'none'; style-src {allowed('style')}; script-src {allowed('script')}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
