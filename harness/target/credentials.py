"""The credentials that a venue knows and a connector is given; their text never shows in a repr."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Credentials:
    """One account's API key at a venue. An empty passphrase means that there is none."""

    key: str = field(repr=False)
    secret: str = field(repr=False)
    passphrase: str = field(default="", repr=False)
    name: str = "main"

    @classmethod
    def fresh(cls, name: str = "main") -> Credentials:
        """Random credentials: nothing to guess, nothing to leak beyond this run."""
        return cls(secrets.token_hex(16), secrets.token_hex(24), secrets.token_hex(8), name)

    def texts(self) -> tuple[str, ...]:
        """What must never be seen in a log."""
        return tuple(text for text in (self.secret, self.passphrase) if text)
