"""Defect: what happened while the connector was away, the live server never tells."""

from __future__ import annotations

from harness.reference.live_server.following import Following

SERVICE = "live_server"
CATCHES = (("4.2.1", "live-server-orders"),)


def apply() -> None:
    """Fetch the state at the start only."""
    reconcile = Following._reconcile

    async def trusting(self: Following) -> None:
        if not self.is_live:
            await reconcile(self)

    Following._reconcile = trusting  # type: ignore[method-assign]
