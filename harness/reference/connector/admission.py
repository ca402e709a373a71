"""API keys and the rate limit per key, checked before any call reaches the service."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc

KEY_METADATA = "x-api-key"
HEALTH_PREFIX = "/grpc.health.v1.Health/"
"""Health is open to everybody, as orchestrators and load balancers hold no keys; it tells nothing but up or down."""


@dataclass
class _Bucket:
    tokens: float
    filled_s: float


class Admission(grpc.aio.ServerInterceptor):
    """UNAUTHENTICATED without a listed key, RESOURCE_EXHAUSTED above `rate_per_s` calls of one key.

    With no keys configured the door is open and one bucket counts for everybody; rate 0 means no limit. A key may use
    one second's worth of calls at once.
    """

    def __init__(self, keys: Sequence[str], rate_per_s: int) -> None:
        self._keys = [key.encode() for key in keys]
        self._rate_per_s = rate_per_s
        now_s = time.monotonic()
        self._buckets = {key: _Bucket(rate_per_s, now_s) for key in [*keys, ""]}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Pass the call on, or answer it here."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(HEALTH_PREFIX):
            return handler
        key = ""
        for name, value in handler_call_details.invocation_metadata or ():
            if name == KEY_METADATA and isinstance(value, str):
                key = value
        if self._keys and not any(hmac.compare_digest(key.encode(), known) for known in self._keys):
            return _refusing(handler, grpc.StatusCode.UNAUTHENTICATED, f"missing or wrong {KEY_METADATA}")
        if not self._take(key if self._keys else ""):
            reason = f"more than {self._rate_per_s} calls/s with this key"
            return _refusing(handler, grpc.StatusCode.RESOURCE_EXHAUSTED, reason)
        return handler

    def _take(self, key: str) -> bool:
        if not self._rate_per_s:
            return True
        bucket, now_s = self._buckets[key], time.monotonic()
        bucket.tokens = min(self._rate_per_s, bucket.tokens + (now_s - bucket.filled_s) * self._rate_per_s)
        bucket.filled_s = now_s
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _refusing(
    handler: grpc.RpcMethodHandler[Any, Any], code: grpc.StatusCode, reason: str
) -> grpc.RpcMethodHandler[Any, Any]:
    async def refuse(_: object, context: grpc.aio.ServicerContext[Any, Any]) -> None:
        await context.abort(code, reason)

    if handler.response_streaming:
        return grpc.unary_stream_rpc_method_handler(refuse)
    return grpc.unary_unary_rpc_method_handler(refuse)
