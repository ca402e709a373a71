"""The rows of the lenient profile that concern bitget: whether each holds, and how often it made a difference."""

from __future__ import annotations

from harness.venue.venue import Venue

CLIENT_ID, WEBSOCKET, PENDING = "client order id key", "bitget WS", "bitget orders-pending"
ORDER_FIELDS, ACCOUNT, POSITIONS = "bitget order fields", "bitget single account", "bitget positions"
CANCEL_AND_CANDLES = "bitget batch cancel, candles"


class Rows:
    """Named as the contract's table names them; a knob switches each by that name."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def taken(self, row: str, *, odd: bool = True) -> bool:
        """Whether something (when `odd`: something only this row allows) is allowed; counted when it is."""
        if not odd or not self._venue.allows(row):
            return False
        self._venue.meters.lenient_uses[row] += 1
        return True
