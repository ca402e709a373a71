"""Real-time priority for a generator while it measures: it then wakes when a call is due, not when others let it."""

from __future__ import annotations

import os

PRIORITY = 1
"""The lowest of the real-time ones: above everything ordinary, below what the system itself runs so."""


def in_real_time() -> bool:
    """Put the calling thread before all ordinary ones; whether the platform let us.

    For a generator with a timetable only: one that calls as fast as it can would leave the target no CPU. Threads and
    processes started meanwhile are ordinary ones.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))
    except (AttributeError, OSError):  # another platform, or no CAP_SYS_NICE
        return False
    return True


def ordinary() -> None:
    """Back to where everybody is; harmless when never left."""
    try:
        if os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK == os.SCHED_FIFO:
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except (AttributeError, OSError):
        return
