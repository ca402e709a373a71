"""Probes: sample the service under test, the venue and this instrument at a steady period while a trial runs."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Self

from harness.evidence.clock import NS_PER_S, monotonic_s, now_ns
from harness.evidence.records import Mark, Reading, Record
from harness.venue.control import ControlError, VenueControl

PERIOD_S = 0.2
LAG_PERIOD_S = 0.02
NOTABLE_LAG_S = 0.005
CLOCK_STEP_S = 0.05
KEPT_READINGS = 100
"""Of each probe, for waiting on: many more than anybody waits for, and soon that many, so that memory stays flat."""


Source = Callable[[], Awaitable[Iterable[Reading]]]


class Sampler:
    """Runs while entered; `latest` maps each probe to its newest values, oldest first, for waiting on; `taken` counts
    all that were ever read."""

    def __init__(self, record: Callable[[Record], None]) -> None:
        self._record = record
        self._sources: list[Source] = []
        self._broken: list[Source] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.latest: dict[str, deque[float]] = {}
        self.taken: Counter[str] = Counter()
        self.period_s = PERIOD_S
        """Between two rounds; a long run looks less often."""

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._sample(), name="probes"),
            asyncio.create_task(self._watch_self(), name="instrument lag"),
        ]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """No reading after this. Sampling that broke off is the harness's own failure, and the evidence says so."""
        for task in self._tasks:
            task.cancel()
        for ended in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                self._record(Mark(now_ns(), "trial.error", {"reason": f"sampling broke off: {_told(ended)}"}))
        self._tasks.clear()

    def add(self, source: Source) -> None:
        """Sample this source too, from the next round on."""
        self._sources.append(source)

    async def sample(self) -> None:
        """One round now: a source that cannot answer (its process is gone) leaves a gap, which is evidence."""
        for source in list(self._sources):
            for reading in await self._read(source):
                self._record(reading)
                self.latest.setdefault(reading.probe, deque(maxlen=KEPT_READINGS)).append(reading.value)
                self.taken[reading.probe] += 1

    async def _read(self, source: Source) -> Iterable[Reading]:
        """Nothing from one that cannot answer. One that breaks in any other way is marked once; the others go on."""
        try:
            return await source()
        except (OSError, TimeoutError, ControlError):
            return ()
        except Exception as error:  # noqa: BLE001 - one bad source would silence all probes for the rest of a day
            if source not in self._broken:
                self._broken.append(source)
                self._record(Mark(now_ns(), "probe.broken", {"why": _told(error)}))
            return ()

    async def _sample(self) -> None:
        due_s = monotonic_s()
        while True:
            await self.sample()
            due_s = max(due_s + self.period_s, monotonic_s())
            await asyncio.sleep(due_s - monotonic_s())

    async def _watch_self(self) -> None:
        """How late this event loop wakes up, and whether the clock stepped.

        A reading covers the time since the one before it. A late wake-up gets one of its own, so that it
        casts doubt on what was received meanwhile and on nothing else; the rest is the worst of each second.
        """
        worst_s, reported_s = 0.0, monotonic_s()
        offset_s = now_ns() / NS_PER_S - monotonic_s()
        while True:
            due_ns, due_s = now_ns() + int(LAG_PERIOD_S * NS_PER_S), monotonic_s() + LAG_PERIOD_S
            await asyncio.sleep(LAG_PERIOD_S)
            late_s = monotonic_s() - due_s
            if late_s > NOTABLE_LAG_S:
                self._record(Reading(due_ns, "instrument.lag", worst_s, "s"))
                self._record(Reading(now_ns(), "instrument.lag", late_s, "s"))
                worst_s, reported_s = 0.0, monotonic_s()
                continue
            worst_s = max(worst_s, late_s)
            if monotonic_s() - reported_s < 1.0:
                continue
            self._record(Reading(now_ns(), "instrument.lag", worst_s, "s"))
            stepped_s = now_ns() / NS_PER_S - monotonic_s() - offset_s
            if abs(stepped_s) > CLOCK_STEP_S:
                self._record(Mark(now_ns(), "clock.step", {"by_s": f"{stepped_s:.3f}"}))
                offset_s += stepped_s
            worst_s, reported_s = 0.0, monotonic_s()


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


async def venue_readings(venue: VenueControl) -> tuple[Reading, ...]:
    """The venue's own meters: open sockets and subscriptions."""
    meters = await venue.meters()
    return (
        Reading(now_ns(), "venue.sockets", meters.sockets_now, "sockets"),
        Reading(now_ns(), "venue.subscriptions", len(meters.subscriptions), "subscriptions"),
    )
