"""Neighbours: how much CPU time of this host went to nobody of this run; what they take, the target is short of."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.records import Reading

OTHERS = "host.others"
PERIOD_S = 0.5
_PROC = Path("/proc")
_BUSY = (1, 2, 3)
"""Words of /proc/stat's first line: user, nice, system. Interrupts are nobody's."""
_TIMES = slice(11, 15)
"""Behind the name in /proc/PID/stat: own user and system time, and that of children that have ended."""


class Neighbours:
    """A source for the Sampler: probe host.others, CPU seconds since some moment that this run did not use.

    `services` gives the pids of what was started; None among them: one that cannot be seen, and then nothing is read.
    """

    def __init__(self, services: Callable[[], Iterable[int | None]]) -> None:
        self._services = services
        self._due_s = 0.0
        self._ticks = os.sysconf("SC_CLK_TCK")

    async def read(self) -> tuple[Reading, ...]:
        """At most one reading, every PERIOD_S; none where the platform does not tell."""
        if monotonic_s() < self._due_s:
            return ()
        self._due_s = monotonic_s() + PERIOD_S
        roots = [os.getpid(), *self._services()]
        pids = {pid for root in roots if root is not None for pid in _family(root)}
        if None in roots:
            return ()
        try:
            line = (_PROC / "stat").read_text().split("\n", 1)[0].split()
            busy = sum(int(line[at]) for at in _BUSY)
        except (OSError, ValueError, IndexError):
            return ()
        ours = sum(_used(pid) for pid in pids)
        return (Reading(now_ns(), OTHERS, (busy - ours) / self._ticks, "s"),)


def _family(pid: int) -> Iterator[int]:
    """The process and its descendants."""
    yield pid
    with contextlib.suppress(OSError):
        for listed in (_PROC / str(pid) / "task").glob("*/children"):
            with contextlib.suppress(OSError):
                for child in listed.read_text().split():
                    yield from _family(int(child))


def _used(pid: int) -> int:
    """Ticks; 0 for one that has just ended."""
    with contextlib.suppress(OSError, ValueError):
        return sum(int(word) for word in (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[_TIMES])
    return 0
