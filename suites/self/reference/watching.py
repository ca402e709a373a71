"""A live server as its own process, and WebSocket clients of it that read in a thread."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from .launched import Connector

QUIET_S = 0.4
"""Long enough for a message too many to arrive, had there been one."""


class LiveServer(Connector):
    """`with LiveServer(connector.address) as server`: started and, unless told otherwise, live."""

    def __init__(self, address: str, env: dict[str, str] | None = None, *, live: bool = True) -> None:
        super().__init__(wait=live)
        self._env = {"EXCHANGE_TYPE": "remote", "EXCHANGE_GRPC_ADDRESS": address, "PORT": "0"} | (env or {})

    def __enter__(self) -> LiveServer:
        clean = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "PYTHONPATH")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.reference.live_server"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=clean | {"NO_PROXY": "*"} | self._env,
            cwd=Path(__file__).parents[3],
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            if self._wait:
                self.line("following")
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def http_port(self) -> int:
        """Where it serves; waits for its line."""
        return int(self.line("serving").fields["port"])

    def get(self, path: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and body of one request, whatever the status is."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}")
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as reply:
                return reply.status, dict(reply.headers), reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers), error.read().decode()

    def health(self) -> tuple[int, dict[str, Any]]:
        """Status and JSON of /health."""
        code, _, body = self.get("/health")
        return code, json.loads(body)

    def health_becomes(self, status: str, limit_s: float = 10.0) -> tuple[int, dict[str, Any]]:
        """Wait until /health says so."""
        end_s = time.monotonic() + limit_s
        while (seen := self.health())[1]["status"] != status:
            assert time.monotonic() < end_s, f"still {seen} and not {status}"
            time.sleep(0.05)
        return seen


class Watcher:
    """A WebSocket client that keeps every text it is sent, in order."""

    def __init__(self, server: LiveServer) -> None:
        self._url = f"http://127.0.0.1:{server.http_port}/ws"
        self._grown = threading.Condition()
        self.texts: list[str] = []
        self.close_code: int | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        self.until(lambda: bool(self.texts))
        return self

    def __exit__(self, *_: object) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(5)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._task = self._loop.create_task(self._read())
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())

    async def _read(self) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(self._url) as socket:
            async for message in socket:
                with self._grown:
                    self.texts.append(message.data)
                    self._grown.notify_all()
            with self._grown:
                self.close_code = socket.close_code
                self._grown.notify_all()

    def until(self, condition: Callable[[], bool], limit_s: float = 10.0) -> None:
        """Wait until it holds; it is looked at after every message."""
        with self._grown:
            assert self._grown.wait_for(condition, limit_s), "\n".join(one[:300] for one in self.texts[-20:])

    def of(self, kind: str, since: int = 0) -> list[dict[str, Any]]:
        """The data of the messages of a type, from that number of texts on."""
        messages = [json.loads(one) for one in self.texts[since:]]
        return [one["data"] for one in messages if one["type"] == kind]

    def quiet(self) -> int:
        """How many texts there are once no more come."""
        while True:
            count = len(self.texts)
            time.sleep(QUIET_S)
            if len(self.texts) == count:
                return count

    def open_orders(self) -> dict[int, dict[str, Any]]:
        """As a page would show them: what history and orders messages add up to."""
        shown: dict[int, dict[str, Any]] = {}
        for message in map(json.loads, list(self.texts)):
            if message["type"] == "history":
                shown = {}
            if message["type"] == "orders":
                shown.pop(message["data"]["order_id"], None)
                if message["data"]["status"] in ("NEW", "PARTIALLY_FILLED"):
                    shown[message["data"]["order_id"]] = message["data"]
        return shown
