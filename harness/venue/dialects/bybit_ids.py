"""Bybit's ids: the core's numbers as UUIDs, and back."""

from __future__ import annotations

import hashlib


def uuid_of(number: int) -> str:
    """Always the same UUID for a number below 2^48; no two numbers share one."""
    digest = hashlib.blake2b(number.to_bytes(8, "big"), digest_size=8).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-4{digest[12:15]}-8{digest[13:16]}-{number:012x}"


def number_of(text: str) -> int | None:
    """The number that `uuid_of` gave this text for, None when it gave it for none."""
    tail = text.rpartition("-")[2]
    if len(tail) != 12 or not tail.isascii() or not tail.isalnum():
        return None
    try:
        number = int(tail, 16)
    except ValueError:
        return None
    return number if uuid_of(number) == text.lower() else None
