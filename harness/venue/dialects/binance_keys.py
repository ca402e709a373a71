"""Binance's listen keys: temporary keys that name a user stream."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from harness.venue.core.keys import ApiKey
from harness.venue.core.refusal import Reason, Refused

LISTEN_KEY_LIFE_MS = 60 * 60_000


@dataclass(slots=True)
class ListenKey:
    """The user stream of one API key."""

    listen_key: str
    key: ApiKey
    expires_ms: int


class ListenKeys:
    """One alive listen key per API key."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._keys: dict[str, ListenKey] = {}

    def find(self, listen_key: str) -> ListenKey | None:
        """The alive listen key of that text."""
        one = self._keys.get(listen_key)
        return one if one is not None and one.expires_ms > self._now_ms() else None

    def post(self, key: ApiKey) -> ListenKey:
        """The same one while it is alive, its life extended."""
        for one in self._keys.values():
            if one.key is key and one.expires_ms > self._now_ms():
                one.expires_ms = self._now_ms() + LISTEN_KEY_LIFE_MS
                return one
        one = ListenKey(secrets.token_hex(32), key, self._now_ms() + LISTEN_KEY_LIFE_MS)
        self._keys[one.listen_key] = one
        return one

    def put(self, key: ApiKey) -> ListenKey:
        """Extend; Refused when the API key has none alive."""
        for one in self._keys.values():
            if one.key is key and one.expires_ms > self._now_ms():
                one.expires_ms = self._now_ms() + LISTEN_KEY_LIFE_MS
                return one
        raise Refused(Reason.LISTEN_KEY)

    def take(self, key: str = "", *, overdue_only: bool = False) -> list[ListenKey]:
        """Remove those of an API key (empty: of all), or those whose time is over."""
        now_ms = self._now_ms()
        taken = [
            one
            for one in self._keys.values()
            if (one.expires_ms <= now_ms if overdue_only else key in ("", one.key.key))
        ]
        for one in taken:
            del self._keys[one.listen_key]
        return taken
