"""What was used lately: counters, and values that must not come back soon."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Hashable

REMEMBERED = 4096


class Recent:
    """Bounded memory per name."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._order: dict[str, deque[Hashable]] = {}
        self._values: dict[str, set[Hashable]] = {}

    def count(self, name: str) -> int:
        """0 at the first call for this name, then 1, 2 …"""
        self._counts[name] += 1
        return self._counts[name] - 1

    def is_new(self, name: str, value: Hashable) -> bool:
        """True once for a value, then false until REMEMBERED others have come."""
        values = self._values.setdefault(name, set())
        order = self._order.setdefault(name, deque())
        if value in values:
            return False
        values.add(value)
        order.append(value)
        if len(order) > REMEMBERED:
            values.discard(order.popleft())
        return True
