"""Bitget's position modes: one-way or hedge, by account, over a core that has one net position a symbol."""

from __future__ import annotations

from harness.venue.core.account import Account
from harness.venue.core.orders import Side
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.bitget_views import HEDGE, ONE_WAY


class PositionModes:
    """One-way until an account says otherwise."""

    def __init__(self) -> None:
        self._hedged: set[str] = set()

    def of(self, account: str) -> str:
        """one_way_mode or hedge_mode."""
        return HEDGE if account in self._hedged else ONE_WAY

    def choose(self, account: str, mode: str) -> None:
        """From now on."""
        if mode == HEDGE:
            self._hedged.add(account)
        else:
            self._hedged.discard(account)

    def order_side(
        self, account: Account, symbol: str, side: Side, trade_side: str, reduce_only: bool
    ) -> tuple[Side, bool]:
        """(side, reduce only) in the core's sense of what an order asks for.

        Refused when its words belong to the other mode, and when it would open the side opposite to
        the position held: natively that is a second position, of which the core has none.
        """
        if self.of(account.name) == ONE_WAY:
            if trade_side:
                raise Refused(Reason.POSITION_SIDE)
            return side, reduce_only
        if not trade_side:
            raise Refused(Reason.POSITION_SIDE)
        if trade_side == "close":
            # The side names the position that is closed.
            return (Side.SELL if side is Side.BUY else Side.BUY), True
        if account.position(symbol).size * side.sign < 0:
            raise Refused(Reason.UNSUPPORTED, "both sides of a symbol at once")
        return side, False
