"""OKX v5 swaps: routing, signatures and the two halves REST and WebSocket put together."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from harness.venue.core.events import Event
from harness.venue.core.faults import FaultKind
from harness.venue.core.hub import Socket
from harness.venue.core.keys import ApiKey
from harness.venue.core.orders import Status
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.dialect import Call, Reply
from harness.venue.dialects.okx_account import AccountCalls
from harness.venue.dialects.okx_errors import spelled, usual_status
from harness.venue.dialects.okx_login import same, signature
from harness.venue.dialects.okx_market import PublicCalls
from harness.venue.dialects.okx_orders import OrderCalls
from harness.venue.dialects.okx_outcome import Outcome
from harness.venue.dialects.okx_params import body_of, query_of
from harness.venue.dialects.okx_ws import Streams
from harness.venue.venue import Venue

WINDOW_MS = 30_000
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Okx:
    """The dialect."""

    name = "okx"
    roots: tuple[str, ...] = ("api",)
    ping_every_s = 0.0
    idle_cut_s = 30.0

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        # A post-only order that would take is accepted and then canceled; nothing ever expires.
        venue.exchange.books_would_take = True
        venue.exchange.unfilled_status = Status.CANCELED
        public = PublicCalls(venue)
        orders, account = OrderCalls(venue, public), AccountCalls(venue, public)
        self._public = public.routes
        self._gets, self._posts = orders.gets | account.gets, orders.posts | account.posts
        self._streams = Streams(venue)
        venue.exchange.listeners.append(self.emitted)

    # -- REST -----------------------------------------------------------------------------------

    def key_of(self, call: Call) -> str:
        """From the header."""
        return call.headers.get("OK-ACCESS-KEY", "")

    def symbol_of(self, call: Call) -> str:
        """From the query, the body, or the first item of a batch."""
        try:
            asked = body_of(call.body) if call.body else query_of(call.query)
        except Refused:
            return ""
        first = asked[0] if isinstance(asked, list) and asked else asked
        inst_id = first.get("instId") if isinstance(first, dict) else None
        return self._streams.symbols.get(inst_id, "") if isinstance(inst_id, str) else ""

    def answer(self, call: Call) -> Reply:
        """Carry out a request; every refusal becomes OKX's own."""
        try:
            return self._carried_out(call)
        except Refused as refused:
            code, message = spelled(refused)
            return self.error(code, message, 0)

    def refused(self, reason: Reason, path: str = "") -> Reply:
        """In OKX's words."""
        cancels = path.startswith("/api/v5/trade/cancel-")
        code, message = spelled(Refused(reason, "cancel" if cancels else path))
        if path in self._posts and 51_000 <= code < 52_000 and (cancels or reason is not Reason.ORDER_UNKNOWN):
            # The refusal of an order stands in its item.
            item = {"ordId": "", "clOrdId": "", "sCode": str(code), "sMsg": message}
            return self._reply(Outcome([item], 1, "Operation failed."), booked=False)
        return self.error(code, message, 0)

    def error(self, code: int, message: str, status: int) -> Reply:
        """A native error body."""
        return Reply(status or usual_status(code), _envelope(code, message, []), str(code))

    def _carried_out(self, call: Call) -> Reply:
        public = self._public.get(call.path)
        if public is not None and call.method == "GET":
            return Reply(200, _envelope(0, "", public(query_of(call.query))))
        get, post = self._gets.get(call.path), self._posts.get(call.path)
        if call.method == "GET" and get is not None:
            key = self._checked(call)
            return Reply(200, _envelope(0, "", get(self._venue.account(key.name), query_of(call.query))))
        if call.method == "POST" and post is not None:
            key = self._checked(call)
            accepted = self._exchange.book.accepted
            outcome = post(self._venue.account(key.name), body_of(call.body))
            return self._reply(outcome, booked=self._exchange.book.accepted > accepted)
        raise Refused(Reason.UNKNOWN_PATH, call.path, call.method)

    def _reply(self, outcome: Outcome, *, booked: bool) -> Reply:
        # The meters get the reason, which for orders stands in the item and not in the envelope.
        reasons = {one["sCode"] for one in outcome.data if "sCode" in one} - {"0"}
        code = reasons.pop() if outcome.code == 1 and len(reasons) == 1 else str(outcome.code or "")
        return Reply(200, _envelope(outcome.code, outcome.message, outcome.data), code, booked)

    def _checked(self, call: Call) -> ApiKey:
        """Key, time, passphrase and signature of a private request."""
        text = call.headers.get("OK-ACCESS-KEY", "")
        if not text:
            raise Refused(Reason.MALFORMED_KEY)
        for name in ("OK-ACCESS-SIGN", "OK-ACCESS-TIMESTAMP", "OK-ACCESS-PASSPHRASE"):
            if not call.headers.get(name):
                raise Refused(Reason.MISSING_PARAMETER, name)
        stamp = call.headers["OK-ACCESS-TIMESTAMP"]
        self._check_time(stamp)
        key = self._venue.key(text)
        if not same(call.headers["OK-ACCESS-PASSPHRASE"], key.passphrase):
            raise Refused(Reason.BAD_PASSPHRASE)
        query = f"?{call.query}" if call.query else ""
        for path in {call.path, call.raw_path or call.path}:
            signed = f"{stamp}{call.method}{path}{query}".encode("utf-8", "surrogateescape") + call.body
            if same(call.headers["OK-ACCESS-SIGN"], signature(key.secret, signed)):
                return key
        if self._venue.faults.fires_here(FaultKind.OBSERVE_SIGNATURE) is not None:
            return key
        raise Refused(Reason.BAD_SIGNATURE)

    def _check_time(self, stamp: str) -> None:
        try:
            if not TIMESTAMP.fullmatch(stamp):
                raise ValueError(stamp)
            at_ms = round(datetime.fromisoformat(stamp).timestamp() * 1000)
        except ValueError:
            raise Refused(Reason.ILLEGAL_PARAMETER, "OK-ACCESS-TIMESTAMP") from None
        if abs(self._exchange.now_ms() - at_ms) > WINDOW_MS:
            raise Refused(Reason.OUTSIDE_WINDOW)

    # -- WebSocket ------------------------------------------------------------------------------

    def opened(self, socket: Socket, path: str, query: str) -> None:
        """Nothing is said until the client says something; traffic either way keeps a socket open."""
        socket.sent_counts = True

    def heard(self, socket: Socket, text: str) -> None:
        """ping, login, subscribe, unsubscribe, or garbage."""
        self._streams.heard(socket, text)

    def emitted(self, event: Event) -> None:
        """To the streams."""
        self._streams.emitted(event)

    def expire_listen_keys(self, key: str, *, with_event: bool) -> int:
        """This venue has none."""
        return 0


def _envelope(code: int, message: str, data: list[Any]) -> bytes:
    return json.dumps({"code": str(code), "msg": message, "data": data}, separators=(",", ":")).encode()
