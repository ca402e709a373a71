"""Gate's USDT futures: routing, replies and the two halves REST and WebSocket put together."""

from __future__ import annotations

from typing import Any

from harness.venue.core.disturbances import other_id, reformed
from harness.venue.core.events import Event
from harness.venue.core.hub import Socket
from harness.venue.core.orders import Status
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.dialect import Call, Reply
from harness.venue.dialects.gate_account import AccountCalls
from harness.venue.dialects.gate_books import Books
from harness.venue.dialects.gate_errors import chosen, spelled, usual_status
from harness.venue.dialects.gate_login import authenticated
from harness.venue.dialects.gate_market import FUTURES, PublicCalls
from harness.venue.dialects.gate_orders import OrderCalls
from harness.venue.dialects.gate_params import CLIENT_ID_PREFIX, Asked, json_of, query_of
from harness.venue.dialects.gate_views import Views
from harness.venue.dialects.gate_ws import Streams
from harness.venue.dialects.plain_json import dumps
from harness.venue.venue import Venue

LIMIT_PER_WINDOW = 200


class Gate:
    """The dialect."""

    name = "gate"
    roots: tuple[str, ...] = ("api",)
    ping_every_s = 60.0
    idle_cut_s = 0.0

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        venue.exchange.unfilled_status = Status.CANCELED
        venue.exchange.client_id_prefixes = ("", CLIENT_ID_PREFIX)
        books, views = Books(venue.exchange), Views(venue)
        self._calls = PublicCalls(venue, books)
        self._public = self._calls.routes
        self._private = {
            **OrderCalls(venue, self._calls, views).routes,
            **AccountCalls(venue, self._calls, views).routes,
        }
        self._streams = Streams(venue, self._calls, books, views)
        venue.exchange.listeners.append(self.emitted)

    # -- REST -----------------------------------------------------------------------------------

    def key_of(self, call: Call) -> str:
        """From the header."""
        return call.headers.get("KEY", "")

    def symbol_of(self, call: Call) -> str:
        """From the query, the path, the body, or the first item of a batch."""
        names: list[Any] = [*call.path.split("/")[5:]]
        try:
            names.append(query_of(call.query).get("contract"))
            body = json_of(call.body) if call.body else None
            first = body[0] if isinstance(body, list) and body else body
            names.append(first.get("contract") if isinstance(first, dict) else None)
        except Refused:
            pass
        found = (self._calls.symbols.get(one) for one in names if isinstance(one, str))
        return next((one for one in found if one), "")

    def answer(self, call: Call) -> Reply:
        """Carry out a request; every refusal becomes Gate's own."""
        try:
            return self._carried_out(call)
        except Refused as refused:
            return self._labelled(*spelled(refused))

    def refused(self, reason: Reason, path: str = "") -> Reply:
        """In Gate's words."""
        return self._labelled(*spelled(Refused(reason, path)))

    def error(self, code: int, message: str, status: int) -> Reply:
        """Gate has labels and no codes: `message` is `LABEL` or `LABEL: text`."""
        return self._labelled(*chosen(message), status)

    def _labelled(self, label: str, message: str, status: int = 0) -> Reply:
        body = dumps({"label": label, "message": message})
        return self._reply(status or usual_status(label), body, label)

    def _reply(self, status: int, body: str, label: str = "", *, booked: bool = False) -> Reply:
        headers = {
            "X-Gate-RateLimit-Requests-Remain": "0" if status == 429 else str(LIMIT_PER_WINDOW - 1),
            "X-Gate-RateLimit-Limit": str(LIMIT_PER_WINDOW),
            "X-Gate-RateLimit-Reset-Timestamp": str(self._exchange.now_ms() // 1000 + 1),
        }
        return Reply(status, body.encode(), label, booked, headers=headers)

    def _carried_out(self, call: Call) -> Reply:
        for template, tail in _templates(call.path):
            public = self._public.get(template)
            if public is not None and call.method == "GET":
                return self._reply(200, public(Asked.of(call, tail)))
            private = self._private.get((call.method, template))
            if private is not None:
                account = self._venue.account(authenticated(self._venue, call).name)
                accepted = self._exchange.book.accepted
                status, said = private(account, Asked.of(call, tail))
                body = dumps(said)
                if template.startswith(f"{FUTURES}orders") and other_id(self._venue.faults):
                    # The venue has whole numbers only; the other spelling is a text.
                    body = reformed(body, "id", "string")
                return self._reply(status, body, booked=self._exchange.book.accepted > accepted)
        raise Refused(Reason.UNKNOWN_PATH, call.path, call.method)

    # -- WebSocket ------------------------------------------------------------------------------

    def opened(self, socket: Socket, path: str, query: str) -> None:
        """Nothing is said until the client says something."""

    def heard(self, socket: Socket, text: str) -> None:
        """ping, subscribe, unsubscribe, or garbage."""
        self._streams.heard(socket, text)

    def emitted(self, event: Event) -> None:
        """To the streams."""
        self._streams.emitted(event)

    def expire_listen_keys(self, key: str, *, with_event: bool) -> int:
        """This venue has none."""
        return 0


def _templates(path: str) -> list[tuple[str, str]]:
    """The routes that may be meant by a path, each with the path's variable part; /futures/USDT/ is /futures/usdt/."""
    if path[: len(FUTURES)].lower() == FUTURES:
        path = FUTURES + path[len(FUTURES) :]
    parts = path.split("/")
    last, before = parts[-1], parts[-2] if len(parts) > 1 else ""
    return [
        (path, ""),
        ("/".join([*parts[:-1], "{}"]), last),
        ("/".join([*parts[:-2], "{}", last]), before),
    ]
