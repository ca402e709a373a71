"""What the measuring client must know of an RPC: its path, and whether it changes something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Rpc(Protocol):
    """Anything with a path and a `writes`, such as the constants in harness.client.methods."""

    @property
    def path(self) -> str:
        """The HTTP/2 path, for example /opensqt.market_maker.v1.ExchangeService/GetName."""
        ...

    @property
    def writes(self) -> bool:
        """After a lost answer it may or may not have been done."""
        ...


@dataclass(frozen=True, slots=True)
class Path:
    """An RPC that no constant names: a stream, a health check."""

    path: str
    writes: bool = False
