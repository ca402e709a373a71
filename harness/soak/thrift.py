"""Thrift: memory that is free goes back, and no thread hoards its own: for a runner that is to stay small for days."""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_SETTINGS = ((_ARENA_MAX, 1), (_TRIM_THRESHOLD, 128 * 1024), (_MMAP_THRESHOLD, 128 * 1024))


def be_thrifty() -> bool:
    """For this process, before it starts threads; whether the platform's allocator understood all of it.

    By default each of some twenty threads keeps an arena, and Arrow a pool: 20 MB that a runner does not need.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library than glibc
        return False
    taken = [mallopt(what, value) for what, value in _SETTINGS]
    return 0 not in taken
