"""Binance USD-M futures: routing, signatures and the two halves REST and WebSocket put together."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from harness.venue.core.disturbances import other_id, reformed
from harness.venue.core.events import Event
from harness.venue.core.faults import FaultKind
from harness.venue.core.hub import Socket
from harness.venue.core.keys import ApiKey
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.binance_errors import USUAL_STATUS, spelled
from harness.venue.dialects.binance_keys import ListenKeys
from harness.venue.dialects.binance_market import PublicCalls
from harness.venue.dialects.binance_params import Params
from harness.venue.dialects.binance_rest import PrivateCalls
from harness.venue.dialects.binance_ws import Streams
from harness.venue.dialects.dialect import Call, Reply
from harness.venue.venue import Venue

DEFAULT_WINDOW_MS = 5000
MAX_WINDOW_MS = 60_000
AHEAD_MS = 1000
_dumps = json.JSONEncoder(separators=(",", ":")).encode
MAX_PARAMS = 500
SIGNATURE_ROW = "binance signature"
PLACE_PATHS = ("/fapi/v1/order", "/fapi/v1/batchOrders")
LISTEN_KEY_PATHS = ("/fapi/v1/listenKey", "/papi/v1/listenKey")
PORTFOLIO_TWINS = {
    "/papi/v1/batchOrders": "/fapi/v1/batchOrders",
    "/papi/v1/allOpenOrders": "/fapi/v1/allOpenOrders",
    "/papi/v1/um/order": "/fapi/v1/order",
    "/papi/v1/um/openOrder": "/fapi/v1/openOrder",
    "/papi/v1/um/openOrders": "/fapi/v1/openOrders",
    "/papi/v1/um/allOpenOrders": "/fapi/v1/allOpenOrders",
    "/papi/v1/um/positionRisk": "/fapi/v2/positionRisk",
}


class Binance:
    """The dialect."""

    name = "binance"
    roots: tuple[str, ...] = ("fapi", "papi", "sapi", "api", "dapi", "eapi")
    ping_every_s = 180.0
    idle_cut_s = 600.0

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._public = PublicCalls(venue).routes
        self._private = PrivateCalls(venue).routes
        self._listen_keys = ListenKeys(venue.exchange.now_ms)
        self._streams = Streams(venue, self._listen_keys)
        venue.exchange.listeners.append(self.emitted)

    # -- REST -----------------------------------------------------------------------------------

    def key_of(self, call: Call) -> str:
        """From the header."""
        return call.headers.get("X-MBX-APIKEY", "")

    def symbol_of(self, call: Call) -> str:
        """From the query or the form body."""
        try:
            return _params(call).get("symbol", "")
        except Refused:
            return ""

    def answer(self, call: Call) -> Reply:
        """Carry out a request; every refusal becomes binance's own."""
        try:
            return self._carried_out(call)
        except Refused as refused:
            code, status, message = spelled(refused)
            return self.error(code, message, status)

    def refused(self, reason: Reason, path: str = "") -> Reply:
        """In binance's words."""
        code, status, message = spelled(Refused(reason, path))
        return self.error(code, message, status)

    def error(self, code: int, message: str, status: int) -> Reply:
        """A native error body."""
        body = json.dumps({"code": code, "msg": message}, separators=(",", ":")).encode()
        return Reply(status or USUAL_STATUS.get(code, 400), body, str(code))

    def _carried_out(self, call: Call) -> Reply:
        path = PORTFOLIO_TWINS.get(call.path, call.path)
        if path in LISTEN_KEY_PATHS:
            return self._listen_key(call)
        public = self._public.get(path)
        if public is not None and call.method == "GET":
            return _ok(public(_params(call)))
        private = self._private.get((call.method, path))
        if private is None:
            raise Refused(Reason.UNKNOWN_PATH, call.path, call.method)
        key = self._api_key(call)
        params = _params(call)
        self._check_time(params)
        self._check_signature(call, key, params)
        accepted = self._exchange.book.accepted
        reply = _ok(private(self._venue.account(key.name), params))
        if b'"orderId"' in reply.body and other_id(self._venue.faults):
            # The venue has whole numbers only; the other spelling is a text.
            reply = replace(reply, body=reformed(reply.body.decode(), "orderId", "string").encode())
        if call.method == "POST" and path in PLACE_PATHS and self._exchange.book.accepted > accepted:
            return Reply(reply.status, reply.body, booked=True, headers=reply.headers)
        return reply

    def _api_key(self, call: Call) -> ApiKey:
        text = call.headers.get("X-MBX-APIKEY", "")
        if not text or not text.isalnum() or not text.isascii():
            raise Refused(Reason.MALFORMED_KEY)
        return self._venue.key(text)

    def _listen_key(self, call: Call) -> Reply:
        key = self._api_key(call)
        actions: dict[str, Callable[[ApiKey], Any]] = {
            "POST": lambda one: {"listenKey": self._listen_keys.post(one).listen_key},
            "PUT": self._extended,
            "DELETE": self._ended,
        }
        action = actions.get(call.method)
        if action is None:
            raise Refused(Reason.UNKNOWN_PATH, call.path, call.method)
        try:
            answer = action(key)
        except Refused:
            self._venue.meters.logins[key.key, f"{call.method} refused"] += 1
            raise
        self._venue.meters.logins[key.key, call.method] += 1
        return _ok(answer)

    def _extended(self, key: ApiKey) -> dict[str, str]:
        self._listen_keys.put(key)
        return {}

    def _ended(self, key: ApiKey) -> dict[str, str]:
        self._listen_keys.put(key)
        self.expire_listen_keys(key.key, with_event=False)
        return {}

    def _check_time(self, params: Params) -> None:
        stamp = params.get("timestamp", "")
        if not stamp:
            raise Refused(Reason.MISSING_PARAMETER, "timestamp")
        window = params.get("recvWindow") or str(DEFAULT_WINDOW_MS)
        if not _whole(stamp):
            raise Refused(Reason.ILLEGAL_PARAMETER, "timestamp", "^[0-9]{1,20}$")
        if not _whole(window) or int(window) > MAX_WINDOW_MS:
            raise Refused(Reason.ILLEGAL_PARAMETER, "recvWindow")
        age_ms = self._exchange.now_ms() - int(stamp)
        if age_ms <= -AHEAD_MS or age_ms > int(window):
            raise Refused(Reason.OUTSIDE_WINDOW)

    def _check_signature(self, call: Call, key: ApiKey, params: Params) -> None:
        if not params.get("signature"):
            raise Refused(Reason.MISSING_PARAMETER, "signature")
        given = params["signature"].lower()
        anywhere = self._venue.allows(SIGNATURE_ROW)
        texts = _signed_texts(call.query, call.body, anywhere=anywhere)
        strict = _signed_texts(call.query, call.body, anywhere=False) if anywhere else texts
        for text in texts:
            right = hmac.new(key.secret.encode(), text, hashlib.sha256).hexdigest()
            if hmac.compare_digest(right.encode(), given.encode()):
                if text not in strict:
                    self._venue.meters.lenient_uses[SIGNATURE_ROW] += 1
                return
        if self._venue.faults.fires_here(FaultKind.OBSERVE_SIGNATURE) is None:
            raise Refused(Reason.BAD_SIGNATURE)

    # -- WebSocket ------------------------------------------------------------------------------

    def opened(self, socket: Socket, path: str, query: str) -> None:
        """A stream in the path needs no frame."""
        self._streams.opened(socket, path, query)

    def heard(self, socket: Socket, text: str) -> None:
        """SUBSCRIBE, UNSUBSCRIBE, LIST_SUBSCRIPTIONS, or garbage."""
        self._streams.heard(socket, text)

    def emitted(self, event: Event) -> None:
        """To the streams."""
        self._streams.emitted(event)

    def expire_listen_keys(self, key: str, *, with_event: bool) -> int:
        """The socket stays open and silent."""
        taken = self._listen_keys.take(key)
        for one in taken:
            self._streams.listen_key_ended(one, with_event=with_event)
        return len(taken)


def _ok(answer: Any) -> Reply:
    return Reply(200, _dumps(answer).encode(), headers={"X-MBX-USED-WEIGHT-1M": "1"})


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20


def _params(call: Call) -> Params:
    """Query and form body together; Refused when they are no form at all."""
    try:
        pairs: list[tuple[str, str]] = []
        for text in (call.query, call.body.decode()):
            if text:
                pairs += parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_PARAMS, errors="strict")
    except (UnicodeDecodeError, ValueError):
        raise Refused(Reason.ILLEGAL_PARAMETER, "body", "a form in UTF-8") from None
    return dict(pairs)


def _signed_texts(query: str, body: bytes, *, anywhere: bool) -> list[bytes]:
    """What may have been signed: the wire's bytes without the signature pair, which strictly comes last."""
    parts, found = [], False
    for part in (query.encode("utf-8", "surrogateescape"), body):
        pairs = part.split(b"&") if part else []
        places = [index for index, pair in enumerate(pairs) if pair.startswith(b"signature=")]
        if places and (anywhere or places == [len(pairs) - 1]):
            found = True
            pairs = [pair for pair in pairs if not pair.startswith(b"signature=")]
        parts.append(b"&".join(pairs))
    if not found:
        return []
    # Joined by "&"; the venue's own documents also show query and body joined by nothing.
    both = [b"&".join(part for part in parts if part)]
    return both if not all(parts) else [*both, b"".join(parts)]
