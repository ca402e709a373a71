"""Start, await, stop and kill a `harness.client.follow` process."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from harness.client.channel import API_KEY_VARIABLE, Tls
from harness.evidence.clock import monotonic_s

STOP_LIMIT_S = 10.0
_STDERR_BYTES = 4096


@dataclass(frozen=True, slots=True)
class FollowEvent:
    """What the process said: event is opened, first or ended (then `code` is a gRPC status code name)."""

    event: str
    client: str
    stream: str
    t_ns: int
    code: str = ""


class Follower:
    """A follow process: `start`, then `wait_first`, then `stop` or `kill`. Leaving `async with` kills what still runs.

    `env` is the whole environment of the process; without it, it gets this process's own.
    """

    def __init__(
        self, address: str, *, names: Sequence[str], streams: Sequence[str], evidence: Path,
        symbols: Sequence[str] = (), interval: str = "", stall: bool = False, live_on_first: bool = False,
        tls: Tls | None = None, api_key: str | None = None, env: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        if isinstance(names, str) or isinstance(streams, str) or isinstance(symbols, str):
            raise TypeError("names, streams and symbols are sequences of strings, not strings")
        self.names = tuple(names)
        self.streams = tuple(streams)
        self.evidence = evidence
        self.events: list[FollowEvent] = []
        self._env = dict(os.environ if env is None else env)
        if api_key:  # in the environment: a command line is readable by every process of the machine
            self._env[API_KEY_VARIABLE] = api_key
        self._command = [
            sys.executable, "-m", "harness.client.follow", "--address", address, "--names", ",".join(names),
            "--streams", ",".join(streams), "--evidence", str(evidence),
            *(["--symbols", ",".join(symbols)] if symbols else []), *(["--interval", interval] if interval else []),
            *(["--stall"] if stall else []), *(["--live-on-first"] if live_on_first else []),
            *(["--tls-roots", str(tls.roots), "--tls-name", tls.server_name] if tls else []),
        ]  # fmt: skip
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._complaining: asyncio.Task[None] | None = None
        self._complaints = b""
        self._changed = asyncio.Event()
        self._silent = False

    async def __aenter__(self) -> Follower:
        """Start the process."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Kill the process if it still runs."""
        await self.kill()

    @property
    def pid(self) -> int:
        """Process id. RuntimeError before `start`."""
        return self._started().pid

    @property
    def returncode(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        return self._started().returncode

    @property
    def complaints(self) -> str:
        """The last 4 KiB of its standard error."""
        return self._complaints.decode(errors="replace")

    async def start(self) -> None:
        """Start the process; returns before it has subscribed."""
        if self._process is not None:
            raise RuntimeError(f"follower {','.join(self.names)} was started before")
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, stderr=pipe, env=self._env
        )
        self._reading = asyncio.create_task(self._read_events(self._process))
        self._complaining = asyncio.create_task(self._read_complaints(self._process))

    async def wait_first(self, limit_s: float) -> bool:
        """Whether every stream of every client has received its first message before `limit_s` is over.

        False at once when the process ends without: `complaints` then says why.
        """
        wanted = {(name, stream) for name in self.names for stream in self.streams}
        until_s = monotonic_s() + limit_s
        while True:
            if wanted <= {(one.client, one.stream) for one in self.events if one.event == "first"}:
                return True
            if self._process is None or self._silent:
                return False
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), max(0.0, until_s - monotonic_s()))
            except TimeoutError:
                return False

    async def stop(self, limit_s: float = STOP_LIMIT_S) -> int:
        """Ask the process to stop with its evidence flushed; returns its exit code. TimeoutError, and killed."""
        process = self._started()
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), limit_s)
        except TimeoutError:
            await self.kill()
            who = ",".join(self.names)
            raise TimeoutError(f"follower {who} did not stop in {limit_s:g} s and was killed") from None
        return await self._ended(process)

    def terminate(self) -> None:
        """SIGTERM: it stops as after `stop`, in its own time."""
        process = self._started()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()

    async def kill(self) -> int:
        """SIGKILL: no goodbye to the server, no flush. Returns the exit code."""
        process = self._started()
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        return await self._ended(process)

    def _started(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise RuntimeError(f"follower {','.join(self.names)} is not started")
        return self._process

    async def _ended(self, process: asyncio.subprocess.Process) -> int:
        readers = {task for task in (self._reading, self._complaining) if task is not None}
        await asyncio.wait(readers, timeout=STOP_LIMIT_S)
        if process.stdin is not None:
            process.stdin.close()
        assert process.returncode is not None
        return process.returncode

    async def _read_events(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        try:
            async for line in process.stdout:
                with suppress(ValueError, TypeError):  # a line cut by a kill, or another library's chatter
                    self.events.append(FollowEvent(**json.loads(line)))
                self._changed.set()
        finally:
            self._silent = True
            self._changed.set()

    async def _read_complaints(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while chunk := await process.stderr.read(_STDERR_BYTES):
            self._complaints = (self._complaints + chunk)[-_STDERR_BYTES:]
