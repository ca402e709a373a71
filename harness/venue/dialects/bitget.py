"""Bitget USDT-M futures (v2): routing, the envelope, and the two halves REST and WebSocket put together."""

from __future__ import annotations

import json
from typing import Any

from harness.venue.core.events import Event
from harness.venue.core.hub import Socket
from harness.venue.core.orders import Status
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.bitget_account import AccountCalls
from harness.venue.dialects.bitget_errors import USUAL_STATUS, spelled
from harness.venue.dialects.bitget_login import authenticated
from harness.venue.dialects.bitget_market import PublicCalls
from harness.venue.dialects.bitget_modes import PositionModes
from harness.venue.dialects.bitget_params import native_keys, params_of
from harness.venue.dialects.bitget_rest import ORD, OrderCalls
from harness.venue.dialects.bitget_rows import Rows
from harness.venue.dialects.bitget_ws import Streams
from harness.venue.dialects.dialect import Call, Reply
from harness.venue.venue import Venue

PLACE_PATHS = (f"{ORD}/place-order", f"{ORD}/batch-place-order")
SUCCESS = "00000"


class Bitget:
    """The dialect."""

    name = "bitget"
    roots: tuple[str, ...] = ("api",)
    ping_every_s = 0.0
    idle_cut_s = 120.0

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        venue.exchange.books_would_take = True
        venue.exchange.unfilled_status = Status.CANCELED
        modes, self._rows = PositionModes(), Rows(venue)
        self._public = PublicCalls(venue, self._rows).routes
        parts = (OrderCalls(venue, modes, self._rows), AccountCalls(venue, modes, self._rows))
        self._private = parts[0].routes | parts[1].routes
        self._streams = Streams(venue, modes, self._rows)
        venue.exchange.listeners.append(self.emitted)

    # -- REST -----------------------------------------------------------------------------------

    def key_of(self, call: Call) -> str:
        """From the header."""
        return call.headers.get("ACCESS-KEY", "")

    def symbol_of(self, call: Call) -> str:
        """From the query or the JSON body."""
        try:
            symbol = params_of(call).get("symbol", "")
        except Refused:
            return ""
        return symbol if isinstance(symbol, str) else ""

    def answer(self, call: Call) -> Reply:
        """Carry out a request; every refusal becomes bitget's own."""
        try:
            return self._carried_out(call)
        except Refused as refused:
            return self._refusal(refused)

    def refused(self, reason: Reason, path: str = "") -> Reply:
        """In bitget's words."""
        return self._refusal(Refused(reason, path))

    def error(self, code: int, message: str, status: int) -> Reply:
        """A native error body."""
        word = str(code)
        return Reply(status or USUAL_STATUS.get(code, 400), self._envelope(word, message, None), word)

    def _refusal(self, refused: Refused) -> Reply:
        code, status, message = spelled(refused)
        return self.error(code, message, status)

    def _carried_out(self, call: Call) -> Reply:
        public = self._public.get(call.path)
        if public is not None and call.method == "GET":
            return self._ok(public(params_of(call)))
        private = self._private.get((call.method, call.path))
        if private is None:
            # Also /api/v3: any success there would make ccxt speak the unified account's API.
            raise Refused(Reason.UNKNOWN_PATH, call.path, call.method)
        key = authenticated(self._venue, call)
        accepted = self._exchange.book.accepted
        params = native_keys(params_of(call), self._rows)
        reply = self._ok(private(self._venue.account(key.name), params))
        if call.path in PLACE_PATHS and self._exchange.book.accepted > accepted:
            return Reply(reply.status, reply.body, reply.code, booked=True)
        return reply

    def _ok(self, data: Any) -> Reply:
        return Reply(200, self._envelope(SUCCESS, "success", data))

    def _envelope(self, code: str, message: str, data: Any) -> bytes:
        whole = {"code": code, "msg": message, "requestTime": self._exchange.now_ms(), "data": data}
        return json.dumps(whole, separators=(",", ":")).encode()

    # -- WebSocket ------------------------------------------------------------------------------

    def opened(self, socket: Socket, path: str, query: str) -> None:
        """A socket waits for frames, whatever its path."""
        socket.text_keepalive = True

    def heard(self, socket: Socket, text: str) -> None:
        """login, subscribe, unsubscribe, ping, or garbage."""
        self._streams.heard(socket, text)

    def emitted(self, event: Event) -> None:
        """To the streams."""
        self._streams.emitted(event)

    def expire_listen_keys(self, key: str, *, with_event: bool) -> int:
        """There are none here."""
        return 0
