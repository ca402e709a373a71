"""Ask and watch the standard gRPC health service of a connector, and write down when its answer changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import MappingProxyType, TracebackType

import grpc
from grpc import aio
from grpc_health.v1 import health_pb2

from harness.client.channel import Tls, metadata, open_channel
from harness.client.methods import SERVICE
from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.records import Mark, Record

OVERALL = ""
"""Name of the overall health service; harness.client.methods.SERVICE is the specific one."""

_CHECK = "/grpc.health.v1.Health/Check"
_WATCH = "/grpc.health.v1.Health/Watch"
CANCEL_LIMIT_S = 2.0


def _discard(record: Record) -> None:
    """For callers who want the answer only."""


class HealthWatch:
    """One Watch stream: `statuses` in order of arrival, and `code` once the stream is over."""

    def __init__(self) -> None:
        self.statuses: list[str] = []
        self.code = ""
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def follow(self, channel: aio.Channel, request: health_pb2.HealthCheckRequest, told: Callable[[str], None]) -> None:
        """Start reading the stream; `told` is called with each status."""
        self._task = asyncio.get_running_loop().create_task(self._read(channel, request, told))

    async def wait_for(self, status: str, limit_s: float) -> bool:
        """Whether `status` is the latest one before `limit_s` is over."""
        until_s = monotonic_s() + limit_s
        while not self.statuses or self.statuses[-1] != status:
            self._changed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), max(0.0, until_s - monotonic_s()))
                continue
            return bool(self.statuses) and self.statuses[-1] == status
        return True

    async def cancel(self) -> None:
        """End the stream; no further status is told after this returns."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CANCEL_LIMIT_S)

    async def _read(
        self, channel: aio.Channel, request: health_pb2.HealthCheckRequest, told: Callable[[str], None]
    ) -> None:
        open_watch: aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(_WATCH)
        call = open_watch(request.SerializeToString())
        try:
            async for raw in call:
                status = _status_name(raw)
                self.statuses.append(status)
                self._changed.set()
                told(status)
            self.code = "OK"
        except aio.AioRpcError as error:
            self.code = error.code().name
            told(self.code)
        finally:
            call.cancel()


class Health:
    """The health service at `address`; an async context manager. `poll_s` is the step of `until`."""

    def __init__(
        self, address: str, *, name: str = "health", record: Callable[[Record], None] = _discard,
        api_key: str | None = None, tls: Tls | None = None, poll_s: float = 0.05, deadline_s: float = 1.0,
    ) -> None:  # fmt: skip
        self.address = address
        self.name = name
        self._record = record
        self._metadata = metadata(api_key)
        self._tls = tls
        self._poll_s = poll_s
        self._deadline_s = deadline_s
        self._channel: aio.Channel | None = None
        self._watches: list[tuple[HealthWatch, aio.Channel]] = []

    async def __aenter__(self) -> Health:
        """Nothing is dialled until something is asked."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """End all watches and the connection."""
        for watch, channel in self._watches:
            await watch.cancel()
            await channel.close()
        self._watches.clear()
        await self._drop_channel()

    async def check(self, service: str = OVERALL) -> str:
        """The service's status name (SERVING, NOT_SERVING …), or the code's name when the call fails (NOT_FOUND …)."""
        if self._channel is None:
            self._channel = open_channel(self.address, self._tls)
        ask: aio.UnaryUnaryMultiCallable[bytes, bytes] = self._channel.unary_unary(_CHECK)
        request = health_pb2.HealthCheckRequest(service=service).SerializeToString()
        try:
            return _status_name(await ask(request, timeout=self._deadline_s, metadata=self._metadata))
        except aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
                # A channel that failed answers from memory for a while: the next check must dial again.
                await self._drop_channel()
            return error.code().name

    def watch(self, service: str = OVERALL, on_change: Callable[[str], None] | None = None) -> HealthWatch:
        """Follow the service's status on a stream of its own; each change is the mark health.watched."""

        def told(status: str) -> None:
            self._mark("health.watched", now_ns(), 0, {"service": service, "status": status})
            if on_change is not None:
                on_change(status)

        watch, channel = HealthWatch(), open_channel(self.address, self._tls)
        self._watches.append((watch, channel))
        watch.follow(channel, health_pb2.HealthCheckRequest(service=service), told)
        return watch

    async def until(
        self, status: str, limit_s: float, *, service: str = OVERALL, mark: str = "", since_ns: int = 0,
        detail: Mapping[str, str] = MappingProxyType({}),
    ) -> bool:  # fmt: skip
        """Check every `poll_s` until the answer is `status` (a status or a code name); False after `limit_s`.

        Records `mark` (default health.<status>) with earliest_ns: the start of the last check that said
        otherwise; when the first one says so at once, `since_ns` or else the start of this call.
        """
        earliest_ns = since_ns or now_ns()
        until_s = monotonic_s() + limit_s
        while True:
            asked_ns = now_ns()
            answer = await self.check(service)
            if answer == status:
                about = {"service": service, **detail}
                self._mark(mark or f"health.{status.lower()}", now_ns(), earliest_ns, about)
                return True
            earliest_ns = asked_ns
            if monotonic_s() + self._poll_s > until_s:
                return False
            await asyncio.sleep(self._poll_s)

    async def _drop_channel(self) -> None:
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close()

    def _mark(self, name: str, t_ns: int, earliest_ns: int, detail: Mapping[str, str]) -> None:
        self._record(Mark(t_ns, name, MappingProxyType({"client": self.name, **detail}), earliest_ns))


def _status_name(raw: bytes) -> str:
    status = health_pb2.HealthCheckResponse.FromString(raw).status
    known = health_pb2.HealthCheckResponse.ServingStatus.DESCRIPTOR.values_by_number.get(status)
    return str(status) if known is None else str(known.name)


__all__ = ["OVERALL", "SERVICE", "Health", "HealthWatch"]
