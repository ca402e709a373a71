"""Defect: the connector stops without a word."""

from __future__ import annotations

from harness.reference.log import Field, Log

SERVICE = "connector"
CATCHES = (("4.3.1", "connector-graceful"),)


def apply() -> None:
    """Swallow the line about the shutdown."""
    info = Log.info

    def mute(self: Log, message: str, **fields: Field) -> None:
        if message != "graceful shutdown":
            info(self, message, **fields)

    Log.info = mute  # type: ignore[method-assign]
