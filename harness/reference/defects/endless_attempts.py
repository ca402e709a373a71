"""Defect: a client that pauses 0.4 s between attempts and knows no limit of ten."""

from __future__ import annotations

from harness.reference import remote

SERVICE = "market_maker"
CATCHES = (
    ("4.2.1", "market-maker-attempts"),
    ("x.quick-downtime", "market-maker-attempts"),
    ("x.quick-downtime", "market-maker-says-attempts"),
)
ATTEMPTS = 300
"""As good as none, and yet an end."""


def apply() -> None:
    """Another timetable."""
    remote.CONNECT_PAUSES_S = (0.4,) * ATTEMPTS  # type: ignore[assignment]
