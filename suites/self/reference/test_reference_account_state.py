"""The account stream's state: whenever the snapshot was taken, every later event counts once and no earlier one."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference.connector.backends.network.account_state import AccountState
from harness.reference.connector.backends.network.dialect import AccountSnapshot, PositionState

pytestmark = pytest.mark.self

SYMBOLS = ("BTCUSDT", "ETHUSDT")
Event = tuple[int, str, str, str]


@st.composite
def histories(draw: st.DrawFn) -> list[Event]:
    """Events (time, wallet, symbol, size) in order of time, several of them maybe within one millisecond."""
    steps = draw(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(SYMBOLS), st.integers(-5, 5)), max_size=12))
    t_ms, made = 1000, list[Event]()
    for number, (step, symbol, size) in enumerate(steps):
        t_ms += step
        made.append((t_ms, f"{10_000 + number}.{number:08d}", symbol, f"{size}.{number:03d}"))
    return made


def snapshot_after(events: list[Event]) -> AccountSnapshot:
    last = {symbol: (t_ms, size) for t_ms, _, symbol, size in events}
    positions = tuple(
        PositionState(symbol, size, "100", "0", leverage=5, updated_ms=t_ms)
        for symbol, (t_ms, size) in last.items() if Decimal(size)
    )  # fmt: skip
    t_ms, wallet = (events[-1][0], events[-1][1]) if events else (0, "10000")
    return AccountSnapshot(wallet, t_ms, wallet, wallet, Decimal(0), "0", positions)


@given(histories(), st.data())
def test_events_after_the_snapshot_count_once_and_earlier_ones_not_at_all(
    events: list[Event], data: st.DataObject
) -> None:
    taken = data.draw(st.integers(0, len(events)))
    state = AccountState(snapshot_after(events[:taken]))
    told = [wallet for t_ms, wallet, _, _ in events if state.told_wallet(t_ms, wallet)]
    assert told == [wallet for _, wallet, _, _ in events[taken:]]
    assert state.wallet == (events[-1][1] if events else "10000")


@given(histories())
def test_the_message_adds_up(events: list[Event]) -> None:
    state = AccountState(snapshot_after([]))
    for t_ms, wallet, symbol, size in events:
        state.told_wallet(t_ms, wallet)
        state.told_position(t_ms, PositionState(symbol, size, "100", size, leverage=5))
    message = state.message()
    unrealised = sum((Decimal(one.unrealized_pnl.value) for one in message.positions), Decimal(0))
    margin = Decimal(message.total_margin_balance.value)
    assert margin == Decimal(message.total_wallet_balance.value) + unrealised
    assert 0 <= Decimal(message.available_balance.value) <= margin
    last = {symbol: size for _, _, symbol, size in events}
    assert {one.symbol: one.size.value for one in message.positions} == {
        symbol: size for symbol, size in last.items() if Decimal(size)
    }  # fmt: skip
