"""The registry of dialects: one line a venue."""

from __future__ import annotations

from collections.abc import Callable

from harness.venue.dialects.binance import Binance
from harness.venue.dialects.bitget import Bitget
from harness.venue.dialects.bybit import Bybit
from harness.venue.dialects.dialect import Dialect
from harness.venue.dialects.gate import Gate
from harness.venue.dialects.okx import Okx
from harness.venue.venue import Venue

DIALECTS: dict[str, Callable[[Venue], Dialect]] = {
    "binance": Binance,
    "bitget": Bitget,
    "bybit": Bybit,
    "gate": Gate,
    "okx": Okx,
}
