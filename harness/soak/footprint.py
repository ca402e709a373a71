"""What the harness itself takes while a soak runs: memory and processor time of its process, and the venue's."""

from __future__ import annotations

import time
from collections.abc import Callable

import psutil

from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.records import Reading


class Footprint:
    """Readings harness.rss, harness.cpu (percent of one core since the last look) and, seen from here, venue.rss."""

    def __init__(self, venue_pid: Callable[[], int]) -> None:
        self._me = psutil.Process()
        self._venue_pid = venue_pid
        self._spent_s = time.process_time()
        self._at_s = monotonic_s()

    async def read(self) -> tuple[Reading, ...]:
        """Now."""
        at_s, spent_s = monotonic_s(), time.process_time()
        percent = 100.0 * (spent_s - self._spent_s) / max(at_s - self._at_s, 1e-6)
        self._at_s, self._spent_s = at_s, spent_s
        t_ns = now_ns()
        readings = [
            Reading(t_ns, "harness.rss", float(self._me.memory_info().rss), "bytes"),
            Reading(t_ns, "harness.cpu", percent, "%"),
        ]
        try:
            venue = psutil.Process(self._venue_pid())
            if "harness.venue" in venue.cmdline():  # in a container the number means somebody else
                readings.append(Reading(t_ns, "venue.rss", float(venue.memory_info().rss), "bytes"))
        except psutil.Error:
            pass
        return tuple(readings)
