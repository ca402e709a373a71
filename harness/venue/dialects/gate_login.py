"""Gate's signatures: of REST requests, and of each private WebSocket subscription."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any
from urllib.parse import unquote, unquote_plus

from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.hub import Socket
from harness.venue.core.keys import ApiKey
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.dialect import Call
from harness.venue.venue import Venue

WINDOW_S = 60
KEY_SHOWN = 64


def signature(secret: str, text: bytes) -> str:
    """What both REST and WebSocket sign with."""
    return hmac.new(secret.encode(), text, hashlib.sha512).hexdigest()


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.lower().encode("utf-8", "surrogateescape"), right.encode())


def _in_time(venue: Venue, stamp_s: float) -> None:
    if abs(venue.exchange.now_ms() / 1000 - stamp_s) > WINDOW_S:
        raise Refused(Reason.OUTSIDE_WINDOW)


def authenticated(venue: Venue, call: Call) -> ApiKey:
    """The key set that signed a request; Refused for whatever is wrong with it."""
    name, given, stamp = (call.headers.get(header, "") for header in ("KEY", "SIGN", "Timestamp"))
    if not name:
        raise Refused(Reason.MALFORMED_KEY)
    for header, value in (("SIGN", given), ("Timestamp", stamp)):
        if not value:
            raise Refused(Reason.MISSING_PARAMETER, header)
    key = venue.key(name)
    if not stamp.isascii() or not stamp.replace(".", "", 1).isdigit() or len(stamp) > 20:
        raise Refused(Reason.OUTSIDE_WINDOW)
    _in_time(venue, float(stamp))
    hashed = hashlib.sha512(call.body).hexdigest()
    # Clients that sign the query before they encode it are native, too.
    queries = {call.query, unquote(call.query), unquote_plus(call.query)}
    texts = (f"{call.method}\n{call.path}\n{query}\n{hashed}\n{stamp}" for query in queries)
    if any(_same(given, signature(key.secret, text.encode("utf-8", "surrogateescape"))) for text in texts):
        return key
    if venue.faults.fires_here(FaultKind.OBSERVE_SIGNATURE) is not None:
        return key
    raise Refused(Reason.BAD_SIGNATURE)


def key_named(asked: dict[str, Any]) -> str:
    """The API key that a frame names, not verified; empty when it names none."""
    auth = asked.get("auth")
    key = auth.get("KEY") if isinstance(auth, dict) else None
    return key[:KEY_SHOWN] if isinstance(key, str) else ""


def subscriber(venue: Venue, socket: Socket, asked: dict[str, Any]) -> ApiKey:
    """The key set that signed a frame; Refused for whatever is wrong with it."""
    auth, time_s = asked.get("auth"), asked.get("time")
    if not isinstance(auth, dict) or not isinstance(auth.get("KEY"), str) or not isinstance(auth.get("SIGN"), str):
        raise Refused(Reason.MALFORMED_KEY)
    if auth.get("method") != "api_key":
        raise Refused(Reason.ILLEGAL_PARAMETER, "method", str(auth.get("method"))[:KEY_SHOWN])
    key = venue.key(auth["KEY"])
    if isinstance(time_s, bool) or not isinstance(time_s, int):
        raise Refused(Reason.OUTSIDE_WINDOW)
    _in_time(venue, time_s)
    text = f"channel={asked.get('channel')}&event={asked.get('event')}&time={time_s}"
    if not _same(auth["SIGN"], signature(key.secret, text.encode())):
        where = Scope(socket.path, "", str(asked.get("channel")), key.key, "", socket.kind)
        if venue.faults.fires(FaultKind.OBSERVE_SIGNATURE, where, f"socket {socket.number}") is None:
            raise Refused(Reason.BAD_SIGNATURE)
    return key
