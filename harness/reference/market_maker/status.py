"""The pages: /health for whoever starts this process, /status with the state of every component."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

CLOSE_LIMIT_S = 0.5


class Pages:
    """Two pages over HTTP. `health` returns whether the process is live, and what it says about itself."""

    def __init__(self, health: Callable[[], tuple[bool, str]], status: Callable[[], dict[str, Any]]) -> None:
        self._health = health
        self._status = status
        app = web.Application()
        app.add_routes([web.get("/health", self._on_health), web.get("/status", self._on_status)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_LIMIT_S)

    async def start(self, port: int) -> int:
        """Listen on all addresses; the port. Raises OSError."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, "0.0.0.0", port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def close(self) -> None:
        """Answer nothing more."""
        await self._runner.cleanup()

    async def _on_health(self, _: web.Request) -> web.Response:
        is_live, word = self._health()
        return web.json_response({"status": word}, status=200 if is_live else 503)

    async def _on_status(self, _: web.Request) -> web.Response:
        return web.json_response(self._status())
