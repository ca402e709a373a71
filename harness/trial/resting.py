"""Resting orders for a load: valid at the simulated venues and at the mock, far from the market, never twice."""

from __future__ import annotations

from collections.abc import Mapping

RESTING: Mapping[str, object] = {
    "symbol": "BTCUSDT",
    "side": "ORDER_SIDE_BUY",
    "type": "ORDER_TYPE_LIMIT",
    "time_in_force": "TIME_IN_FORCE_GTC",
    "price": "20000",
    "quantity": "0.001",
    "client_order_id": "{run}-{n}",
}
"""A PlaceOrder request for a LoadPlan. The venues' prices stay within 20 % of 45000: it is never filled."""
