"""Bybit's WebSocket: auth, topics, pings, and who is sent what."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import partial

from harness.venue.core.account import Account, Position
from harness.venue.core.events import AccountChanged, Event, FundingChanged, OrderChanged, PriceMoved
from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.hub import Channel, Socket
from harness.venue.dialects import bybit_events as events
from harness.venue.dialects.bybit_login import log_in
from harness.venue.dialects.bybit_market import INTERVALS
from harness.venue.dialects.bybit_views import Json, Views
from harness.venue.dialects.text_ping import text_ping
from harness.venue.venue import Venue

MAX_TOPICS = 2000
DEPTHS = ("1", "50", "200", "500", "1000")
PRIVATE = ("order", "execution", "position", "wallet")
STREAMS: dict[str, tuple[str, ...]] = {
    "order": ("orders",),
    "position": ("positions",),
    "wallet": ("account",),
    "execution": (),
}
"""The core's streams behind the private topics; an execution tells again what an order told."""


class Streams:
    """Who gets what, and how it is spelled."""

    def __init__(self, venue: Venue, views: Views) -> None:
        self._venue = venue
        self._hub = venue.hub
        self._exchange = venue.exchange
        self._views = views
        self._books: dict[Channel, events.Book] = {}
        self._sent = 0

    # -- what clients ask for -------------------------------------------------------------------

    def heard(self, socket: Socket, text: str) -> None:
        """Answer a frame; nothing that comes in does any harm."""
        try:
            asked = json.loads(text)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict) or not isinstance(asked.get("op"), str):
            self._answer(socket, {}, False, "error:invalid op")
            return
        match asked["op"]:
            case "ping":
                self._pinged(socket, asked)
            case "auth":
                log_in(self._venue, socket, asked.get("args"), partial(self._answer, socket, asked))
            case "subscribe":
                self._subscribe(socket, asked)
            case "unsubscribe":
                self._unsubscribe(socket, asked)
            case _:
                self._answer(socket, asked, False, "error:invalid op")

    def _answer(self, socket: Socket, asked: Json, success: bool, told: str) -> None:
        answer: Json = {"success": success, "ret_msg": told, "conn_id": _conn_id(socket)}
        if "req_id" in asked:
            answer["req_id"] = _number(asked)
        socket.send(events.dumps({**answer, "op": str(asked.get("op", ""))[:40]}))

    def _pinged(self, socket: Socket, asked: Json) -> None:
        pong: Json = {"success": True, "ret_msg": "pong", "conn_id": _conn_id(socket), "req_id": _number(asked)}
        if socket.kind == "private":
            pong = {"req_id": _number(asked), "op": "pong", "args": [str(self._exchange.now_ms())]}
            pong["conn_id"] = _conn_id(socket)
        else:
            pong["op"] = "ping"
        text_ping(self._venue, socket, events.dumps(pong))

    def _channel(self, socket: Socket, topic: str) -> Channel | None:
        """What a topic names; None when it names nothing that exists here."""
        kind, _, rest = topic.partition(".")
        if kind in PRIVATE:
            known = not rest or (rest == "linear" and kind != "wallet")
            return Channel(topic, account=socket.account) if known else None
        variant, _, symbol = rest.rpartition(".")
        known = (
            (kind in ("tickers", "publicTrade") and not variant)
            or (kind == "kline" and variant in INTERVALS)
            or (kind == "orderbook" and variant in DEPTHS)
        )
        return Channel(topic.rpartition(".")[0], symbol) if known and symbol in self._exchange.markets else None

    def _topics(self, socket: Socket, asked: Json) -> list[tuple[str, Channel]] | str:
        """The channels asked for, or why they are refused."""
        args = asked.get("args")
        if not isinstance(args, list) or not all(isinstance(one, str) for one in args):
            return "error:args must be an array of topics"
        if not 1 <= len(args) <= MAX_TOPICS:
            return f"error:args size must be between 1 and {MAX_TOPICS}"
        found = []
        for topic in args:
            if topic.partition(".")[0] in PRIVATE and not socket.account:
                return "Request not authorized"
            channel = self._channel(socket, topic)
            if channel is None:
                return f"error:handler not found,topic:{topic[:80]}"
            found.append((topic, channel))
        return found

    def _subscribe(self, socket: Socket, asked: Json) -> None:
        topics = self._topics(socket, asked)
        if not isinstance(topics, str):
            topics = self._refused_by_fault(socket, topics) or topics
        if isinstance(topics, str):
            self._answer(socket, asked, False, topics)
            return
        self._answer(socket, asked, True, "")
        for topic, channel in topics:
            if channel not in socket.channels:
                self._begin(socket, topic, channel)

    def _refused_by_fault(self, socket: Socket, topics: list[tuple[str, Channel]]) -> str:
        for topic, channel in topics:
            names = (channel.name, *STREAMS.get(channel.name.partition(".")[0], ()))
            for name in names:
                where = Scope(socket.path, "", name, socket.key, channel.symbol, socket.kind)
                fault = self._venue.faults.fires(FaultKind.REFUSE_SUBSCRIBE, where, f"socket {socket.number} {topic}")
                if fault is not None:
                    code = f"{fault.knob.code} " if fault.knob.code else ""
                    return code + (fault.knob.message or f"error:handler not found,topic:{topic}")
        return ""

    def _begin(self, socket: Socket, topic: str, channel: Channel) -> None:
        """Subscribe, and tell the new subscriber what it starts from."""
        if not channel.symbol:
            self._hub.subscribe(socket, channel)
            return
        market, now_ms = self._exchange.markets[channel.symbol], self._exchange.now_ms()
        kind, _, variant = channel.name.partition(".")
        if kind == "kline":
            market.candles.track(INTERVALS[variant], now_ms)
        elif kind == "tickers":
            socket.send(events.ticker_snapshot(topic, market, now_ms))
        elif kind == "orderbook":
            if any(self._hub.listeners(channel)):
                # Those who listen already hear of what changed: everybody has the same book from here on.
                self._book_changed(channel, now_ms)
            else:
                self._books[channel] = events.Book(int(variant))
                self._books[channel].delta(topic, market, now_ms)
            socket.send(self._books[channel].snapshot(topic, market, now_ms))
        self._hub.subscribe(socket, channel)

    def _unsubscribe(self, socket: Socket, asked: Json) -> None:
        topics = self._topics(socket, asked)
        if isinstance(topics, str):
            self._answer(socket, asked, False, topics)
            return
        for _, channel in topics:
            self._hub.unsubscribe(socket, channel)
        self._answer(socket, asked, True, "")

    # -- what the core tells --------------------------------------------------------------------

    def emitted(self, event: Event) -> None:
        """Render an event once per subscribed channel."""
        match event:
            case PriceMoved():
                self._price_moved(event)
            case FundingChanged():
                self._funding_changed(event)
            case OrderChanged():
                self._order_changed(event)
            case AccountChanged():
                self._account_changed(event)

    def _price_moved(self, event: PriceMoved) -> None:
        symbol = event.market.instrument.symbol
        for channel in self._hub.wanted(symbol):
            kind, _, variant = channel.name.partition(".")
            topic = f"{channel.name}.{symbol}"
            if kind == "tickers":
                text = events.ticker_moved(topic, event, with_last=not self._bare(symbol))
                self._hub.publish(channel, text, ("prices",), symbol)
            elif kind == "kline":
                self._hub.publish(channel, events.kline(topic, event, INTERVALS[variant]), ("klines",), symbol)
            elif kind == "publicTrade":
                self._hub.publish(channel, events.trade(topic, event), (), symbol)
            else:
                self._book_changed(channel, event.t_ms)

    def _bare(self, symbol: str) -> bool:
        faults = self._venue.faults
        wheres = [Scope(channel=name, symbol=symbol, sockets="public") for name in ("tickers", "prices")]
        return any(faults.fires(FaultKind.BARE_DELTA, where, f"tickers {symbol}") for where in wheres)

    def _book_changed(self, channel: Channel, t_ms: int) -> None:
        market = self._exchange.markets[channel.symbol]
        text = self._books[channel].delta(f"{channel.name}.{channel.symbol}", market, t_ms)
        if text:
            self._hub.publish(channel, text, (), channel.symbol)

    def _funding_changed(self, event: FundingChanged) -> None:
        symbol = event.market.instrument.symbol
        for channel in self._hub.wanted(symbol):
            if channel.name == "tickers":
                bare = self._bare(symbol)
                text = events.funding_moved(f"tickers.{symbol}", event.market, event.t_ms, with_last=not bare)
                self._hub.publish(channel, text, ("funding",), symbol)

    def _order_changed(self, event: OrderChanged) -> None:
        order, fill, account = event.order, event.fill, event.account.name
        where = Scope(channel="orders", symbol=order.symbol, sockets="private")
        self._to_user(account, "order", lambda: self._views.order(order, where), event.t_ms, order.symbol)
        if fill is not None:
            told = partial(self._views.fill, fill, order, where)
            self._to_user(account, "execution", told, event.t_ms, order.symbol)
        for channel in self._hub.wanted(order.symbol):
            if channel.name.startswith("orderbook"):
                self._book_changed(channel, event.t_ms)

    def _account_changed(self, event: AccountChanged) -> None:
        owner = event.account
        self._to_user(owner.name, "wallet", lambda: self._views.wallet(owner), event.t_ms, "")
        for one in event.positions:
            self._to_user(owner.name, "position", partial(self._position, owner, one), event.t_ms, one.symbol)

    def _position(self, owner: Account, one: Position) -> Json:
        row = self._views.position(owner, one)
        return {"entryPrice": row.pop("avgPrice"), **row}

    def _to_user(self, account: str, kind: str, row: Callable[[], Json], t_ms: int, symbol: str) -> None:
        for channel in self._hub.wanted(account):
            if channel.name.partition(".")[0] != kind:
                continue
            self._sent += 1
            data = row() if kind == "wallet" else {"category": "linear", **row()}
            number = f"{account}-{self._sent}"
            frame = {"id": number, "topic": channel.name, "creationTime": t_ms, "data": [data]}
            self._hub.publish(channel, events.dumps(frame), STREAMS[kind], symbol)


def _conn_id(socket: Socket) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{socket.number}:{socket.opened_ns}"))


def _number(asked: Json) -> str | int:
    number = asked.get("req_id")
    return number if isinstance(number, (str, int)) else ""
