"""A native client of a venue of the binance dialect: signed account reads over one connection that stays open."""

from __future__ import annotations

import hashlib
import hmac
import json

from harness.client.measuring.timed import Timed
from harness.client.measuring.transport import RECEIVE_BYTES, Lost, Tally, Transport, dial
from harness.evidence.clock import NS_PER_MS, monotonic_s, now_ns
from harness.evidence.records import Outcome

ACCOUNT_PATH = "/fapi/v2/account"
"""What the connector reads too: v3 leaves leverage out."""
RECEIVE_WINDOW_MS = 5000
_HEAD_END = b"\r\n\r\n"
_LARGEST_HEAD_BYTES = 16 * 1024
_LARGEST_BODY_BYTES = 16 << 20


class NativeAccount:
    """One caller at a time. `address`: host:port of the venue. Stamps are those of the measuring client.

    No call raises because of what the venue or the network does: its code says it (OK, HTTP_429, UNAVAILABLE,
    DEADLINE_EXCEEDED). A lost connection is made anew by the next call.
    """

    def __init__(self, address: str, key: str, secret: str, *, timeout_s: float = 5.0) -> None:
        self.address = address
        self.tally = Tally()
        self.stamps = ""
        self._key = key
        self._secret = secret.encode()
        self._timeout_s = timeout_s
        self._transport: Transport | None = None

    def read(self, due_ns: int = 0) -> Timed:
        """Read the account once. `due_ns` is when it should have been sent; by default when it was."""
        until_s = monotonic_s() + self._timeout_s
        sent_ns = now_ns()
        try:
            if self._transport is None:
                self._transport = dial(self.address, None, until_s, self.tally)
                self.stamps = self._transport.stamps
            request = self._request()
            self._transport.wait_at_most(max(0.001, until_s - monotonic_s()))
            sent_ns, written_ns = self._transport.send(request)
            status, body, done_ns = _reply(self._transport, until_s)
        except (Lost, OSError) as error:
            self.close()
            code = "DEADLINE_EXCEEDED" if isinstance(error, TimeoutError) else "UNAVAILABLE"
            return Timed(due_ns or sent_ns, sent_ns, now_ns(), code, Outcome.FAIL, b"", 0, str(error))
        if status != 200:
            return Timed(
                due_ns or sent_ns, sent_ns, done_ns, f"HTTP_{status}", Outcome.FAIL, b"", written_ns, _why(body)
            )
        return Timed(due_ns or sent_ns, sent_ns, done_ns, "OK", Outcome.OK, body, written_ns)

    def close(self) -> None:
        """Let go of the connection."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _request(self) -> bytes:
        query = f"timestamp={now_ns() // NS_PER_MS}&recvWindow={RECEIVE_WINDOW_MS}"
        signature = hmac.new(self._secret, query.encode(), hashlib.sha256).hexdigest()
        return (
            f"GET {ACCOUNT_PATH}?{query}&signature={signature} HTTP/1.1\r\n"
            f"Host: {self.address}\r\nX-MBX-APIKEY: {self._key}\r\nAccept: application/json\r\n\r\n"
        ).encode()


def _reply(transport: Transport, until_s: float) -> tuple[int, bytes, int]:
    """Status, body and the stamp of its last segment. Lost when it is no HTTP reply of a known length."""
    received, done_ns = b"", 0
    while (end := received.find(_HEAD_END)) < 0:
        data, done_ns = _more(transport, until_s)
        received += data
        if len(received) > _LARGEST_HEAD_BYTES:
            raise Lost("the venue's reply has no end of its head")
    head, received = received[:end].decode("latin-1"), received[end + len(_HEAD_END) :]
    first, *lines = head.split("\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    words, length = first.split(), fields.get("content-length", "")
    if len(words) < 2 or not words[1].isdigit() or not length.isdigit() or int(length) > _LARGEST_BODY_BYTES:
        raise Lost(f"the venue's reply is no HTTP reply of a known length: {first[:60]!r}")
    while len(received) < int(length):
        data, done_ns = _more(transport, until_s)
        received += data
    return int(words[1]), received, done_ns


def _more(transport: Transport, until_s: float) -> tuple[bytes, int]:
    left_s = until_s - monotonic_s()
    if left_s <= 0:
        raise TimeoutError
    transport.wait_at_most(left_s)
    data, t_ns = transport.receive(RECEIVE_BYTES)
    if not data:
        raise Lost("the venue closed the connection")
    return data, t_ns


def _why(body: bytes) -> str:
    """The venue's code and message; its own words hold no secret of ours."""
    try:
        said = json.loads(body)
        return f"{said['code']}: {said['msg']}"[:200]
    except (ValueError, KeyError, TypeError):
        return "no error body of this dialect"
