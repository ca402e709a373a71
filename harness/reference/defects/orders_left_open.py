"""Defect: told to stop, the market maker says nothing and leaves its orders where they are."""

from __future__ import annotations

from harness.reference.log import Field, Log
from harness.reference.market_maker.maker import Maker

SERVICE = "market_maker"
CATCHES = (("4.3.1", "orders-handled"), ("4.3.1", "market-maker-graceful"))


def apply() -> None:
    """Skip the cancelling and swallow the line about the shutdown."""
    info = Log.info

    async def leave(self: Maker) -> None:
        return

    def mute(self: Log, message: str, **fields: Field) -> None:
        if message != "graceful shutdown":
            info(self, message, **fields)

    Maker.leave = leave  # type: ignore[method-assign]
    Log.info = mute  # type: ignore[method-assign]
