"""Gate's WebSocket: signed subscriptions, pings, and every event's native frame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from harness.venue.core.candles import INTERVALS_MS
from harness.venue.core.events import AccountChanged, Event, FundingChanged, OrderChanged, PriceMoved
from harness.venue.core.faults import FaultKind, Knob, Scope
from harness.venue.core.hub import Channel, Socket
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import gate_market_views as market_views
from harness.venue.dialects.gate_books import Books
from harness.venue.dialects.gate_channels import ALL, BOOK, CANDLES, ONE_CANDLE, PRIVATE, STREAMS, Channels
from harness.venue.dialects.gate_errors import BAD_REQUEST, NOT_AUTHENTICATED, WRONG_ARGUMENT, spelled
from harness.venue.dialects.gate_login import key_named, subscriber
from harness.venue.dialects.gate_market import PublicCalls
from harness.venue.dialects.gate_market_views import INTERVALS
from harness.venue.dialects.gate_views import Json, Views, contract
from harness.venue.dialects.plain_json import dumps
from harness.venue.dialects.text_ping import text_ping
from harness.venue.venue import Venue

MAX_ECHO = 80
CHANGES = {"ORDER": "fee", "ADJUSTMENT": "pnl", "DEPOSIT": "dnw", "WITHDRAW": "dnw"}
"""What the core calls a change of the balance -> what the venue does."""
AUTHENTICATION = (
    Reason.UNKNOWN_KEY, Reason.MALFORMED_KEY, Reason.BAD_SIGNATURE, Reason.OUTSIDE_WINDOW, Reason.NOT_PERMITTED,
)  # fmt: skip


class Streams:
    """Who gets what, and how it is spelled."""

    def __init__(self, venue: Venue, public: PublicCalls, books: Books, views: Views) -> None:
        self._venue = venue
        self._hub = venue.hub
        self._exchange = venue.exchange
        self._books = books
        self._views = views
        self._channels = Channels(venue, public.symbols)

    # -- what clients ask for -------------------------------------------------------------------

    def heard(self, socket: Socket, text: str) -> None:
        """Answer a frame; nothing that comes in does any harm."""
        try:
            asked = json.loads(text)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict) or not isinstance(asked.get("channel"), str):
            self._refuse(socket, {}, BAD_REQUEST, "invalid request: an object with a channel is expected")
            return
        if asked["channel"] == "futures.ping":
            text_ping(self._venue, socket, dumps({**self._head(asked, "futures.pong", ""), "result": None}))
        elif asked.get("event") == "subscribe":
            self._subscribe(socket, asked)
        elif asked.get("event") == "unsubscribe":
            self._unsubscribe(socket, asked)
        else:
            self._refuse(socket, asked, BAD_REQUEST, f"unknown event {str(asked.get('event'))[:MAX_ECHO]}")

    def _head(self, asked: Json, channel: str, event: str) -> Json:
        now_ms = self._exchange.now_ms()
        head: Json = {"time": now_ms // 1000, "time_ms": now_ms}
        if isinstance(asked.get("id"), (int, str)):
            head["id"] = asked["id"]
        return {**head, "channel": channel[:MAX_ECHO], "event": event}

    def _answer(self, socket: Socket, asked: Json, rest: Json) -> None:
        event = str(asked.get("event") or "")[:MAX_ECHO]
        socket.send(dumps({**self._head(asked, str(asked.get("channel") or ""), event), **rest}))

    def _refuse(self, socket: Socket, asked: Json, code: int, message: str) -> None:
        self._answer(socket, asked, {"error": {"code": code, "message": message}, "result": None})

    def _refused(self, socket: Socket, asked: Json, refused: Refused) -> None:
        label, message = spelled(refused)
        if refused.reason in AUTHENTICATION:
            self._refuse(socket, asked, NOT_AUTHENTICATED, dumps({"label": label, "message": message}) + "\n")
        elif refused.reason is Reason.UNKNOWN_SYMBOL:
            self._refuse(socket, asked, WRONG_ARGUMENT, f"unknown contract {refused.subject}")
        else:
            self._refuse(socket, asked, WRONG_ARGUMENT, message)

    def _acknowledge(self, socket: Socket, asked: Json) -> None:
        self._answer(socket, asked, {"result": {"status": "success"}})

    def _subscribe(self, socket: Socket, asked: Json) -> None:
        if asked["channel"] not in PRIVATE:
            self._begin(socket, asked, "")
            return
        key, faults = key_named(asked), self._venue.faults
        where = Scope(socket.path, "", asked["channel"], key, "", socket.kind)
        subject = f"socket {socket.number} {asked['channel']}"
        try:
            found = subscriber(self._venue, socket, asked)
            reject = faults.fires(FaultKind.REJECT_LOGIN, where, subject)
            problem = None if reject is None else Refused(Reason.UNKNOWN_KEY)
        except Refused as refused:
            reject, problem = None, refused
        late = faults.fires(FaultKind.DELAY_LOGIN, where, subject)

        def answer() -> None:
            if socket.number not in self._hub.sockets:
                return
            self._venue.meters.logins[key, "success" if problem is None else "refused"] += 1
            if reject is not None and (reject.knob.code or reject.knob.message):
                self._refuse(socket, asked, reject.knob.code or NOT_AUTHENTICATED, reject.knob.message or "refused")
            elif problem is not None:
                self._refused(socket, asked, problem)
            else:
                self._hub.identify(socket, found.key, found.name)
                self._begin(socket, asked, found.name)

        if late is None:
            answer()
        else:
            asyncio.get_running_loop().call_later(late.knob.delay_s, answer)

    def _begin(self, socket: Socket, asked: Json, account: str) -> None:
        """Subscribe to all that a frame asks for, or to nothing."""
        try:
            channels = self._channels.of(asked["channel"], asked.get("payload"), account)
        except Refused as refused:
            self._refused(socket, asked, refused)
            return
        for channel in channels:
            refuse = self._refuse_knob(socket, channel)
            if refuse is not None:
                message = refuse.message or f"unknown contract {str(asked.get('payload'))[:MAX_ECHO]}"
                self._refuse(socket, asked, refuse.code or WRONG_ARGUMENT, message)
                return
        self._acknowledge(socket, asked)
        for channel in channels:
            if channel.name == CANDLES:
                interval = INTERVALS[channel.variant.removeprefix(ONE_CANDLE)]
                self._exchange.markets[channel.symbol].candles.track(interval, self._exchange.now_ms())
            elif channel.name == BOOK and not any(self._hub.listeners(channel)):
                self._books.begin(channel.symbol, channel.variant)
            self._hub.subscribe(socket, channel)

    def _refuse_knob(self, socket: Socket, channel: Channel) -> Knob | None:
        # A scope names either the venue's channel or the core's stream, whichever its author knows.
        for name in (channel.name, *STREAMS[channel.name]):
            where = Scope(socket.path, "", name, socket.key, channel.symbol, socket.kind)
            subject = f"socket {socket.number} {channel.name}"
            refuse = self._venue.faults.fires(FaultKind.REFUSE_SUBSCRIBE, where, subject)
            if refuse is not None:
                return refuse.knob
        return None

    def _unsubscribe(self, socket: Socket, asked: Json) -> None:
        try:
            channels = self._channels.of(asked["channel"], asked.get("payload"), socket.account)
        except Refused as refused:
            self._refused(socket, asked, refused)
            return
        for channel in channels:
            self._hub.unsubscribe(socket, channel)
        self._acknowledge(socket, asked)

    # -- what the core tells --------------------------------------------------------------------

    def emitted(self, event: Event) -> None:
        """Render an event once per subscribed channel."""
        match event:
            case PriceMoved():
                self._books.changed(event.market.instrument.symbol)
                self._price_moved(event)
            case FundingChanged():
                self._tickers(event.market.instrument.symbol, event.t_ms, ("funding",))
            case OrderChanged():
                self._books.changed(event.order.symbol)
                self._order_changed(event)
            case AccountChanged():
                self._account_changed(event)

    def _publish(self, channel: Channel, t_ms: int, result: str, streams: tuple[str, ...], symbol: str) -> None:
        text = (
            f'{{"time":{t_ms // 1000},"time_ms":{t_ms},"channel":"{channel.name}","event":"update","result":{result}}}'
        )
        self._hub.publish(channel, text, streams, symbol)

    def _tickers(self, symbol: str, t_ms: int, streams: tuple[str, ...]) -> None:
        for channel in self._hub.wanted(symbol):
            if channel.name == "futures.tickers":
                ticker = market_views.ticker(self._exchange.markets[symbol])
                self._publish(channel, t_ms, f"[{ticker}]", streams, symbol)

    def _price_moved(self, event: PriceMoved) -> None:
        market, t_ms = event.market, event.t_ms
        symbol = market.instrument.symbol
        for channel in self._hub.wanted(symbol):
            streams = STREAMS[channel.name]
            if channel.name == "futures.tickers":
                self._publish(channel, t_ms, f"[{market_views.ticker(market)}]", streams, symbol)
            elif channel.name == "futures.book_ticker":
                ticker = market_views.book_ticker(market, self._books.number(market), t_ms)
                self._publish(channel, t_ms, ticker, streams, symbol)
            elif channel.name == CANDLES:
                self._publish(channel, t_ms, self._candle(event, channel.variant), streams, symbol)
            elif channel.name == "futures.trades":
                row = market_views.trade(event.trade, market.instrument, pushed=True)
                self._publish(channel, t_ms, dumps([row]), streams, symbol)
            else:
                self._book_changed(channel, t_ms)

    def _candle(self, event: PriceMoved, variant: str) -> str:
        given = variant.removeprefix(ONE_CANDLE)
        interval = INTERVALS[given]
        candle = event.candles[interval]
        over = event.closes and candle.open_ms + INTERVALS_MS[interval] <= event.t_ms
        shown = market_views.pushed_candle(candle, event.market.instrument, given, over=over)
        return dumps(shown if variant.startswith(ONE_CANDLE) else [shown])

    def _book_changed(self, channel: Channel, t_ms: int) -> None:
        delta = self._books.delta(channel.symbol, channel.variant, t_ms)
        if delta is not None:
            self._publish(channel, t_ms, dumps(delta), STREAMS[BOOK], channel.symbol)

    def _order_changed(self, event: OrderChanged) -> None:
        order, fill, owner, t_ms = event.order, event.fill, event.account.name, event.t_ms
        self._to_user(owner, "futures.orders", order.symbol, t_ms, partial(self._views.pushed_order, order))
        if fill is not None:
            row = partial(self._views.pushed_fill, fill, order)
            self._to_user(owner, "futures.usertrades", order.symbol, t_ms, row)
        for channel in self._hub.wanted(order.symbol):
            if channel.name == BOOK:
                self._book_changed(channel, t_ms)

    def _account_changed(self, event: AccountChanged) -> None:
        owner, kind = event.account, CHANGES.get(event.reason, "dnw")
        named = [contract(self._exchange.markets[one.symbol].instrument) for one in event.positions]
        row = partial(self._views.pushed_balance, owner, event.change, kind, named[0] if named else "-")
        self._to_user(owner.name, "futures.balances", "", event.t_ms, row)
        for one in event.positions:
            row = partial(self._views.pushed_position, owner, one)
            self._to_user(owner.name, "futures.positions", one.symbol, event.t_ms, row)

    def _to_user(self, account: str, name: str, symbol: str, t_ms: int, row: Callable[[], Any]) -> None:
        for channel in self._hub.wanted(account):
            if channel.name == name and channel.variant in (ALL, symbol):
                self._publish(channel, t_ms, dumps([row()]), STREAMS[name], symbol)
