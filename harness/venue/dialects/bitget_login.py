"""Bitget's credentials: REST headers and the login frame, verified over the bytes that were sent."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import unquote, unquote_plus

from harness.venue.core.faults import FaultKind
from harness.venue.core.keys import ApiKey
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import bitget_errors as codes
from harness.venue.dialects.dialect import Call
from harness.venue.venue import Venue

WINDOW_MS = 30_000
MAX_STAMP = 15


def signature(secret: str, text: bytes) -> bytes:
    """Base64 of the HMAC-SHA256."""
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest())


def authenticated(venue: Venue, call: Call) -> ApiKey:
    """The key set that signed a request; Refused with the first thing that is wrong."""
    headers = call.headers
    name, given, stamp = (headers.get(one, "") for one in ("ACCESS-KEY", "ACCESS-SIGN", "ACCESS-TIMESTAMP"))
    if not name:
        raise Refused(Reason.MISSING_PARAMETER, "ACCESS-KEY")
    if not given:
        raise Refused(Reason.MISSING_PARAMETER, "ACCESS-SIGN")
    passphrase = headers.get("ACCESS-PASSPHRASE", "")
    if not passphrase:
        raise Refused(Reason.MISSING_PARAMETER, "ACCESS-PASSPHRASE")
    if not _whole(stamp):
        raise Refused(Reason.ILLEGAL_PARAMETER, "ACCESS-TIMESTAMP")
    if abs(venue.exchange.now_ms() - int(stamp)) > WINDOW_MS:
        raise Refused(Reason.OUTSIDE_WINDOW)
    if not name.isascii() or not name.replace("_", "").replace("-", "").isalnum():
        raise Refused(Reason.MALFORMED_KEY)
    key = venue.key(name)
    right = (signature(key.secret, text) for text in _signed_texts(call, stamp))
    good = any(hmac.compare_digest(one, given.encode("utf-8", "surrogateescape")) for one in right)
    if not good and venue.faults.fires_here(FaultKind.OBSERVE_SIGNATURE) is None:
        raise Refused(Reason.BAD_SIGNATURE)
    if not hmac.compare_digest(passphrase.encode("utf-8", "surrogateescape"), key.passphrase.encode()):
        raise Refused(Reason.BAD_PASSPHRASE)
    return key


def _signed_texts(call: Call, stamp: str) -> list[bytes]:
    """What may have been signed: the path with or without a prefix, the query as sent or un-encoded."""
    paths = dict.fromkeys((call.path, call.raw_path or call.path))
    queries = dict.fromkeys(
        ("",) if not call.query else (f"?{one(call.query)}" for one in (str, unquote, unquote_plus))
    )
    return [
        f"{stamp}{call.method}{path}{query}".encode("utf-8", "surrogateescape") + call.body
        for path in paths
        for query in queries
    ]


def granted(venue: Venue, arg: dict[str, Any]) -> int:
    """0, or the code that a login is refused with."""
    name, passphrase, stamp, sign = (_text(arg, one) for one in ("apiKey", "passphrase", "timestamp", "sign"))
    if type(arg.get("timestamp")) is int:
        # Much used clients of the live venue send a number here.
        stamp = str(arg["timestamp"])
    try:
        key = venue.key(name)
    except Refused:
        return codes.LOGIN_KEY
    if not hmac.compare_digest(passphrase.encode(), key.passphrase.encode()):
        return codes.LOGIN_PASSPHRASE
    if not _whole(stamp):
        return codes.LOGIN_TIMESTAMP
    if abs(venue.exchange.now_ms() - int(stamp) * 1000) > WINDOW_MS + 1000:
        return codes.LOGIN_EXPIRED
    right = signature(key.secret, f"{stamp}GET/user/verify".encode())
    return 0 if hmac.compare_digest(right, sign.encode()) else codes.LOGIN_SIGN


def _text(arg: dict[str, Any], name: str) -> str:
    value = arg.get(name)
    # A lone surrogate is valid JSON and no valid text.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MAX_STAMP
