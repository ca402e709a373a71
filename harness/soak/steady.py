"""Steady time: how long it has lasted over all lives of the runner, and how long it still has to."""

from __future__ import annotations

from collections.abc import Callable

from harness.evidence.clock import monotonic_s, now_ns
from harness.soak.watch import seconds_between

SPARE_S = 1.5
"""More than a clock's step needs to be noticed: one in the last second is made up for as well."""


class SteadyTime:
    """`before_s`: of the lives before; `stepped_s`: by how much the clock has jumped so far, all steps added up."""

    def __init__(self, duration_s: float, before_s: float, stepped_s: Callable[[], float]) -> None:
        self._duration_s = duration_s
        self._before_s = before_s
        self._stepped_s = stepped_s
        self._began_s = 0.0
        self.begin_ns = 0
        """When that of this life began, Unix time; 0: not yet."""
        self.end_ns = 0
        """When it ended; 0: not yet."""

    def begin(self) -> None:
        """Now."""
        self.begin_ns, self._began_s = now_ns(), monotonic_s()

    def end(self) -> None:
        """Now: it stays as long as it is."""
        self.end_ns = now_ns()

    def lasted_s(self, t_ns: int) -> float:
        """Until then, of all lives."""
        mine = seconds_between(self.begin_ns, self.end_ns or t_ns) if self.begin_ns else 0.0
        return self._before_s + mine

    @property
    def left_s(self) -> float:
        """By the clock that has gone less far: the stamps that are judged are wall time, which may be set forward.

        Judging widens what it computes from stamps by every step, so that each makes the run longer by as much.
        """
        gone_s = min(monotonic_s() - self._began_s, seconds_between(self.begin_ns, now_ns())) if self.begin_ns else 0.0
        return self._duration_s + self._stepped_s() + SPARE_S - self._before_s - gone_s
