"""Output: the file that a service writes to for days stays small on the disk: what was read of it is given back."""

from __future__ import annotations

import ctypes
import sys

STEP_BYTES = 1 << 20
_KEEP_SIZE, _PUNCH_HOLE = 1, 2
_HOLES = sys.platform == "linux" and sys.maxsize > 2**32


def give_back_read(descriptor: int, given_back: int, read_bytes: int) -> int:
    """Turn the first `read_bytes` of a file into a hole, a step at a time; returns how many bytes are one now.

    The service writes on at its end meanwhile, so that cutting the file or moving it away could lose a line; with a
    hole it keeps its length. Where the system or the file system has none, the file stays whole.
    """
    if read_bytes - given_back < STEP_BYTES:
        return given_back
    fallocate = getattr(ctypes.CDLL(None), "fallocate", None) if _HOLES else None
    if fallocate is not None:
        flags, zero = ctypes.c_int(_PUNCH_HOLE | _KEEP_SIZE), ctypes.c_int64(0)
        fallocate(ctypes.c_int(descriptor), flags, zero, ctypes.c_int64(read_bytes))
    return read_bytes
