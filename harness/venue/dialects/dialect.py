"""What a dialect is: it turns native requests into calls of the core, and the core's events into native frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from harness.venue.core.events import Event
from harness.venue.core.hub import Socket
from harness.venue.core.refusal import Reason


@dataclass(frozen=True, slots=True)
class Call:
    """One REST request as it came in. `path` is native: prefix stripped, slashes collapsed; `query` is raw.

    `raw_path`: the path as it was sent, which is what some clients sign.
    """

    method: str
    path: str
    query: str
    body: bytes
    headers: Mapping[str, str]
    raw_path: str = ""
    arrived_ns: int = 0
    """When its first line was read, Unix time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One REST answer. `code`: the native code for the meters; `booked`: an order was accepted by this request."""

    status: int
    body: bytes
    code: str = ""
    booked: bool = False
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Dialect(Protocol):
    """One venue's REST and WebSocket. Nothing here waits: delays and cuts are the server's business.

    Most faults bite in the server and the hub without a dialect's help. These it has to ask for where it concerns its
    venue, all of them in core.disturbances or core.faults, each answer being logged as a firing:
    - batch_fault, item_fails, batch_rows: a batch with one item too many, one missing, reordered or partly failed;
    - other_id: order ids in the venue's other spelling (bybit: numeric instead of a UUID);
    - other_refusal_form: a refused order in the venue's other form (okx: a bad sCode under code "0" instead of "1");
    - faults.fires(FaultKind.BARE_DELTA, ...): a price event without all that may be left out (bybit: lastPrice);
    - faults.fires_here(FaultKind.OBSERVE_SIGNATURE): take a wrong signature for a right one;
    - faults.fires(DELAY_LOGIN | REJECT_LOGIN | REFUSE_SUBSCRIBE, ...): where a socket logs in or subscribes;
    - venue.allows(row): whether a row of the lenient profile holds, and when it made a difference
      venue.meters.lenient_uses[row] += 1.
    """

    name: str
    roots: tuple[str, ...]
    """First path segments of the native REST API: whatever stands before them is a prefix."""
    ping_every_s: float
    """The venue pings by frame this often; 0: never."""
    idle_cut_s: float
    """Strict: a socket that was not heard of for this long is cut; 0: never."""

    def key_of(self, call: Call) -> str:
        """API key of a request, empty when it has none; not verified."""
        ...

    def symbol_of(self, call: Call) -> str:
        """The core's symbol that a request is about, empty when none."""
        ...

    def answer(self, call: Call) -> Reply:
        """Carry out a request."""
        ...

    def refused(self, reason: Reason, path: str = "") -> Reply:
        """The native form of a refusal that the server decided on (maintenance, body too large)."""
        ...

    def error(self, code: int, message: str, status: int) -> Reply:
        """A chosen native error; status 0: the usual one."""
        ...

    def opened(self, socket: Socket, path: str, query: str) -> None:
        """A client completed its handshake."""
        ...

    def heard(self, socket: Socket, text: str) -> None:
        """A text frame came in: anything at all may be in it."""
        ...

    def emitted(self, event: Event) -> None:
        """The core changed: publish it."""
        ...

    def expire_listen_keys(self, key: str, *, with_event: bool) -> int:
        """End the listen keys of an API key (empty: all); returns how many; 0 where the venue has none."""
        ...
