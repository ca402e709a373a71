"""A connector as its own process, and what it logged, for the tests of this folder."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from harness.wire.opensqt.market_maker.v1 import exchange_pb2_grpc

START_LIMIT_S = 20.0
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\t(DEBUG|INFO|WARN|ERROR|FATAL)\t([^\t]+)(?:\t(\{.*\}))?$")


@dataclass(frozen=True)
class LogLine:
    """One parsed line of the connector's log."""

    level: str
    message: str
    fields: dict[str, Any]


class Connector:
    """`with Connector(env={...}) as connector`: started, serving, and gone at the end."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None, wait: bool = True) -> None:
        self._arguments = arguments
        self._env = {"EXCHANGE": "mock", "PORT": "0", "INTROSPECTION_PORT": "0"} | (env or {})
        self._wait = wait
        self._new_line = threading.Condition()
        self.lines: list[str] = []

    def __enter__(self) -> Connector:
        clean = {key: value for key, value in os.environ.items() if key in ("PATH", "HOME", "PYTHONPATH")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.reference.connector", *self._arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=clean | {"NO_PROXY": "*"} | {key: value for key, value in self._env.items() if value != "-"},
            cwd=Path(__file__).parents[3],
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            if self._wait:
                serving = self.line("serving")
                self.port = int(serving.fields["port"])
                self.introspection_port = int(serving.fields["introspection_port"])
                self.address = f"localhost:{self.port}"
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        self._reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._new_line:
                self.lines.append(line.rstrip("\n"))
                self._new_line.notify_all()
        with self._new_line:
            self._new_line.notify_all()

    @property
    def output(self) -> str:
        """Everything printed so far."""
        return "\n".join(self.lines)

    def log(self) -> list[LogLine]:
        """The parsed lines; a line in another form is an error."""
        parsed = []
        for line in list(self.lines):
            match = LINE.match(line)
            assert match, f"not a log line: {line!r}"
            parsed.append(LogLine(match[1], match[2], json.loads(match[3] or "{}")))
        return parsed

    def line(self, start: str, limit_s: float = START_LIMIT_S) -> LogLine:
        """Wait for a log line whose message starts so."""
        end_s = time.monotonic() + limit_s
        with self._new_line:
            while True:
                for line in self.lines:
                    match = LINE.match(line)
                    if match and match[2].startswith(start):
                        return LogLine(match[1], match[2], json.loads(match[3] or "{}"))
                left_s = end_s - time.monotonic()
                if left_s <= 0 or (self.process.poll() is not None and not self._reader.is_alive()):
                    raise AssertionError(f"no line {start!r} in:\n{self.output}")
                self._new_line.wait(min(left_s, 0.5))

    def exit_code(self, limit_s: float = 30.0) -> int:
        """Wait until it has ended by itself, its output read to the end."""
        code = self.process.wait(limit_s)
        self._reader.join(5)
        return code

    def stop(self, number: signal.Signals = signal.SIGTERM, limit_s: float = 6.0) -> int:
        """Send the signal; the exit code."""
        self.process.send_signal(number)
        return self.exit_code(limit_s)

    def channel(self) -> grpc.Channel:
        """A plaintext channel."""
        return grpc.insecure_channel(self.address)

    def look(self, page: str = "introspection") -> dict[str, Any]:
        """The introspection page, each time over a connection of its own."""
        url = f"http://127.0.0.1:{self.introspection_port}/{page}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as reply:
            found: dict[str, Any] = json.load(reply)
            return found

    def settles(self, name: str, value: int, limit_s: float = 5.0) -> int:
        """Wait until an introspection number has this value; the last one seen."""
        end_s = time.monotonic() + limit_s
        while (seen := int(self.look()[name])) != value and time.monotonic() < end_s:
            time.sleep(0.05)
        return seen

    def at_rest(self, name: str, for_s: float = 1.0, limit_s: float = 15.0) -> int:
        """Wait until an introspection number has stayed the same so long; its value."""
        seen = int(self.look()[name])
        since_s = began_s = time.monotonic()
        while (now_s := time.monotonic()) - since_s < for_s:
            assert now_s - began_s < limit_s, f"{name} never comes to rest"
            time.sleep(0.05)
            if (latest := int(self.look()[name])) != seen:
                seen, since_s = latest, now_s
        return seen


def stub(channel: grpc.Channel) -> Any:
    """The contract's stub (generated code has no types)."""
    return exchange_pb2_grpc.ExchangeServiceStub(channel)  # type: ignore[no-untyped-call]
