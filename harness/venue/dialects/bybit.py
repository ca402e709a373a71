"""Bybit v5, linear contracts: routing, signatures and the two halves REST and WebSocket put together."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from harness.venue.core.events import Event
from harness.venue.core.faults import FaultKind
from harness.venue.core.hub import Socket
from harness.venue.core.keys import ApiKey
from harness.venue.core.orders import Status
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.bybit_account import AccountCalls
from harness.venue.dialects.bybit_answers import Result
from harness.venue.dialects.bybit_errors import STATUS, spelled
from harness.venue.dialects.bybit_market import PublicCalls
from harness.venue.dialects.bybit_params import Params
from harness.venue.dialects.bybit_rest import OrderCalls
from harness.venue.dialects.bybit_views import Views
from harness.venue.dialects.bybit_ws import Streams
from harness.venue.dialects.dialect import Call, Reply
from harness.venue.venue import Venue

DEFAULT_WINDOW_MS = 5000
MAX_WINDOW_MS = 60_000
AHEAD_MS = 1000
PLACE_PATHS = ("/v5/order/create", "/v5/order/create-batch")
KEY_HEADER, SIGN_HEADER, TIME_HEADER = "X-BAPI-API-KEY", "X-BAPI-SIGN", "X-BAPI-TIMESTAMP"
WINDOW_HEADER = "X-BAPI-RECV-WINDOW"
EMPTY_PAYLOAD_ROW = "bybit GET signature"
"""Lenient: a GET may be signed over an empty payload instead of its query."""


class Bybit:
    """The dialect."""

    name = "bybit"
    roots: tuple[str, ...] = ("v5",)
    ping_every_s = 0.0
    idle_cut_s = 600.0

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._exchange.books_would_take = True
        self._exchange.unfilled_status = Status.CANCELED
        views = Views(venue)
        self._public = PublicCalls(venue).routes
        self._private = OrderCalls(venue, views).routes | AccountCalls(venue, views).routes
        self._streams = Streams(venue, views)
        venue.exchange.listeners.append(self.emitted)

    # -- REST -----------------------------------------------------------------------------------

    def key_of(self, call: Call) -> str:
        """From the header."""
        return call.headers.get(KEY_HEADER, "")

    def symbol_of(self, call: Call) -> str:
        """From the query or the JSON body; of a batch the first item's."""
        try:
            params = _params(call)
            if params.given("request"):
                params = params.items("request", 1000)[0]
            return params.text("symbol")
        except Refused:
            return ""

    def answer(self, call: Call) -> Reply:
        """Carry out a request; every refusal becomes bybit's own."""
        try:
            return self._carried_out(call)
        except Refused as refused:
            code, message = spelled(refused)
            return self.error(code, message, 0)

    def refused(self, reason: Reason, path: str = "") -> Reply:
        """In bybit's words."""
        code, message = spelled(Refused(reason, path))
        return self.error(code, message, 0)

    def error(self, code: int, message: str, status: int) -> Reply:
        """A native error body; bybit answers most of them with HTTP 200."""
        return self._enveloped(Result({}), code, message, status or STATUS.get(code, 200))

    def _enveloped(self, result: Result, code: int = 0, message: str = "OK", status: int = 200) -> Reply:
        now_ms = self._exchange.now_ms()
        envelope: dict[str, Any] = {
            "retCode": code,
            "retMsg": message,
            "result": result.result,
            "retExtInfo": result.extra,
            "time": now_ms,
        }
        headers = {
            "X-Bapi-Limit": "100",
            "X-Bapi-Limit-Status": "99",
            "X-Bapi-Limit-Reset-Timestamp": str(now_ms),
        }
        body = json.dumps(envelope, separators=(",", ":")).encode()
        return Reply(status, body, str(code) if code else "", headers=headers)

    def _carried_out(self, call: Call) -> Reply:
        public = self._public.get(call.path)
        if public is not None and call.method == "GET":
            return self._enveloped(Result(public(_params(call))))
        private = self._private.get((call.method, call.path))
        if private is None:
            raise Refused(Reason.UNKNOWN_PATH, call.path, call.method)
        key = self._authenticated(call)
        params = _params(call)
        accepted = self._exchange.book.accepted
        reply = self._enveloped(private(self._venue.account(key.name), params))
        if call.path in PLACE_PATHS and self._exchange.book.accepted > accepted:
            return Reply(reply.status, reply.body, booked=True, headers=reply.headers)
        return reply

    def _authenticated(self, call: Call) -> ApiKey:
        given = {name: call.headers.get(name, "") for name in (TIME_HEADER, KEY_HEADER, SIGN_HEADER)}
        if not all(given.values()):
            told = f"apiTimestamp[{given[TIME_HEADER]}] apiKey[{given[KEY_HEADER]}] apiSignature[{given[SIGN_HEADER]}]"
            raise Refused(Reason.MISSING_PARAMETER, "headers", told)
        key = self._venue.key(given[KEY_HEADER])
        self._check_time(given[TIME_HEADER], call.headers.get(WINDOW_HEADER, ""))
        self._check_signature(call, key, given[TIME_HEADER], given[SIGN_HEADER])
        return key

    def _check_time(self, stamp: str, window: str) -> None:
        if not _whole(stamp):
            raise Refused(Reason.ILLEGAL_PARAMETER, "timestamp")
        if window and (not _whole(window) or int(window) > MAX_WINDOW_MS):
            raise Refused(Reason.ILLEGAL_PARAMETER, "recv_window")
        window_ms = int(window or DEFAULT_WINDOW_MS)
        now_ms = self._exchange.now_ms()
        if not now_ms - window_ms <= int(stamp) < now_ms + AHEAD_MS:
            told = f"req_timestamp[{stamp}],server_timestamp[{now_ms}],recv_window[{window_ms}]"
            raise Refused(Reason.OUTSIDE_WINDOW, "", told)

    def _check_signature(self, call: Call, key: ApiKey, stamp: str, given: str) -> None:
        head = f"{stamp}{key.key}{call.headers.get(WINDOW_HEADER, '')}".encode()
        payload = call.body if call.method == "POST" else call.query.encode("utf-8", "surrogateescape")
        if _signs(key, head + payload, given):
            return
        if call.method == "GET" and self._venue.allows(EMPTY_PAYLOAD_ROW) and _signs(key, head, given):
            self._venue.meters.lenient_uses[EMPTY_PAYLOAD_ROW] += 1
            return
        if self._venue.faults.fires_here(FaultKind.OBSERVE_SIGNATURE) is not None:
            return
        raise Refused(Reason.BAD_SIGNATURE)

    # -- WebSocket ------------------------------------------------------------------------------

    def opened(self, socket: Socket, path: str, query: str) -> None:
        """Nothing is in the path: rights and subscriptions come by frame."""

    def heard(self, socket: Socket, text: str) -> None:
        """auth, subscribe, unsubscribe, ping, or garbage."""
        self._streams.heard(socket, text)

    def emitted(self, event: Event) -> None:
        """To the streams."""
        self._streams.emitted(event)

    def expire_listen_keys(self, key: str, *, with_event: bool) -> int:
        """There are none."""
        return 0


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def _signs(key: ApiKey, text: bytes, given: str) -> bool:
    right = hmac.new(key.secret.encode(), text, hashlib.sha256).hexdigest()
    return hmac.compare_digest(right.encode(), given.lower().encode("utf-8", "replace"))


def _params(call: Call) -> Params:
    return Params.of_body(call.body) if call.method == "POST" else Params.of_query(call.query)
