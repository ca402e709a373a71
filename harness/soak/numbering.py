"""Numbering: what the taps and clients of a later life count from 1 again gets numbers of its own in the recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.evidence.records import VENUE, Mark, Message, Record

LIVES_APART = 1_000_000
"""Subscriptions of one life, at most."""


def renumbered(record: Callable[[Record], None], life: int) -> Callable[[Record], None]:
    """The sink for a life of the runner: an update that comes again in another life's subscription comes once in each.

    `life`: from 1; the first one's numbers stay.
    """
    base = (life - 1) * LIVES_APART
    if not base:
        return record

    def numbered(one: Record) -> None:
        if isinstance(one, Message) and one.client != VENUE:
            one = replace(one, subscription=base + one.subscription)
        elif isinstance(one, Mark) and one.detail.get("subscription", "").isdigit():
            one = replace(one, detail={**one.detail, "subscription": str(base + int(one.detail["subscription"]))})
        record(one)

    return numbered
