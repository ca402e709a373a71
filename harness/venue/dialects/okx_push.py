"""What OKX pushes: the present state to a new subscriber, then every event of the core in its native frame."""

from __future__ import annotations

from collections.abc import Callable

from harness.venue.core.events import AccountChanged, Event, FundingChanged, OrderChanged, PriceMoved
from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.hub import Channel, Socket
from harness.venue.core.market import Market
from harness.venue.dialects import okx_books as books
from harness.venue.dialects import okx_market_views as market_views
from harness.venue.dialects import okx_views as views
from harness.venue.dialects.okx_args import CANDLE, arg_of, dumps
from harness.venue.dialects.okx_market import BARS
from harness.venue.venue import Venue


class Pushes:
    """Renders an event once per kind of channel; a channel's variant is the `arg` it was subscribed with."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._hub = venue.hub
        self._exchange = venue.exchange
        self._books = books.Books()

    def first(self, socket: Socket, channel: Channel) -> None:
        """The present state, where the venue pushes it; its faults on events apply to it too."""
        data = self._present(channel)
        where = Scope(socket.path, "", channel.name, socket.key, channel.symbol, socket.kind)
        if data and self._venue.faults.fires(FaultKind.SILENCE, where, f"{channel.name} snapshot") is None:
            action = "snapshot" if channel.name in books.BOOKS else ""
            socket.send(self._framed(channel, data, action))

    def _present(self, channel: Channel) -> str:
        if channel.account:
            return self._present_account(channel)
        market, now_ms = self._exchange.markets[channel.symbol], self._exchange.now_ms()
        if channel.name in books.BOOKS:
            if not self._book_followed(channel.symbol):
                self._books.forget(market)
            return self._books.snapshot(market, now_ms)
        if channel.name == "funding-rate":
            return dumps(market_views.funding_rate(market, now_ms))
        if channel.name.startswith("trades"):
            return ""
        if channel.name.startswith(CANDLE):
            one = market.candles.current()[BARS[channel.name.removeprefix(CANDLE)]]
            return dumps(market_views.candle(one, market.instrument, closed=False))
        return self._market_data(channel.name, market, now_ms)

    def _book_followed(self, symbol: str) -> bool:
        return any(one.name in books.BOOKS for one in self._hub.wanted(symbol))

    def _present_account(self, channel: Channel) -> str:
        account = self._exchange.accounts[channel.account]
        if channel.name == "account":
            return dumps(views.balance(self._exchange, account))
        held = [one for one in account.positions.values() if one.size and self._covers(channel, one.symbol)]
        if channel.name == "positions":
            return ",".join(dumps(views.position(self._exchange, account, one)) for one in held)
        if channel.name == "balance_and_position":
            return dumps(views.balance_and_position(self._exchange, account, held, "snapshot"))
        return ""

    # -- what the core tells --------------------------------------------------------------------

    def emitted(self, event: Event) -> None:
        """Render an event once per kind of channel."""
        match event:
            case PriceMoved():
                self._price_moved(event)
            case FundingChanged():
                text = dumps(market_views.funding_rate(event.market, event.t_ms))
                self._to_market(event.market, ("funding",), lambda name: text if name == "funding-rate" else "")
            case OrderChanged():
                self._order_changed(event)
            case AccountChanged():
                self._account_changed(event)

    def _price_moved(self, event: PriceMoved) -> None:
        market, now_ms = event.market, event.t_ms

        def render(name: str) -> str:
            if name.startswith(CANDLE):
                interval = BARS[name.removeprefix(CANDLE)]
                one = event.candles[interval]
                # The last trade of an ended candle closes it; a longer candle that goes on stays open.
                closed = event.closes and market_views.candle_end_ms(one, interval) <= now_ms
                return dumps(market_views.candle(one, market.instrument, closed=closed))
            if name.startswith("trades"):
                return dumps(market_views.trade(event.trade, market.instrument))
            if name in books.BOOKS or name == "funding-rate":
                return ""
            # An order that this price fills still lies in the book: the fill's own event shows it without.
            return "" if name in books.SNAPSHOTS and books.crossed(market) else self._market_data(name, market, now_ms)

        self._to_market(market, ("prices",), render)
        self._book_changed(market, now_ms)

    def _market_data(self, name: str, market: Market, now_ms: int) -> str:
        if name == "tickers":
            return market_views.ticker(market, now_ms)
        if name == "mark-price":
            return dumps(market_views.mark_price(market, now_ms))
        return books.whole(market, books.SNAPSHOTS[name], now_ms)

    def _to_market(
        self, market: Market, streams: tuple[str, ...], render: Callable[[str], str], action: str = ""
    ) -> None:
        """Publish what `render` makes of a channel's name to the symbol's listeners, nothing where that is empty."""
        symbol = market.instrument.symbol
        made: dict[str, str] = {}
        for channel in self._hub.wanted(symbol):
            name = channel.name
            data = made.get(name)
            if data is None:
                data = made[name] = render(name)
            if data:
                told = ("klines",) if name.startswith(CANDLE) else streams
                self._hub.publish(channel, self._framed(channel, data, action), told, symbol)

    def _book_changed(self, market: Market, now_ms: int) -> None:
        if not self._book_followed(market.instrument.symbol):
            return
        data = self._books.change(market, now_ms)
        if data:
            self._to_market(market, ("book",), lambda name: data if name in books.BOOKS else "", "update")

    def _order_changed(self, event: OrderChanged) -> None:
        account, order = event.account, event.order
        text = dumps(views.pushed_order(order, account.position(order.symbol), event.fill))
        for channel in self._hub.wanted(account.name):
            if channel.name == "orders" and self._covers(channel, order.symbol):
                self._hub.publish(channel, self._framed(channel, text), ("orders",), order.symbol)
        market = self._exchange.markets[order.symbol]
        self._book_changed(market, event.t_ms)
        if not books.crossed(market):
            self._to_market(
                market, ("book",),
                lambda name: books.whole(market, books.SNAPSHOTS[name], event.t_ms) if name in books.SNAPSHOTS else "",
            )  # fmt: skip

    def _account_changed(self, event: AccountChanged) -> None:
        account = event.account
        for channel in self._hub.wanted(account.name):
            changed = [one for one in event.positions if self._covers(channel, one.symbol)]
            symbol = changed[0].symbol if changed else ""
            if channel.name == "account":
                text = dumps(views.balance(self._exchange, account))
                self._hub.publish(channel, self._framed(channel, text), ("account",), symbol)
            elif channel.name == "positions" and changed:
                text = ",".join(dumps(views.position(self._exchange, account, one)) for one in changed)
                self._hub.publish(channel, self._framed(channel, text), ("positions",), symbol)
            elif channel.name == "balance_and_position":
                reason = {"DEPOSIT": "transferred", "WITHDRAW": "transferred"}.get(event.reason, "filled")
                text = dumps(views.balance_and_position(self._exchange, account, changed, reason))
                self._hub.publish(channel, self._framed(channel, text), ("account", "positions"), symbol)

    def _covers(self, channel: Channel, symbol: str) -> bool:
        """Whether a private channel's arg lets a symbol through."""
        arg = arg_of(channel)
        one = self._exchange.markets[symbol].instrument
        family = arg.get("instFamily") or arg.get("uly")
        return (
            arg.get("instType", "ANY") in ("", "ANY", views.SWAP)
            and arg.get("instId") in (None, "", views.inst_id(one))
            and family in (None, "", f"{one.base}-{one.quote}")
        )

    def _framed(self, channel: Channel, data: str, action: str = "") -> str:
        arg = channel.variant
        if channel.account:
            arg = f'{arg[:-1]},"uid":"{views.number_of(channel.account)}"}}'
        shown = f',"action":"{action}"' if action else ""
        return f'{{"arg":{arg}{shown},"data":[{data}]}}'
