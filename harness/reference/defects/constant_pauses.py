"""Defect: clients that try every second instead of after 1, 2, 4 … 60 s."""

from __future__ import annotations

from harness.reference import remote

SERVICE = ("market_maker", "live_server")
CATCHES = (("4.2.2", "market-maker-back-off"), ("4.2.2", "live-server-back-off"))


def apply() -> None:
    """Another timetable, of ten attempts as well."""
    remote.CONNECT_PAUSES_S = (1,) * 10
