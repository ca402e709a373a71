"""Defect: the position stream ignores its symbol filter."""

from __future__ import annotations

from harness.reference.connector.hub import Subscriber

CATCHES = (("3.1.2", "foreign"),)


def apply() -> None:
    """Every subscriber wants every symbol, whatever it asked for."""
    made = Subscriber.__init__

    def make(self: Subscriber, *given: object, **named: object) -> None:
        made(self, *given, **named)  # type: ignore[arg-type]
        self.symbols = frozenset()

    Subscriber.__init__ = make  # type: ignore[method-assign]
