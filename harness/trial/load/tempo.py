"""Wake one greenlet at a moment of the real-time clock, within some 50 us; only in Locust's process.

gevent's own timers wait in whole milliseconds, rounded up: every call of every user would leave late.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

import gevent  # type: ignore[import-untyped,unused-ignore]
from gevent.event import Event  # type: ignore[import-untyped,unused-ignore]

from harness.evidence.clock import NS_PER_S, now_ns

_CLOCK_REALTIME, _ABSOLUTE, _NONBLOCK, _CLOEXEC = 0, 1, 0o4000, 0o2000000
_READ = 1


class _Moment(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Moment), ("value", _Moment))


class Alarm:
    """One greenlet waits; `ring` wakes it early, from any greenlet."""

    def __init__(self) -> None:
        self._fd = _timer()
        self._setting = _Setting()
        self._hub = gevent.get_hub()
        self._watcher = self._hub.loop.io(self._fd, _READ) if self._fd >= 0 else None
        self._rung = Event()

    @property
    def exact(self) -> bool:
        """Whether the platform has timers finer than gevent's own."""
        return self._fd >= 0

    def until(self, t_ns: int) -> None:
        """Wait until then (Unix ns); back at once when that is over or `ring` was called."""
        if self._watcher is None:
            if (left_ns := t_ns - now_ns()) > 0:
                self._rung.wait(left_ns / NS_PER_S)
            return
        if not self._rung.is_set():
            self._set(t_ns)
            self._hub.wait(self._watcher)

    def ring(self) -> None:
        """Wake whoever waits, now and from now on."""
        self._rung.set()
        if self._fd >= 0:
            self._set(1)

    def rest(self) -> None:
        """Forget that it was rung."""
        self._rung.clear()

    def close(self) -> None:
        """Free the timer. Nobody may wait."""
        if self._watcher is not None:
            self._watcher.stop()
            self._watcher.close()
            self._watcher = None
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                os.close(self._fd)
            self._fd = -1

    def _set(self, t_ns: int) -> None:
        value = self._setting.value
        value.seconds, value.nanoseconds = divmod(max(1, t_ns), NS_PER_S)
        _libc.timerfd_settime(self._fd, _ABSOLUTE, ctypes.byref(self._setting), None)


_libc = ctypes.CDLL(None, use_errno=True)


def _timer() -> int:
    """A timer of the kernel as a descriptor; -1 where there is none."""
    if not sys.platform.startswith("linux"):
        return -1
    return int(_libc.timerfd_create(_CLOCK_REALTIME, _NONBLOCK | _CLOEXEC))
