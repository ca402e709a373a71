"""Board: the truth as far as it is known (candles, account, position, orders), kept by streams and by fetching."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from harness.reference.live_server.orders import Orders
from harness.reference.live_server.views import (
    AccountView,
    CandleView,
    HistoryView,
    OrderView,
    PositionView,
    TradeView,
    View,
    number,
    same,
)

REMEMBERED_TRADES = 5_000


class Board:
    """Every `tell_*` (a stream's update) and `fetch_*` (an answer) returns what clients have to hear, in order.

    A stream is in order by itself. An answer is a snapshot that may be older or newer than what its stream has told:
    between `begin_fetch` and the answer, what the stream told wins, because whatever the snapshot has beyond it is
    still to come on the stream.
    """

    def __init__(self, symbol: str, interval: str, history_candles: int) -> None:
        self.symbol = symbol
        self.orders = Orders()
        self._interval = interval
        self._history_candles = history_candles
        self._candles: dict[int, CandleView] = {}
        self._account: AccountView | None = None
        self._position: PositionView | None = None
        self._trades: OrderedDict[tuple[int, str], None] = OrderedDict()
        self._told_candles: set[int] = set()
        self._told_account = False
        self._told_position = False

    def everything(self) -> tuple[View, ...]:
        """What a new client needs: history first, then account, position and each open order."""
        history = HistoryView(self.symbol, self._interval, tuple(self._candles.values()))
        known = [one for one in (self._account, self._position) if one is not None]
        return (history, *known, *self.orders.open())

    def begin_fetch(self) -> None:
        """Before the first request of a round."""
        self._told_candles = set()
        self._told_account = self._told_position = False
        self.orders.begin_fetch()

    def tell_candle(self, view: CandleView) -> tuple[View, ...]:
        """A candle of another symbol is none of ours."""
        if view.symbol != self.symbol:
            return ()
        self._told_candles.add(view.time)
        return self._keep_candle(view)

    def fetch_candles(self, found: Iterable[CandleView]) -> tuple[View, ...]:
        """History, oldest first."""
        news: tuple[View, ...] = ()
        for view in found:
            if view.time not in self._told_candles:
                news += self._keep_candle(replace(view, symbol=self.symbol))
        return news

    def tell_account(self, view: AccountView) -> tuple[View, ...]:
        """The account after a change, or as it is at the beginning of a subscription."""
        self._told_account = True
        return self._keep_account(view)

    def fetch_account(self, view: AccountView) -> tuple[View, ...]:
        """The account as fetched."""
        return () if self._told_account else self._keep_account(view)

    def tell_position(self, view: PositionView) -> tuple[View, ...]:
        """A position of another symbol is none of ours."""
        if view.symbol != self.symbol:
            return ()
        self._told_position = True
        return self._keep_position(view)

    def fetch_positions(self, found: Iterable[PositionView]) -> tuple[View, ...]:
        """Positions as fetched; a position that was there and is not among them is flat now."""
        if self._told_position:
            return ()
        ours = next((view for view in found if view.symbol == self.symbol), None)
        if ours is not None:
            return self._keep_position(ours)
        if self._position is None or not number(self._position.size):
            return ()
        return self._keep_position(replace(self._position, size="0", entry_price="0", unrealized_pnl="0"))

    def tell_order(self, view: OrderView) -> tuple[View, ...]:
        """An order of another symbol is none of ours."""
        return self.orders.tell(view) if view.symbol == self.symbol else ()

    def tell_trade(self, view: TradeView) -> tuple[View, ...]:
        """Each trade once, even if fetching has overtaken the order's state that it belongs to."""
        key = (view.order_id, view.trade_id)
        if view.symbol != self.symbol or key in self._trades:
            return ()
        self._trades[key] = None
        if len(self._trades) > REMEMBERED_TRADES:
            self._trades.popitem(last=False)
        return (view,)

    def _keep_candle(self, view: CandleView) -> tuple[View, ...]:
        known = self._candles.get(view.time)
        if known is not None:
            if same(known, view):
                return ()
            self._candles[view.time] = view
            return (view,)
        oldest = next(iter(self._candles), view.time)
        if len(self._candles) >= self._history_candles and view.time < oldest:
            return ()
        newest = next(reversed(self._candles), view.time)
        self._candles[view.time] = view
        if view.time < newest:
            self._candles = dict(sorted(self._candles.items()))
        while len(self._candles) > self._history_candles:
            del self._candles[next(iter(self._candles))]
        return (view,)

    def _keep_account(self, view: AccountView) -> tuple[View, ...]:
        if self._account is not None and same(self._account, view):
            return ()
        self._account = view
        return (view,)

    def _keep_position(self, view: PositionView) -> tuple[View, ...]:
        if self._position is not None and same(self._position, view):
            return ()
        self._position = view
        return (view,)
