"""One verified connection to a connector: its channel, who still uses it, and when it was lost."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from grpc import aio

from harness.client.channel import Metadata
from harness.client.methods import GET_NAME, GET_TYPE, Method, Reply, Request
from harness.client.requests import StreamRequest
from harness.evidence.clock import monotonic_s
from harness.wire.opensqt.market_maker.v1 import exchange_pb2

CLOSE_LIMIT_S = 2.0

# grpc's own types say Any for a stream's bytes; ours are bytes in, bytes out.
RawStream = aio.UnaryStreamCall[bytes, bytes]


class Link:
    """Owns one channel. `release` closes it once it is retired and no stream reads from it any more."""

    def __init__(self, channel: aio.Channel, metadata: Metadata) -> None:
        self._channel = channel
        self._metadata = metadata
        self._unary: dict[str, Any] = {}
        self._streams = 0
        self._retired = False
        self.closed = False

    @property
    def ready(self) -> bool:
        """Whether the channel has its connection now."""
        return self._channel.get_state() is grpc.ChannelConnectivity.READY

    async def verify(self, limit_s: float) -> None:
        """GetName and GetType, both within `limit_s`. AioRpcError when either fails."""
        until_s = monotonic_s() + limit_s
        await self.unary(GET_NAME, exchange_pb2.GetNameRequest(), limit_s)
        await self.unary(GET_TYPE, exchange_pb2.GetTypeRequest(), max(0.0, until_s - monotonic_s()))

    async def unary(self, method: Method[Request, Reply], request: Request, deadline_s: float) -> Reply:
        """One unary call. AioRpcError when it fails."""
        invoke = self._unary.get(method.name)
        if invoke is None:
            invoke = self._channel.unary_unary(
                method.path, request_serializer=method.serialise, response_deserializer=method.parse
            )
            self._unary[method.name] = invoke
        reply: Reply = await invoke(request, timeout=deadline_s, metadata=self._metadata)
        return reply

    def stream(self, request: StreamRequest) -> RawStream:
        """Open a server stream of raw payloads; pair it with `release`."""
        self._streams += 1
        invoke: aio.UnaryStreamMultiCallable[bytes, bytes] = self._channel.unary_stream(request.path)
        return invoke(request.payload, metadata=self._metadata)

    async def release(self) -> None:
        """One stream is over."""
        self._streams -= 1
        if self._retired and not self._streams:
            await self.close()

    async def retire(self) -> None:
        """Another link has taken over: close this one as soon as its last stream is over.

        A server that shuts down gracefully lets open streams finish, so they are not cut here.
        """
        self._retired = True
        if not self._streams:
            await self.close()

    async def lost(self) -> None:
        """Return when the connection is gone; a channel without a connection is lost already."""
        if self.ready:
            await self._channel.wait_for_state_change(grpc.ChannelConnectivity.READY)

    async def close(self) -> None:
        """Close the channel, ending what still runs on it."""
        if not self.closed:
            await asyncio.wait_for(self._channel.close(), CLOSE_LIMIT_S)
            self.closed = True
