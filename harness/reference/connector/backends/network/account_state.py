"""AccountState: the account and its positions, from one REST snapshot and every event since."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from harness.reference.connector.backends.network.dialect import AccountSnapshot, PositionState, Totals
from harness.reference.connector.decimals import wire
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types


@dataclass
class _Covered:
    """What the snapshot contains of one balance or position: everything up to a time, and of that millisecond
    everything up to the value it showed (the socket is open for longer than that before a snapshot is taken)."""

    updated_ms: int
    value: str
    reached: bool = False

    def has(self, t_ms: int, value: str) -> bool:
        """Whether the snapshot was taken after this event. Events come in order."""
        if t_ms != self.updated_ms:
            return t_ms < self.updated_ms
        if self.reached:
            return False
        self.reached = Decimal(value or 0) == Decimal(self.value or 0)
        return True


AccountEvent = tuple[int, str | None, Sequence[PositionState], Totals | None]
"""Unix ms, the wallet when it was told, positions named, totals when they were told."""


def unseen(snapshot: AccountSnapshot, events: Sequence[AccountEvent]) -> Sequence[AccountEvent]:
    """Of the events heard until now, what a snapshot without times does not contain yet.

    Of the wallet and of each position: what came after the last event that left it as the snapshot shows it.
    """
    if snapshot.is_timed:
        return events
    held = {one.symbol: Decimal(one.size or 0) for one in snapshot.positions}
    wallet_seen, seen = -1, dict[str, int]()
    for index, (_, wallet, positions, _) in enumerate(events):
        if wallet is not None and Decimal(wallet) == Decimal(snapshot.wallet):
            wallet_seen = index
        seen |= {one.symbol: index for one in positions if Decimal(one.size or 0) == held.get(one.symbol, 0)}
    return [
        (
            t_ms,
            wallet if index > wallet_seen else None,
            [one for one in positions if index > seen.get(one.symbol, -1)],
            totals,
        )
        for index, (t_ms, wallet, positions, totals) in enumerate(events)
    ]


class AccountState:
    """Events that the snapshot already contains are recognised and passed over, so that none is told twice.

    Margin = wallet + unrealised profits. Available = margin less what positions and orders tie up: positions at their
    entry price and leverage, orders as of the snapshot; REST (GetAccount) has the venue's own figure.
    """

    def __init__(self, snapshot: AccountSnapshot) -> None:
        self._snapshot = snapshot
        self.wallet = snapshot.wallet
        self._covered = _Covered(snapshot.wallet_updated_ms, snapshot.wallet)
        self.positions: dict[str, PositionState] = {one.symbol: one for one in snapshot.positions}
        self._covered_positions = {one.symbol: _Covered(one.updated_ms, one.size) for one in snapshot.positions}
        self._has_moved = False
        self._totals: Totals | None = None

    def told_totals(self, told: Totals) -> None:
        """All totals told by an event: nothing need be reckoned."""
        self.wallet = told.wallet
        self._totals = told

    def told_wallet(self, t_ms: int, wallet: str) -> bool:
        """A wallet balance told by an event; False when the snapshot was taken after it."""
        if self._snapshot.is_timed and self._covered.has(t_ms, wallet):
            return False
        self.wallet = wallet
        self._has_moved = True
        return True

    def told_position(self, t_ms: int, told: PositionState) -> PositionState | None:
        """A position told by an event, completed; None when the snapshot was taken after it."""
        covered = self._covered_positions.get(told.symbol)
        if self._snapshot.is_timed and covered is not None and covered.has(t_ms, told.size):
            return None
        known = self.positions.get(told.symbol)
        leverage = told.leverage or (known.leverage if known else 0) or self._snapshot.leverage_of.get(told.symbol, 0)
        complete = _reckoned(replace(told, leverage=leverage, updated_ms=t_ms), known)
        if Decimal(told.size or 0):
            self.positions[told.symbol] = complete
        else:
            self.positions.pop(told.symbol, None)
        self._has_moved = True
        return complete

    def replaced_by(self, positions: Sequence[PositionState]) -> Iterator[PositionState]:
        """A venue that always tells the full list: what changed, closed ones with size 0."""
        told = {one.symbol: one for one in positions}
        for symbol, known in list(self.positions.items()):
            if symbol not in told:
                del self.positions[symbol]
                yield replace(known, size="0", unrealised="0")
        for symbol, one in told.items():
            before = self.positions.get(symbol)
            self.positions[symbol] = one
            # Profits move with the mark price: that another position's event shows it is no update of this one.
            if before is None or _lasting(before) != _lasting(one):
                yield one

    def message(self) -> resources.Account:
        """The account as it is after the last event."""
        positions = [position_message(one) for _, one in sorted(self.positions.items())]
        margin, available = self._snapshot.margin, self._snapshot.available
        maintenance = self._snapshot.maintenance_margin
        if self._totals is not None:
            margin, available = self._totals.margin, self._totals.available
            maintenance = self._totals.maintenance_margin
        elif self._has_moved:
            total = Decimal(self.wallet) + sum(Decimal(one.unrealised or 0) for one in self.positions.values())
            tied = self._snapshot.order_margin + sum(_tied_up(one) for one in self.positions.values())
            margin, available = format(total, "f"), format(min(total, max(Decimal(0), total - tied)), "f")
        return account_message(self.wallet, margin, available, maintenance, positions)


def account_message(
    wallet: str, margin: str, available: str, maintenance: str, positions: Sequence[resources.Position]
) -> resources.Account:
    """The contract's message. health_score is the part of the margin not needed for maintenance, 1 when all is free."""
    total = Decimal(margin or 0)
    health = Decimal(1) if total <= 0 else max(Decimal(0), 1 - Decimal(maintenance or 0) / total)
    return resources.Account(
        total_wallet_balance=wire(wallet),
        total_margin_balance=wire(margin),
        available_balance=wire(available),
        positions=positions,
        account_leverage=max((one.leverage for one in positions), default=0),
        is_unified=False,
        health_score=wire(health.quantize(Decimal("0.0001"))),
        margin_mode=types.MARGIN_MODE_REGULAR,
        adjusted_equity=wire(margin),
        total_maintenance_margin=wire(maintenance),
    )


def position_message(one: PositionState) -> resources.Position:
    """The contract's message; fields that the venue did not tell stay unset."""
    message = resources.Position(
        symbol=one.symbol,
        size=wire(one.size),
        entry_price=wire(one.entry_price),
        unrealized_pnl=wire(one.unrealised),
        leverage=one.leverage,
        margin_type=one.margin_type,
        isolated_margin=wire(one.isolated_margin),
    )
    if one.mark_price:
        message.mark_price.CopyFrom(wire(one.mark_price))
    if one.liquidation_price:
        message.liquidation_price.CopyFrom(wire(one.liquidation_price))
    return message


def _reckoned(told: PositionState, known: PositionState | None) -> PositionState:
    """A venue that tells no profit with the event: at the last mark price that it did tell."""
    if told.unrealised or known is None or not known.mark_price:
        return told
    profit = (Decimal(known.mark_price) - Decimal(told.entry_price or 0)) * Decimal(told.size or 0)
    return replace(told, unrealised=format(profit, "f"), mark_price=known.mark_price)


def _lasting(one: PositionState) -> PositionState:
    return replace(one, unrealised="", mark_price="", liquidation_price="", isolated_margin="")


def _tied_up(one: PositionState) -> Decimal:
    if not one.leverage:
        return Decimal(0)
    return abs(Decimal(one.size or 0)) * Decimal(one.entry_price or 0) / one.leverage
