"""AccountFeed: the account and positions streams, from a snapshot and every account event since, each told once."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import Message

from harness.reference.connector.backends.backend import Sink, Topic
from harness.reference.connector.backends.network.account_state import (
    AccountEvent,
    AccountState,
    position_message,
    unseen,
)
from harness.reference.connector.backends.network.dialect import AccountSnapshot, PositionState, Totals

ACCOUNT, POSITIONS = Topic("account"), Topic("positions")


class AccountFeed:
    """Without a state events are nobody's; while a snapshot is on its way they are kept."""

    def __init__(self) -> None:
        self._state: AccountState | None = None
        self._early: list[AccountEvent] | None = None

    @property
    def is_known(self) -> bool:
        """Whether there is a state to go on from."""
        return self._state is not None

    def forget(self) -> None:
        """The private stream is gone."""
        self._state = None

    def begin(self, snapshot: AccountSnapshot) -> None:
        """Go on from here."""
        self._state = AccountState(snapshot)

    def keep(self) -> None:
        """Keep events from now on: a snapshot is being asked for."""
        self._early = []

    def kept(self) -> Sequence[AccountEvent]:
        """What was kept; no more is."""
        early, self._early = self._early, None
        return early or ()

    def begin_late(self, snapshot: AccountSnapshot, early: Sequence[AccountEvent], sink: Sink | None) -> None:
        """Go on from a snapshot and what was kept while it was asked for."""
        self.begin(snapshot)
        for event in unseen(snapshot, early):
            self._apply(event, sink)

    def current(self, topic: Topic) -> Sequence[tuple[str, Message]]:
        """Account or positions after the last event; the other streams have no state."""
        if self._state is None:
            return []
        if topic == ACCOUNT:
            return [("", self._state.message())]
        if topic == POSITIONS:
            return [(one.symbol, position_message(one)) for _, one in sorted(self._state.positions.items())]
        return []

    def event(self, event: AccountEvent, sink: Sink | None) -> None:
        """Kept until the snapshot is there, then applied in order."""
        if self._early is not None:
            self._early.append(event)
        elif self._state is not None:
            self._apply(event, sink)

    def totals(self, told: Totals, sink: Sink | None) -> None:
        """Told as it is."""
        if self._state is not None and sink is not None:
            self._state.told_totals(told)
            sink.publish(ACCOUNT, "", self._state.message())

    def all_positions(self, positions: Sequence[PositionState], sink: Sink | None) -> None:
        """Those that changed."""
        if self._state is not None and sink is not None:
            for one in self._state.replaced_by(positions):
                sink.publish(POSITIONS, one.symbol, position_message(one))

    def _apply(self, event: AccountEvent, sink: Sink | None) -> None:
        if self._state is None or sink is None:
            return
        t_ms, wallet, positions, totals = event
        changed = [one for one in (self._state.told_position(t_ms, told) for told in positions) if one is not None]
        if wallet is not None and self._state.told_wallet(t_ms, wallet):
            if totals is not None:
                self._state.told_totals(totals)
            sink.publish(ACCOUNT, "", self._state.message())
        for one in changed:
            sink.publish(POSITIONS, one.symbol, position_message(one))
