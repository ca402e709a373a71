"""grpc.health.v1: the overall and the service's own status, with Watch."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc_health.v1 import health_pb2

SERVICE = "opensqt.market_maker.v1.ExchangeService"
NAMES = ("", SERVICE)
Status = health_pb2.HealthCheckResponse.ServingStatus
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
Context = grpc.aio.ServicerContext[Any, Any]


class Health:
    """Both names share one status: this process serves one service over one venue."""

    def __init__(self) -> None:
        self._is_serving = False
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def is_serving(self) -> bool:
        """What Check says now."""
        return self._is_serving

    def set(self, is_serving: bool) -> bool:
        """Change the status; True when it did change."""
        if is_serving == self._is_serving or self._closed:
            return False
        self._is_serving = is_serving
        self._tell()
        return True

    def close(self) -> None:
        """NOT_SERVING for good; every Watch ends after saying so."""
        self._is_serving = False
        self._closed = True
        self._tell()

    def rpcs(self) -> grpc.GenericRpcHandler:
        """The two RPCs, to be added to a server."""
        request, reply = health_pb2.HealthCheckRequest.FromString, health_pb2.HealthCheckResponse.SerializeToString
        return grpc.method_handlers_generic_handler(
            "grpc.health.v1.Health",
            {
                "Check": grpc.unary_unary_rpc_method_handler(self._check, request, reply),
                "Watch": grpc.unary_stream_rpc_method_handler(self._watch, request, reply),
            },
        )

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _status(self) -> health_pb2.HealthCheckResponse:
        return health_pb2.HealthCheckResponse(status=_SERVING if self._is_serving else _NOT_SERVING)

    async def _check(self, request: health_pb2.HealthCheckRequest, context: Context) -> Any:
        if request.service not in NAMES:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"unknown service {request.service[:80]!r}")
        return self._status()

    async def _watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        if request.service not in NAMES:
            # The protocol wants Watch to stay open here: the service may be registered later.
            await context.write(health_pb2.HealthCheckResponse(status=_UNKNOWN))
            while not self._closed:
                await self._changed.wait()
            return
        last: bool | None = None
        while True:
            changed = self._changed
            if self._is_serving != last:
                last = self._is_serving
                await context.write(self._status())
                continue
            if self._closed:
                return
            await changed.wait()
