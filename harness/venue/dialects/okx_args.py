"""The `arg` of OKX's subscriptions: kept as the JSON text that every frame of the channel echoes."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from harness.venue.core.hub import Channel

CANDLE = "candle"
FILTERS = ("instType", "instId", "instFamily", "uly", "ccy")
"""What tells two subscriptions of a channel apart; other keys are echoed and mean nothing."""


def dumps(value: Any) -> str:
    """Without blanks, as the venue writes it."""
    return json.dumps(value, separators=(",", ":"))


@lru_cache(maxsize=4096)
def _read(variant: str) -> dict[str, Any]:
    return dict(json.loads(variant))


def arg_of(channel: Channel) -> dict[str, Any]:
    """The arg that a channel was subscribed with."""
    return _read(channel.variant)


def meaning(channel: Channel) -> tuple[str, ...]:
    """Equal for two channels that bring the same, however their args were written."""
    arg = arg_of(channel)
    return (channel.name, channel.symbol, channel.account, *(arg.get(one) or "" for one in FILTERS))
