"""Inflicted: the course that every fault takes: begin, see it bite, heal whatever happens, with a mark for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.records import Mark
from harness.trial.trial import CutShort, Trial
from harness.venue.control import ControlError

LOOK_EVERY_S = 0.02
BITE_LIMIT_S = 10.0


@dataclass(frozen=True, slots=True)
class Bite:
    """A fault was seen to have bitten. `t_ns` 0: somewhen since it was last looked for."""

    t_ns: int = 0
    detail: Mapping[str, str] = field(default_factory=dict)


Look = Callable[[], Awaitable[Bite | None]]
Act = Callable[[], Awaitable[object]]


class Fault:
    """A fault that has begun. `bit`: it was seen to have bitten, and marked so."""

    def __init__(self, trial: Trial, kind: str, subject: str, look: Look, every_s: float) -> None:
        self.kind = kind
        self.subject = subject
        self._trial = trial
        self._look = look
        self._every_s = every_s
        self._not_yet_ns = now_ns()
        self._turn = asyncio.Lock()
        self._bit = asyncio.Event()

    @property
    def bit(self) -> bool:
        """Whether it was seen to have bitten so far."""
        return self._bit.is_set()

    async def bites(self, limit_s: float = BITE_LIMIT_S) -> None:
        """Wait until it has bitten. Raises CutShort when it did not within `limit_s`."""
        try:
            await asyncio.wait_for(self._bit.wait(), limit_s)
        except TimeoutError:
            raise CutShort(f"fault {self.kind} on {self.subject} did not bite within {limit_s:g} s") from None

    async def watch(self) -> None:
        """Look until it has bitten."""
        while not await self.look_once():
            await asyncio.sleep(self._every_s)

    async def watch_for(self, limit_s: float) -> None:
        """Look until it has bitten, at most so long."""
        end_s = monotonic_s() + limit_s
        while not await self.look_once() and monotonic_s() < end_s:
            await asyncio.sleep(self._every_s)

    async def look_once(self) -> bool:
        """Look now and mark it when it has bitten; what cannot be asked has not been seen."""
        async with self._turn:
            if self.bit:
                return True
            looked_ns = now_ns()
            try:
                bite = await self._look()
            except (OSError, TimeoutError, ControlError):
                bite = None
            if bite is None:
                self._not_yet_ns = looked_ns
                return False
            detail = {**bite.detail, "kind": self.kind, "subject": self.subject}
            earliest_ns = 0 if bite.t_ns else self._not_yet_ns
            self._trial.record(Mark(bite.t_ns or now_ns(), "fault.bit", detail, earliest_ns))
            self._bit.set()
            return True


@asynccontextmanager
async def inflicted(
    trial: Trial,
    kind: str,
    subject: str,
    *,
    begin: Act,
    look: Look,
    heal: Act,
    bites_within_s: float = 0.0,
    every_s: float = LOOK_EVERY_S,
    **detail: str,
) -> AsyncIterator[Fault]:
    """A fault for the length of a block, with its marks; healed also when `begin` or the block fails.

    `look` says whether it has bitten: asked every `every_s` until it has, and a last time before it is healed. A fault
    that bites by itself gets `bites_within_s` before the block begins. One that never bites leaves no fault.bit:
    the case was then not exercised, for a criterion to say. `detail` goes into fault.begin.
    """
    named = {"kind": kind, "subject": subject}
    trial.record(Mark(now_ns(), "fault.begin", {**detail, **named}))
    fault = Fault(trial, kind, subject, look, every_s)
    watching: asyncio.Task[None] | None = None
    begun = False
    try:
        await begin()
        begun = True
        if bites_within_s:
            await fault.watch_for(bites_within_s)
        watching = asyncio.create_task(fault.watch(), name=f"watch {kind} bite")
        yield fault
    finally:
        try:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
            if begun:
                await fault.look_once()
        finally:
            await surely(heal, lambda: trial.record(Mark(now_ns(), "fault.heal", named)))


async def surely(heal: Act, healed: Callable[[], None]) -> None:
    """Carry it out to its end, however often the trial is cancelled meanwhile: no fault outlives its trial."""

    async def whole() -> None:
        await heal()
        healed()

    healing = asyncio.create_task(whole(), name="heal")
    cancelled: asyncio.CancelledError | None = None
    while not healing.done():
        try:
            await asyncio.wait([healing])
        except asyncio.CancelledError as error:
            cancelled = error
    healing.result()
    if cancelled is not None:
        raise cancelled
