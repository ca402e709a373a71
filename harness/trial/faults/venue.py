"""Faults of the simulated venue, by its own knobs: each for the length of a block, bitten when the venue says so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, Unpack

from harness.trial.faults.inflicted import Bite, Fault, inflicted
from harness.trial.faults.registry import Over, kind
from harness.trial.trial import Trial
from harness.venue.control import FaultKind, VenueControl

LOOK_EVERY_S = 0.1
SEEN_LIMIT_S = 5.0
HIT_NOBODY = "sockets none"
"""What the venue says of a drop that found no socket open."""


class Where(TypedDict, total=False):
    """What a fault is limited to, and when; see VenueControl.fault. Nothing given: everything, now, always."""

    path: str
    method: str
    channel: str
    key: str
    symbol: str
    sockets: str
    count: int
    probability: float
    after_s: float
    for_s: float


@dataclass(frozen=True, slots=True)
class Knob:
    """One knob to set. `proves`: a firing of it is a bite of the fault."""

    kind: FaultKind
    how: Mapping[str, Any]
    proves: bool = True


@asynccontextmanager
async def _knobs(
    trial: Trial, name: str, venue: VenueControl, where: Where, *knobs: Knob, at_once: bool = False
) -> AsyncIterator[Fault]:
    subject = f"venue-{(await venue.identity()).venue}"
    handles: dict[int, bool] = {}

    async def begin() -> None:
        for knob in knobs:
            handles[await venue.fault(knob.kind, **{**where, **knob.how})] = knob.proves

    async def look() -> Bite | None:
        for mark in await venue.marks():
            if mark.name == "fault.bit" and handles.get(mark.handle) and mark.subject != HIT_NOBODY:
                return Bite(mark.t_ns, {"hit": mark.subject})
        return None

    async def heal() -> None:
        for healed in await asyncio.gather(*(venue.heal(handle) for handle in handles), return_exceptions=True):
            if isinstance(healed, BaseException):
                raise healed

    async with inflicted(
        trial, name, subject, begin=begin, look=look, heal=heal, every_s=LOOK_EVERY_S,
        bites_within_s=SEEN_LIMIT_S if at_once else 0.0,
    ) as fault:  # fmt: skip
        yield fault


@kind("venue-refuse", "refuses requests and upgrades", Over.VENUE)
@asynccontextmanager
async def venue_refuse(
    trial: Trial, venue: VenueControl, *, how: Literal["503", "reset", "close", "hang"] = "503", **where: Unpack[Where]
) -> AsyncIterator[Fault]:
    """New requests and WebSocket upgrades get nothing but a refusal; open sockets go on."""
    async with _knobs(trial, "venue-refuse", venue, where, Knob(FaultKind.REFUSE, {"how": how})) as fault:
        yield fault


@kind("venue-stall", "answers nothing and sends no data, with everything open", Over.VENUE)
@asynccontextmanager
async def venue_stall(trial: Trial, venue: VenueControl, **where: Unpack[Where]) -> AsyncIterator[Fault]:
    """Requests and upgrades hang; sockets stay open, pings are answered, and no data comes."""
    hang = Knob(FaultKind.REFUSE, {"how": "hang"})
    async with _knobs(trial, "venue-stall", venue, where, Knob(FaultKind.SILENCE, {}), hang) as fault:
        yield fault


@kind("venue-disconnect", "cuts the open WebSockets", Over.VENUE)
@asynccontextmanager
async def venue_disconnect(
    trial: Trial,
    venue: VenueControl,
    *,
    how: Literal["close", "no_close_frame", "reset", "black_hole"] = "close",
    every_s: float = 0.0,
    keep_out: bool = False,
    **where: Unpack[Where],
) -> AsyncIterator[Fault]:
    """Now, and again `every_s` when that is not 0. `keep_out`: new sockets are refused for the length of the block."""
    drop = Knob(FaultKind.DROP_SOCKETS, {"how": how, "every_s": every_s})
    keep = (Knob(FaultKind.REFUSE_UPGRADE, {}, proves=False),) if keep_out else ()
    async with _knobs(trial, "venue-disconnect", venue, where, *keep, drop, at_once=True) as fault:
        yield fault


@kind("venue-throttle", "refuses requests as too many (HTTP 429, or as the venue says it)", Over.VENUE)
@asynccontextmanager
async def venue_throttle(
    trial: Trial, venue: VenueControl, *, retry_after_s: int | None = None, **where: Unpack[Where]
) -> AsyncIterator[Fault]:
    """Every request is one too many. `retry_after_s`: what the venue tells to wait, where it tells."""
    limit = Knob(FaultKind.NATIVE_ERROR, {"how": "rate limit", "retry_after_s": retry_after_s})
    async with _knobs(trial, "venue-throttle", venue, where, limit) as fault:
        yield fault


@kind("venue-error", "answers requests with an error", Over.VENUE)
@asynccontextmanager
async def venue_error(
    trial: Trial,
    venue: VenueControl,
    *,
    reason: str = "",
    code: int = 0,
    message: str = "",
    status: int = 0,
    **where: Unpack[Where],
) -> AsyncIterator[Fault]:
    """The venue's own error for `reason` (a refusal.Reason) or `code`; with neither, HTTP `status` (500)."""
    if reason or code:
        told = {"how": reason, "code": code, "message": message, "status": status}
        knob = Knob(FaultKind.NATIVE_ERROR, told)
    else:
        knob = Knob(FaultKind.HTTP_STATUS, {"status": status or 500})
    async with _knobs(trial, "venue-error", venue, where, knob) as fault:
        yield fault


@kind("venue-delay", "answers requests late", Over.VENUE)
@asynccontextmanager
async def venue_delay(
    trial: Trial,
    venue: VenueControl,
    *,
    delay_s: float,
    how: Literal["before", "after"] = "before",
    **where: Unpack[Where],
) -> AsyncIterator[Fault]:
    """Each request waits `delay_s` before it is carried out, or after."""
    knob = Knob(FaultKind.DELAY, {"delay_s": delay_s, "how": how})
    async with _knobs(trial, "venue-delay", venue, where, knob) as fault:
        yield fault


@kind("venue-duplicate", "sends each event twice", Over.VENUE)
@asynccontextmanager
async def venue_duplicate(trial: Trial, venue: VenueControl, **where: Unpack[Where]) -> AsyncIterator[Fault]:
    """Limited to a channel or a number of events by `where`."""
    async with _knobs(trial, "venue-duplicate", venue, where, Knob(FaultKind.DUPLICATE, {})) as fault:
        yield fault


@kind("venue-reorder", "sends an event after the next one of its channel", Over.VENUE)
@asynccontextmanager
async def venue_reorder(trial: Trial, venue: VenueControl, **where: Unpack[Where]) -> AsyncIterator[Fault]:
    """Limited to a channel or a number of events by `where`; what is held back when it is healed is sent then."""
    async with _knobs(trial, "venue-reorder", venue, where, Knob(FaultKind.REORDER, {})) as fault:
        yield fault


@kind("venue-skew", "shifts the venue's clock", Over.VENUE)
@asynccontextmanager
async def venue_skew(
    trial: Trial, venue: VenueControl, *, ahead_s: float, **where: Unpack[Where]
) -> AsyncIterator[Fault]:
    """The venue's clock is `ahead_s` ahead, or behind when that is negative."""
    knob = Knob(FaultKind.SKEW, {"delay_s": ahead_s})
    async with _knobs(trial, "venue-skew", venue, where, knob, at_once=True) as fault:
        yield fault
