"""Watched: an observer of one connection that cannot slow or break it, whatever it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Observer(Protocol):
    """Gets every byte of one connection in order, when it goes on; `t_ns` is when it was read. It must be quick."""

    def sent(self, chunk: bytes, t_ns: int) -> None:
        """These bytes went from the client to the service."""
        ...

    def replied(self, chunk: bytes, t_ns: int) -> None:
        """These bytes went from the service to the client."""
        ...

    def closed(self, t_ns: int) -> None:
        """The connection is over; nothing comes after this."""
        ...


class Watched:
    """The connection's observer, until it raises: then nobody, and `complain` hears once why."""

    def __init__(self, make: Callable[[], Observer], complain: Callable[[str], None]) -> None:
        self._complain = complain
        self._observer: Observer | None = None
        self._guarded(lambda: setattr(self, "_observer", make()))

    def sent(self, chunk: bytes, t_ns: int) -> None:
        """See `Observer`."""
        if (observer := self._observer) is not None:
            self._guarded(lambda: observer.sent(chunk, t_ns))

    def replied(self, chunk: bytes, t_ns: int) -> None:
        """See `Observer`."""
        if (observer := self._observer) is not None:
            self._guarded(lambda: observer.replied(chunk, t_ns))

    def closed(self, t_ns: int) -> None:
        """See `Observer`."""
        if (observer := self._observer) is not None:
            self._guarded(lambda: observer.closed(t_ns))
            self._observer = None

    def _guarded(self, tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception as error:  # noqa: BLE001 - whatever is wrong with an observer, the bytes go on
            self._observer = None
            self._complain(f"{type(error).__name__}: {error}")
