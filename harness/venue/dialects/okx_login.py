"""OKX's WebSocket login: which refusal a bad one gets, and the knobs that delay or reject a good one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Any

from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.hub import Socket
from harness.venue.core.keys import ApiKey
from harness.venue.core.refusal import Refused
from harness.venue.dialects.okx_errors import (
    LOGIN_FAILED,
    WS_KEY,
    WS_PASSPHRASE,
    WS_SIGN,
    WS_TIMESTAMP,
    WS_TIMESTAMP_FORM,
)
from harness.venue.venue import Venue

WINDOW_MS = 30_000
SECONDS = re.compile(r"\d{10}(\.\d{1,9})?")
SIGNED = "GET/users/self/verify"


def signature(secret: str, signed: bytes) -> str:
    """What both REST and WebSocket sign with."""
    return base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


def same(given: str, right: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), right.encode())


def checked(venue: Venue, socket: Socket, args: Any) -> ApiKey | int:
    """The key set that logs in, or the code of the refusal."""
    one = args[0] if isinstance(args, list) and len(args) == 1 else None
    if not isinstance(one, dict):
        return LOGIN_FAILED
    given = {name: one.get(name) for name in ("apiKey", "passphrase", "timestamp", "sign")}
    texts = {name: str(value) for name, value in given.items() if isinstance(value, (str, int))}
    if len(texts) < len(given):
        return LOGIN_FAILED
    if not SECONDS.fullmatch(texts["timestamp"]):
        return WS_TIMESTAMP_FORM
    if abs(venue.exchange.now_ms() - float(texts["timestamp"]) * 1000) > WINDOW_MS:
        return WS_TIMESTAMP
    try:
        key = venue.key(texts["apiKey"])
    except Refused:
        return WS_KEY
    if not same(texts["passphrase"], key.passphrase):
        return WS_PASSPHRASE
    signed = same(texts["sign"], signature(key.secret, f"{texts['timestamp']}{SIGNED}".encode()))
    where = Scope(socket.path, "", "", key.key, "", socket.kind)
    if not signed and venue.faults.fires(FaultKind.OBSERVE_SIGNATURE, where, "login") is None:
        return WS_SIGN
    return key
