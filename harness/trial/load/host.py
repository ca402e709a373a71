"""What else the machine was doing: stolen time, CPU frequency and thermal throttling, sampled while a load runs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.evidence.clock import now_ns
from harness.evidence.records import Fact

PERIOD_S = 0.25
_STEAL = 7
"""Position of the stolen time among the words of /proc/stat's first line; the ones before add up to the rest."""


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The machine at one moment. Ticks of all CPUs together; None and empty: the platform does not tell."""

    t_ns: int
    steal_ticks: int | None
    all_ticks: int
    mhz: tuple[float, ...]
    throttled: int | None


def glimpse() -> Glimpse:
    """Look now."""
    steal, everything = _ticks()
    return Glimpse(now_ns(), steal, everything, _mhz(), _throttled())


class HostWatch:
    """Looks every PERIOD_S from `start` to `stop`."""

    def __init__(self) -> None:
        self.seen: list[Glimpse] = []
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; again is harmless."""
        if self._task is None:
            self._task = asyncio.create_task(self._look(), name="watch the host")

    async def stop(self) -> None:
        """End."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.seen.append(glimpse())

    async def _look(self) -> None:
        while True:
            self.seen.append(glimpse())
            await asyncio.sleep(PERIOD_S)


def host_facts(seen: list[Glimpse], window: str, begin_ns: int, end_ns: int) -> Iterator[Fact]:
    """host.* over a window, from just before it to just after; what the platform does not tell is left out."""
    before = [one for one in seen if one.t_ns <= begin_ns]
    after = [one for one in seen if one.t_ns >= end_ns]
    within = [*before[-1:], *(one for one in seen if begin_ns < one.t_ns < end_ns), *after[:1]]
    if len(within) < 2:
        return
    first, last = within[0], within[-1]
    if first.steal_ticks is not None and last.steal_ticks is not None and last.all_ticks > first.all_ticks:
        share = (last.steal_ticks - first.steal_ticks) / (last.all_ticks - first.all_ticks)
        yield Fact("host.steal_percent", 100 * share, "%", window)
    clocks = [max(one.mhz) for one in within if one.mhz]  # an idle core beside the busy one slows nobody down
    if clocks:
        yield Fact("host.cpu_mhz_min", min(clocks), "MHz", window)
        yield Fact("host.cpu_mhz_max", max(clocks), "MHz", window)
    if first.throttled is not None and last.throttled is not None:
        yield Fact("host.throttled", last.throttled - first.throttled, "events", window)


def _ticks() -> tuple[int | None, int]:
    try:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    except OSError:
        return None, 0
    ticks = [int(word) for word in words[1 : _STEAL + 2]]
    return (ticks[_STEAL], sum(ticks)) if len(ticks) > _STEAL else (None, 0)


def _mhz() -> tuple[float, ...]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ()
    return tuple(float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz"))


def _throttled() -> int | None:
    files = list(Path("/sys/devices/system/cpu").glob("cpu[0-9]*/thermal_throttle/core_throttle_count"))
    try:
        return sum(int(file.read_text()) for file in files) if files else None
    except (OSError, ValueError):
        return None
