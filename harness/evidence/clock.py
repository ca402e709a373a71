"""The one door through which time enters the harness, so that tests can hold it."""

from __future__ import annotations

import time

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


def now_ns() -> int:
    """Unix time in nanoseconds: every stamp in Evidence comes from here."""
    return time.time_ns()


def monotonic_s() -> float:
    """Seconds on a clock that never steps: for waits and limits only, never for stamps."""
    return time.monotonic()
