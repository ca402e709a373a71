"""The five records that every part of a run is written down as: Call, Message, Mark, Reading, Fact.

All times are Unix nanoseconds of this host's real-time clock, so that the venue, the clients and
the containers of one host share one timeline. A record is a plain value: it refers to nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

VENUE = "venue"
"""The `client` of the venue's own ledger: the updates that it emitted, whoever was listening."""

UNKNOWN_SERIAL = -1
"""The serial of a message that the venue never sent, as far as its ledger can tell."""

NO_DETAIL: Mapping[str, str] = MappingProxyType({})


class Outcome(StrEnum):
    """How a call ended. UNKNOWN: it may or may not have been done (a deadline on a write)."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Call:
    """One RPC. `due_ns` is when it should have been sent, `sent_ns` when it was, `done_ns` its end."""

    seq: int
    client: str
    method: str
    due_ns: int
    sent_ns: int
    done_ns: int
    outcome: Outcome
    code: str
    """gRPC status code name, for example OK or NOT_FOUND."""


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery on a stream, or (client VENUE) one update that the venue emitted.

    `value` is the field that makes the update unique (price, size, balance, status and executed
    quantity); the venue's ledger turns it into `serial`. `sent_ns` is the venue's emission time, 0
    when unknown. `digest` is a 63-bit hash of the payload's bytes as received, 0 for the venue.
    """

    client: str
    stream: str
    """One of: account, positions, orders, prices, klines, funding."""
    key: str
    """Symbol; order id on the orders stream; empty on the account stream."""
    value: str
    serial: int
    sent_ns: int
    received_ns: int
    subscription: int = 0
    """Counts the client's subscriptions to this stream from 1: a reconnect starts the next one."""
    digest: int = 0
    wrong: str = ""
    """Why the content breaks the contract (a decimal that does not parse); empty when it does not."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something happened at `t_ns`. `earliest_ns`: the last moment at which it had not happened yet,
    where the observer looks now and then; 0 when the time is exact."""

    t_ns: int
    name: str
    detail: Mapping[str, str] = field(default_factory=lambda: NO_DETAIL)
    earliest_ns: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one probe, for example connector.rss in bytes."""

    t_ns: int
    probe: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One observation without a course over time: an exit code, an answer compared with the venue's.

    A probe that no source can serve is the fact `unmeasurable` with the probe as subject and the
    reason as detail.
    """

    name: str
    value: float
    unit: str
    subject: str = ""
    detail: str = ""


Record = Call | Message | Mark | Reading | Fact

UNMEASURABLE = "unmeasurable"
"""Name of the fact that says why a probe has no readings."""
