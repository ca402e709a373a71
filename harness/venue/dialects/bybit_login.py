"""Bybit's WebSocket login: key, expiry and signature, and the faults that hold it up or refuse it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.hub import Socket
from harness.venue.core.keys import ApiKey
from harness.venue.core.refusal import Reason, Refused
from harness.venue.venue import Venue

EXPIRES_DIGITS = 18
KEY_SHOWN = 64
REFUSALS = {
    Reason.UNKNOWN_KEY: "API key is invalid.",
    Reason.OUTSIDE_WINDOW: "Params Error: expires is in the past",
    Reason.BAD_SIGNATURE: "error sign! please check your signature generation algorithm",
    Reason.NOT_PERMITTED: "Repeat auth with another key",
}
PARAMS_ERROR = "Params Error"


def log_in(venue: Venue, socket: Socket, args: Any, answer: Callable[[bool, str], None]) -> None:
    """Check `args`, let the socket belong to the key, and answer with (success, message), maybe later."""
    key = str(args[0])[:KEY_SHOWN] if isinstance(args, list) and args else ""
    where, subject = Scope(socket.path, "", "", key, "", socket.kind), f"socket {socket.number}"

    def decide() -> None:
        if socket.number not in venue.hub.sockets:
            return
        try:
            found = _checked(venue, args, where)
            reject = venue.faults.fires(FaultKind.REJECT_LOGIN, where, subject)
            if reject is not None:
                code = f"{reject.knob.code} " if reject.knob.code else ""
                raise Refused(Reason.UNSUPPORTED, detail=code + (reject.knob.message or "Request not authorized"))
            if socket.key not in ("", found.key):
                raise Refused(Reason.NOT_PERMITTED)
        except Refused as refused:
            venue.meters.logins[key, "refused"] += 1
            answer(False, REFUSALS.get(refused.reason) or refused.detail or PARAMS_ERROR)
            return
        venue.hub.identify(socket, found.key, found.name)
        venue.meters.logins[key, "success"] += 1
        answer(True, "")

    delay = venue.faults.fires(FaultKind.DELAY_LOGIN, where, subject)
    if delay is None:
        decide()
    else:
        asyncio.get_running_loop().call_later(delay.knob.delay_s, decide)


def _checked(venue: Venue, args: Any, where: Scope) -> ApiKey:
    if not isinstance(args, list) or len(args) != 3 or not all(isinstance(args[at], str) for at in (0, 2)):
        raise Refused(Reason.ILLEGAL_PARAMETER, "args")
    expires = "" if isinstance(args[1], bool) else str(args[1])
    if not expires.isascii() or not expires.isdigit() or len(expires) > EXPIRES_DIGITS:
        raise Refused(Reason.ILLEGAL_PARAMETER, "expires")
    key = venue.key(args[0])
    if int(expires) <= venue.exchange.now_ms():
        raise Refused(Reason.OUTSIDE_WINDOW, "expires")
    right = hmac.new(key.secret.encode(), f"GET/realtime{expires}".encode(), hashlib.sha256).hexdigest()
    signed = hmac.compare_digest(right.encode(), args[2].lower().encode("utf-8", "replace"))
    if not signed and venue.faults.fires(FaultKind.OBSERVE_SIGNATURE, where, "login") is None:
        raise Refused(Reason.BAD_SIGNATURE)
    return key
