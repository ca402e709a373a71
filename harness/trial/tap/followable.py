"""Followable: what a trial needs of a stream to follow it, its own client's or that of a client that it watches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Followable(Protocol):
    """A `Subscription` is one, and so is a `TappedStream`."""

    @property
    def client(self) -> str:
        """The client's name."""
        ...

    @property
    def stream(self) -> str:
        """One of: account, positions, orders, prices, klines, funding."""
        ...

    @property
    def keys(self) -> tuple[str, ...]:
        """The symbols that it is limited to; empty: everything on the stream."""
        ...

    @property
    def live(self) -> int:
        """Calls open now."""
        ...

    @property
    def paused(self) -> bool:
        """Whether reading is suspended."""
        ...

    @property
    def subscription(self) -> int:
        """Number of the latest call, from 1."""
        ...

    @property
    def received(self) -> int:
        """Messages over all calls."""
        ...

    def start(self, on_update: Callable[[object], None] | None = None) -> object:
        """Open the stream, where that is the harness's to do."""
        ...

    def mark_live(self) -> None:
        """Record stream.live: from now on, every update is owed."""
        ...
