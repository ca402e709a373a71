"""Defect: the connector starts well and logs an error about it."""

from __future__ import annotations

from harness.reference.log import Field, Log

SERVICE = "connector"
CATCHES = (("4.1.1", "error-lines"),)


def apply() -> None:
    """Complain once it serves."""
    info = Log.info

    def anxious(self: Log, message: str, **fields: Field) -> None:
        info(self, message, **fields)
        if message == "serving":
            self.error("cache could not be filled", cause="not ready yet")

    Log.info = anxious  # type: ignore[method-assign]
