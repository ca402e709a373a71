"""Defect: the live server shows each order under the right client id with another order's id."""

from __future__ import annotations

from dataclasses import replace

from harness.reference.live_server import audience, views
from harness.reference.live_server.views import OrderView, View

SERVICE = "live_server"
CATCHES = (("4.1.3", "same-id"),)


def apply() -> None:
    """Off by one on the way out."""
    told = views.text

    def text(view: View) -> str:
        return told(replace(view, order_id=view.order_id + 1) if isinstance(view, OrderView) else view)

    audience.text = text  # type: ignore[attr-defined]
