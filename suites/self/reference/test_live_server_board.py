"""What the live server knows, whatever way a stream and fetched answers interleave: it ends at the truth, told once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference.live_server.board import Board
from harness.reference.live_server.orders import Orders
from harness.reference.live_server.views import (
    AccountView,
    CandleView,
    HistoryView,
    OrderView,
    PositionView,
    TradeView,
    View,
    order,
    same,
)
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources

pytestmark = pytest.mark.self

BTC = "BTCUSDT"
PLACED = OrderView(7, "mine", BTC, "BUY", "LIMIT", "100", "1", "0", "0", "NEW", 1_000)
LIFE = (
    PLACED,
    replace(PLACED, status="PARTIALLY_FILLED", executed_qty="0.2", avg_price="100", update_time=1_000),
    replace(PLACED, status="PARTIALLY_FILLED", executed_qty="0.5", avg_price="100", update_time=1_001),
    replace(PLACED, status="PARTIALLY_FILLED", executed_qty="0.9", avg_price="100", update_time=1_001),
    replace(PLACED, status="FILLED", executed_qty="1.0", avg_price="100", update_time=1_002),
)
CANDLE = CandleView(BTC, 60_000, "1", "2", "1", "2", "5", False)


def respelled(view: OrderView) -> OrderView:
    """The same order as another endpoint may spell it, and with another idea of its time."""
    executed = view.executed_qty + ("0" if "." in view.executed_qty else ".0")
    return replace(view, executed_qty=executed, avg_price=f"{view.avg_price}.00", update_time=view.update_time + 3)


def open_ones(found: Iterable[OrderView]) -> list[OrderView]:
    return [one for one in found if one.is_open]


STEPS = st.tuples(st.sampled_from(["venue", "stream", "fetch"]), st.integers(0, 4), st.integers(0, 4))


@given(st.lists(STEPS, max_size=25))
def test_an_order_ends_at_its_last_state_and_is_never_told_backwards_or_twice(
    steps: list[tuple[str, int, int]],
) -> None:
    """The venue moves on, the stream delivers (in order, perhaps late), an answer is a state since it was asked for."""
    orders, told = Orders(), list[OrderView]()
    there = delivered = 0  # states that exist, and that the stream has delivered
    for kind, choice, late in (*steps, *(("venue", 0, 0), ("stream", 0, 0)) * len(LIFE)):
        if kind == "venue":
            there = min(there + 1, len(LIFE))
        elif kind == "stream" and delivered < there:
            told += orders.tell(LIFE[delivered])
            delivered += 1
        elif kind == "fetch" and there:
            orders.begin_fetch()
            found = respelled(LIFE[min(max(delivered, 1) + choice, there) - 1])
            for view in LIFE[delivered : min(delivered + late, there)]:  # delivered before the answer
                told += orders.tell(view)
                delivered += 1
            told += orders.fetch(open_ones([found]))
            for _ in orders.doubtful(open_ones([found])):
                told += orders.fetch([found])
    assert delivered == len(LIFE)
    progress = [(not one.is_open, float(one.executed_qty)) for one in told]
    assert progress == sorted(set(progress))
    assert told[-1].status == "FILLED"
    assert orders.open() == ()


def test_an_order_that_nobody_knows_any_more_is_not_shown_as_open() -> None:
    orders = Orders()
    orders.tell(PLACED)
    orders.begin_fetch()
    (doubtful,) = orders.doubtful([])
    assert [one.status for one in orders.forget(doubtful)] == ["UNSPECIFIED"]
    assert orders.open() == ()
    assert orders.forget(doubtful) == ()
    # Its end may still be told, and is the better word.
    cancelled = replace(PLACED, status="CANCELED", update_time=2_000)
    assert orders.tell(cancelled) == (cancelled,)


def test_an_order_told_while_the_answer_was_under_way_is_not_doubted() -> None:
    orders = Orders()
    orders.begin_fetch()
    orders.tell(PLACED)
    assert orders.doubtful([]) == ()
    orders.begin_fetch()
    orders.tell(LIFE[1])
    assert orders.doubtful([]) == ()
    orders.begin_fetch()
    assert orders.doubtful([]) == (LIFE[1],)


def test_an_amended_price_is_news_and_its_old_one_is_not() -> None:
    orders = Orders()
    orders.tell(PLACED)
    amended = replace(PLACED, price="101", update_time=1_500)
    assert orders.tell(amended) == (amended,)
    assert orders.fetch([PLACED]) == ()
    assert orders.open() == (amended,)


def test_history_keeps_the_last_candles_in_order() -> None:
    board = Board(BTC, "1m", 3)
    board.fetch_candles([replace(CANDLE, time=at * 60_000, closed=True) for at in (1, 2, 3)])
    new = replace(CANDLE, time=4 * 60_000)
    assert board.tell_candle(new) == (new,)
    assert board.tell_candle(new) == ()
    assert board.tell_candle(replace(new, symbol="ETHUSDT")) == ()
    assert board.fetch_candles([replace(CANDLE, time=60_000)]) == ()  # older than what is kept
    assert [one.time // 60_000 for one in history(board).candles] == [2, 3, 4]
    board.begin_fetch()
    missed = [replace(CANDLE, time=at * 60_000, closed=at < 7) for at in (5, 6, 7)]
    assert board.fetch_candles([replace(new, closed=True), *missed]) == (replace(new, closed=True), *missed)
    assert [one.time // 60_000 for one in history(board).candles] == [5, 6, 7]


def test_a_stream_s_word_outweighs_an_answer_that_was_under_way() -> None:
    board = Board(BTC, "1m", 3)
    old, new = AccountView("1", "1", "1"), AccountView("2", "2", "2")
    board.begin_fetch()
    assert board.tell_account(new) == (new,)
    assert board.fetch_account(old) == ()
    board.begin_fetch()
    assert board.fetch_account(replace(new, available_balance="2.0")) == ()
    assert board.fetch_account(old) == (old,)


def test_a_position_that_is_no_longer_listed_is_flat() -> None:
    board = Board(BTC, "1m", 3)
    board.begin_fetch()
    assert board.fetch_positions([]) == ()
    held = PositionView(BTC, "0.5", "100", "101", "0.5")
    assert board.fetch_positions([replace(held, symbol="ETHUSDT"), held]) == (held,)
    (flat,) = board.fetch_positions([])
    assert isinstance(flat, PositionView)
    assert (flat.size, flat.unrealized_pnl) == ("0", "0")
    assert board.fetch_positions([]) == ()


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8), st.integers(0, 4))
def test_a_number_is_the_same_however_it_is_spelled(value: object, zeros: int) -> None:
    text = format(value, "f")
    longer = text + "0" * zeros if "." in text else text
    assert same(AccountView(text, "0", ""), AccountView(longer, "0.000", ""))
    assert not same(AccountView(text + "1", "0", ""), AccountView(longer, "0", ""))


def test_a_trade_is_told_once() -> None:
    board = Board(BTC, "1m", 3)
    trade = TradeView("t1", 7, "mine", BTC, "BUY", "100", "0.2", "0.01", "USDT", 1_000, "0")
    assert board.tell_trade(trade) == (trade,)
    assert board.tell_trade(trade) == ()
    assert board.tell_trade(replace(trade, symbol="ETHUSDT", trade_id="t2")) == ()


def test_a_status_of_a_newer_contract_is_its_number() -> None:
    assert order(resources.Order(order_id=1, status=99)).status == "99"  # type: ignore[arg-type]


def history(board: Board) -> HistoryView:
    first: View = board.everything()[0]
    assert isinstance(first, HistoryView)
    return first
