"""Wait until a service is ready, by gRPC health or its HTTP page, by our own polling: no probe binary and no library's
idea of ready."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from harness.client.channel import OPEN, Access, metadata, open_channel
from harness.evidence.clock import monotonic_s, now_ns
from harness.target.errors import TargetError
from harness.wire.opensqt.market_maker.v1 import exchange_pb2, exchange_pb2_grpc

POLL_S = 0.05
ASK_LIMIT_S = 1.0
SERVING = "SERVING"
OK = "200"
HOW_TO_REACH = "give the host:port of its gRPC port, and what it demands (TLS, a key) as `access` in the profile"


@dataclass(frozen=True, slots=True)
class Ready:
    """When the service was first seen SERVING, and when it last was not (0: it was at the first look)."""

    t_ns: int
    earliest_ns: int


async def ask_health(address: str, service: str = "", limit_s: float = ASK_LIMIT_S, access: Access = OPEN) -> str:
    """One health check: SERVING, NOT_SERVING, … or the gRPC code of the failure.

    Over a connection of its own: a shared one would sit out gRPC's back-off after the first refusal.
    """
    async with open_channel(address, access.tls) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        asks = health_pb2.HealthCheckRequest(service=service)
        try:
            reply = await stub.Check(asks, timeout=limit_s, metadata=metadata(access.api_key))
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status))


async def ask_name(address: str, limit_s: float = ASK_LIMIT_S, access: Access = OPEN) -> str:
    """GetName over a fresh connection. Raises grpc.aio.AioRpcError."""
    async with open_channel(address, access.tls) as channel:
        stub = exchange_pb2_grpc.ExchangeServiceStub(channel)  # type: ignore[no-untyped-call]
        reply = await stub.GetName(exchange_pb2.GetNameRequest(), timeout=limit_s, metadata=metadata(access.api_key))
        return str(reply.name)


async def check_admission(name: str, address: str, access: Access) -> None:
    """TargetError when a connector that serves wants another API key: health may be for everybody, GetName is not."""
    try:
        await ask_name(address, access=access)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise TargetError(
                f"{name} serves at {address} and refuses the harness (UNAUTHENTICATED): give a key that it takes as "
                "`access: {api_key: …}` in the profile"
            ) from None


async def ask_page(address: str, path: str, limit_s: float = ASK_LIMIT_S) -> str:
    """One GET over a fresh connection: the status (200, 503, …), or why there is none."""
    host, _, port = address.rpartition(":")
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(limit_s):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n".encode())
            words = (await reader.readline()).decode("latin-1").split()
    except TimeoutError:
        return f"no answer within {limit_s:g} s"
    except (OSError, ValueError) as error:  # ValueError: a line without end
        return getattr(error, "strerror", "") or type(error).__name__
    finally:
        if writer is not None:
            writer.close()
    return words[1] if len(words) > 1 and words[0].startswith("HTTP/") else "no HTTP answer"


async def until_serving(
    address: str, limit_s: float, gone: Callable[[], bool], service: str = "", access: Access = OPEN
) -> tuple[Ready | None, str]:
    """Ask gRPC health every 50 ms. Returns (Ready, "SERVING"), or (None, the last answer) after `limit_s` or once
    `gone()`."""
    return await _until(SERVING, lambda left_s: ask_health(address, service, left_s, access), limit_s, gone)


async def until_page(address: str, path: str, limit_s: float, gone: Callable[[], bool]) -> tuple[Ready | None, str]:
    """The same for an HTTP page that is to answer 200."""
    return await _until(OK, lambda left_s: ask_page(address, path, left_s), limit_s, gone)


async def _until(
    wanted: str, ask: Callable[[float], Awaitable[str]], limit_s: float, gone: Callable[[], bool]
) -> tuple[Ready | None, str]:
    end_s = monotonic_s() + limit_s
    earliest_ns, answer = 0, "no answer"
    while not gone():
        left_s = end_s - monotonic_s()
        if left_s <= 0:
            break
        asked_ns = now_ns()
        answer = await ask(min(ASK_LIMIT_S, left_s))
        if answer == wanted:
            return Ready(now_ns(), earliest_ns), answer
        earliest_ns = asked_ns
        await asyncio.sleep(min(POLL_S, max(0.0, end_s - monotonic_s())))
    return None, answer
