"""The venue's listener: one port for REST and WebSocket on every path; transport faults bite here."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket as sockets
import struct
import time
from dataclasses import replace
from typing import cast

from aiohttp import WSMsgType, web

from harness.venue.core.disturbances import spoiled
from harness.venue.core.faults import Fault, FaultKind, Scope
from harness.venue.core.hub import PING, PONG, Socket, frame
from harness.venue.core.refusal import Reason
from harness.venue.dialects.dialect import Call, Dialect, Reply
from harness.venue.venue import Venue

MAX_BODY_BYTES = 1024 * 1024
MAX_FRAME_BYTES = 1024 * 1024
HANG_S = 600.0
"""What never answers still ends some day."""
SWEEP_S = 5.0
NO_IDLE_CUT = "idle cut-off timers"
"""The lenient row that switches them off."""
HTML = b"<html><head><title>%d</title></head><body><h1>%d</h1></body></html>"


class TcpWire:
    """The TCP side of one WebSocket."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        """Hand it to the kernel, or to the transport's buffer."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def buffered_bytes(self) -> int:
        """Not yet taken by the client."""
        return self._transport.get_write_buffer_size()

    def end(self, how: str) -> None:
        """FIN, RST, or fall silent."""
        if how == "black_hole":
            with contextlib.suppress(RuntimeError):
                self._transport.pause_reading()
        elif how == "reset":
            reset(self._transport)
        else:
            self._transport.close()


def reset(transport: asyncio.BaseTransport | None) -> None:
    """End a connection with RST instead of FIN."""
    if transport is None:
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    cast(asyncio.WriteTransport, transport).abort()


class VenueServer:
    """Serves one venue through one dialect."""

    def __init__(self, venue: Venue, dialect: Dialect) -> None:
        self._venue = venue
        self._dialect = dialect
        self._server = web.Server(self._serve, access_log=None, handler_cancellation=False)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=0.5)
        self._prefix = re.compile(f"^.*?(?=/(?:{'|'.join(dialect.roots)})/)")
        self._sweeper: asyncio.Task[None] | None = None
        self.port = 0

    async def start(self, host: str, port: int) -> None:
        """Listen; OSError when the port is taken."""
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=1024)
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._sweeper = asyncio.create_task(self._sweep(), name="keepalive")

    async def stop(self) -> None:
        """End every connection and the listener."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for socket in list(self._venue.hub.sockets.values()):
            socket.end("close")
        await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        arrived_ns = time.time_ns()
        path = re.sub(r"/{2,}", "/", request.raw_path.partition("?")[0])
        query = request.raw_path.partition("?")[2]
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._socket(request, path, query)
        native = self._prefix.sub("", path, count=1)
        raw_path = request.raw_path.partition("?")[0]
        call = Call(request.method, native, query, b"", request.headers, raw_path, arrived_ns)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            reply = self._dialect.refused(Reason.ILLEGAL_PARAMETER, "body")
            self._count(call, self._dialect.key_of(call), reply, 413)
            return self._response(reply, 413)
        return await self._rest(request, replace(call, body=body) if body else call)

    # -- REST -----------------------------------------------------------------------------------

    async def _rest(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        dialect, faults = self._dialect, self._venue.faults
        key = dialect.key_of(call)
        where = Scope(call.path, call.method, "", key, dialect.symbol_of(call) if faults.standing else "")
        subject = f"{call.method} {call.path}"
        instead = await self._before(request, where, subject)
        if instead is None:
            faults.request = where
            reply = dialect.answer(call)
            if faults.standing:
                text = spoiled(faults, reply.body.decode(), (where,), subject)
                reply = replace(reply, body=text.encode())
            late = self._fires(FaultKind.DELAY, where, subject, ("after",))
            if late is not None:
                await asyncio.sleep(min(late.knob.delay_s, HANG_S))
            if reply.booked and (cut := faults.fires(FaultKind.EOF_AFTER_ACCEPT, where, subject)) is not None:
                _end(request, cut.knob.how)
                self._count(call, key, reply, 0)
                return web.Response(status=reply.status)
            mangled = self._fires(FaultKind.HTTP_STATUS, where, subject, ("truncated", "empty"))
            if mangled is not None:
                reply = Reply(mangled.knob.status or 200, b"" if mangled.knob.how == "empty" else reply.body[:-7], "")
        elif isinstance(instead, Reply):
            reply = instead
        else:
            self._count(call, key, Reply(0, b""), 0)
            return instead
        self._count(call, key, reply, reply.status)
        return self._response(reply)

    async def _before(self, request: web.BaseRequest, where: Scope, subject: str) -> Reply | web.Response | None:
        """What a fault puts in the place of an answer; the core then hears nothing of the request."""
        faults = self._venue.faults
        if not faults.standing:
            return None
        slow = self._fires(FaultKind.DELAY, where, subject, ("", "before"))
        if slow is not None:
            await asyncio.sleep(min(slow.knob.delay_s, HANG_S))
        if faults.fires(FaultKind.MAINTENANCE, where, subject) is not None:
            return self._dialect.refused(Reason.MAINTENANCE)
        refuse = faults.fires(FaultKind.REFUSE, where, subject)
        if refuse is not None and refuse.knob.how in ("", "503"):
            return _page(refuse.knob.status or 503)
        if refuse is not None:
            if refuse.knob.how == "hang":
                await asyncio.sleep(HANG_S)
            _end(request, refuse.knob.how)
            return web.Response(status=503)
        error = faults.fires(FaultKind.NATIVE_ERROR, where, subject)
        if error is not None and error.knob.how:
            return self._dialect.refused(Reason(error.knob.how), where.path)
        if error is not None:
            return self._dialect.error(error.knob.code, error.knob.message or "simulated", error.knob.status)
        status = self._fires(FaultKind.HTTP_STATUS, where, subject, ("", "html", "json"))
        if status is None:
            return None
        code, after_s = status.knob.status or 500, status.knob.retry_after_s
        page = Reply(code, b"{}") if status.knob.how == "json" else _page(code)
        return page if after_s is None else replace(page, headers={"Retry-After": str(after_s)})

    def _fires(self, kind: FaultKind, where: Scope, subject: str, hows: tuple[str, ...]) -> Fault | None:
        return self._venue.faults.fires(kind, where, subject, hows)

    def _count(self, call: Call, key: str, reply: Reply, status: int) -> None:
        self._venue.meters.request(call.method, call.path, key, status, reply.code, call.arrived_ns)

    def _response(self, reply: Reply, status: int = 0) -> web.Response:
        return web.Response(
            status=status or reply.status, body=reply.body, content_type=reply.content_type, headers=reply.headers
        )

    # -- WebSocket ------------------------------------------------------------------------------

    async def _socket(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        faults = self._venue.faults
        where = Scope(path=path)
        for kind in (FaultKind.MAINTENANCE, FaultKind.REFUSE, FaultKind.REFUSE_UPGRADE):
            refuse = faults.fires(kind, where, f"upgrade {path}")
            if refuse is not None:
                if refuse.knob.how in ("reset", "close"):
                    _end(request, refuse.knob.how)
                return web.Response(status=503)
        if faults.fires(FaultKind.STALL_UPGRADE, where, f"upgrade {path}") is not None:
            await asyncio.sleep(HANG_S)
        connection = web.WebSocketResponse(autoping=False, autoclose=True, compress=False, max_msg_size=MAX_FRAME_BYTES)
        if not connection.can_prepare(request):
            return web.Response(status=400, text="not a WebSocket handshake")
        await connection.prepare(request)
        if request.transport is None:
            return connection
        # uvloop's transports are no subclasses of asyncio's, they only behave alike.
        socket = self._venue.hub.opened(path, TcpWire(request.transport))
        try:
            self._dialect.opened(socket, path, query)
            await self._listen(connection, socket)
        finally:
            self._venue.hub.closed(socket, connection.close_code)
        return connection

    async def _listen(self, connection: web.WebSocketResponse, socket: Socket) -> None:
        async for message in connection:
            now_ns = time.time_ns()
            if not socket.text_keepalive:
                socket.last_heard_ns = now_ns
            if message.type is WSMsgType.TEXT:
                self._dialect.heard(socket, message.data)
            elif message.type is WSMsgType.PING:
                socket.pinged(now_ns)
                where = Scope(socket.path, "", "", socket.key, "", socket.kind)
                if self._venue.faults.fires(FaultKind.IGNORE_PING, where, f"socket {socket.number}") is None:
                    socket.write(frame(PONG, message.data))
            elif message.type is WSMsgType.BINARY:
                self._dialect.heard(socket, message.data.decode("utf-8", "replace"))
            if socket.ended:
                break

    async def _sweep(self) -> None:
        """The venue's own pings, and the end of sockets that were not heard of for too long."""
        pinged_s = time.monotonic()
        while True:
            await asyncio.sleep(SWEEP_S)
            if self._venue.faults.spares_events():
                self._venue.hub.release()
            if self._dialect.ping_every_s and time.monotonic() - pinged_s >= self._dialect.ping_every_s:
                pinged_s = time.monotonic()
                for socket in list(self._venue.hub.sockets.values()):
                    socket.write(frame(PING, str(self._venue.exchange.now_ms()).encode()))
            if self._dialect.idle_cut_s and not self._venue.allows(NO_IDLE_CUT):
                since_ns = time.time_ns() - int(self._dialect.idle_cut_s * 1e9)
                for socket in list(self._venue.hub.sockets.values()):
                    if socket.last_heard_ns < since_ns:
                        socket.end("close", 1008)


def _page(status: int) -> Reply:
    return Reply(status, HTML % (status, status), content_type="text/html")


def _end(request: web.BaseRequest, how: str) -> None:
    if how == "reset":
        reset(request.transport)
    elif request.transport is not None:
        request.transport.close()
