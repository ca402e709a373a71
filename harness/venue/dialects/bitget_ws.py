"""Bitget's WebSocket: login, subscriptions, snapshots, and every event in the form its subscriber asked for."""

from __future__ import annotations

import asyncio
import json
from functools import lru_cache
from typing import Any

from harness.venue.core.events import AccountChanged, Event, FundingChanged, OrderChanged, PriceMoved
from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.hub import Channel, Socket
from harness.venue.core.market import Market
from harness.venue.dialects import bitget_errors as codes
from harness.venue.dialects import bitget_events as events
from harness.venue.dialects.bitget_books import Books, top
from harness.venue.dialects.bitget_login import granted
from harness.venue.dialects.bitget_market import GRANULARITIES, LENIENT_GRANULARITIES, interval_of
from harness.venue.dialects.bitget_modes import PositionModes
from harness.venue.dialects.bitget_params import PRODUCT
from harness.venue.dialects.bitget_rows import WEBSOCKET, Rows
from harness.venue.dialects.text_ping import text_ping
from harness.venue.venue import Venue

OLD = "UMCBL"
PRIVATE = {"orders": "instId", "fill": "instId", "positions": "instId", "account": "coin"}
"""Private channels and the key that says what of."""
OLD_CHANNELS = ("ticker", "orders")
TOP_BOOKS = {"books1": 1, "books5": 5, "books15": 15}
PUBLIC = ("ticker", "trade", "books", *TOP_BOOKS)
MAX_ARGS = 1000
TRADES_SHOWN = 50


class Streams:
    """Who gets what, and how it is spelled."""

    def __init__(self, venue: Venue, modes: PositionModes, rows: Rows) -> None:
        self._venue = venue
        self._hub = venue.hub
        self._exchange = venue.exchange
        self._modes = modes
        self._rows = rows
        self._books = Books()

    # -- what clients ask for -------------------------------------------------------------------

    def heard(self, socket: Socket, text: str) -> None:
        """Answer a frame; nothing that comes in does any harm."""
        if text == "ping":
            text_ping(self._venue, socket, "pong")
            return
        try:
            asked = json.loads(text)
        except (ValueError, RecursionError):
            asked = None
        if not isinstance(asked, dict):
            _refuse(socket, codes.BAD_PARAM)
            return
        op, args = asked.get("op"), asked.get("args")
        if op not in ("login", "subscribe", "unsubscribe"):
            _refuse(socket, codes.BAD_OP)
            return
        if (
            not isinstance(args, list)
            or not 1 <= len(args) <= MAX_ARGS
            or not all(isinstance(one, dict) for one in args)
        ):
            _refuse(socket, codes.BAD_PARAM)
        elif op == "login":
            self._login(socket, args[0])
        else:
            for arg in args:
                self._subscribe(socket, arg) if op == "subscribe" else self._unsubscribe(socket, arg)

    def _login(self, socket: Socket, arg: dict[str, Any]) -> None:
        given = arg.get("apiKey")
        name = given if isinstance(given, str) else ""
        where = Scope(socket.path, "", "", name, "", socket.kind)
        late = self._venue.faults.fires(FaultKind.DELAY_LOGIN, where, f"login {socket.number}")
        if late is not None:
            asyncio.get_running_loop().call_later(late.knob.delay_s, self._decide_login, socket, arg, name, where)
        else:
            self._decide_login(socket, arg, name, where)

    def _decide_login(self, socket: Socket, arg: dict[str, Any], name: str, where: Scope) -> None:
        if socket.number not in self._hub.sockets:
            return
        rejected = self._venue.faults.fires(FaultKind.REJECT_LOGIN, where, f"login {socket.number}")
        code = granted(self._venue, arg) if rejected is None else rejected.knob.code or codes.LOGIN_FAILED
        if code:
            self._venue.meters.logins[name, "login refused"] += 1
            _refuse(socket, code)
            return
        self._venue.meters.logins[name, "login"] += 1
        if socket.key != name:
            for channel in [one for one in socket.channels if one.account]:
                self._hub.unsubscribe(socket, channel)
            self._hub.identify(socket, name, self._venue.key(name).name)
        socket.send('{"event":"login","code":0}')

    def _subscribe(self, socket: Socket, arg: dict[str, Any]) -> None:
        channel = self._channel(socket, arg)
        if isinstance(channel, int):
            _refuse(socket, channel, arg)
            return
        where = Scope(socket.path, "", channel.name, socket.key, channel.symbol, socket.kind)
        refused = self._venue.faults.fires(FaultKind.REFUSE_SUBSCRIBE, where, f"subscribe {channel.name}")
        if refused is not None:
            _refuse(socket, refused.knob.code or codes.NO_SUCH_CHANNEL, arg)
            return
        if channel.name.startswith("candle"):
            self._exchange.markets[channel.symbol].candles.track(_interval(channel.name), self._exchange.now_ms())
        first = not any(one.name == channel.name for one in self._hub.wanted(channel.symbol or channel.account))
        self._hub.subscribe(socket, channel)
        socket.send(f'{{"event":"subscribe","arg":{channel.variant}}}')
        data = self._snapshot(socket, channel, first=first)
        if data:
            socket.send(_frame("snapshot", channel.variant, data, self._exchange.now_ms()))

    def _unsubscribe(self, socket: Socket, arg: dict[str, Any]) -> None:
        channel = self._channel(socket, arg)
        if isinstance(channel, int):
            _refuse(socket, channel, arg)
            return
        self._hub.unsubscribe(socket, channel)
        socket.send(f'{{"event":"unsubscribe","arg":{channel.variant}}}')

    def _channel(self, socket: Socket, arg: dict[str, Any]) -> Channel | int:
        """What an arg names, or the code of its refusal."""
        kind, name = arg.get("instType"), arg.get("channel")
        old = self._rows.taken(WEBSOCKET, odd=kind == OLD and "/v2/" not in socket.path)
        if not isinstance(name, str) or not (kind == PRODUCT or old):
            return codes.NO_SUCH_CHANNEL
        variant = events.dumps(arg)
        if name in PRIVATE and (not old or name in OLD_CHANNELS):
            what = arg.get(PRIVATE[name], "default")
            if what != "default" and (what != "USDT" if name == "account" else what not in self._exchange.markets):
                return codes.NO_SUCH_CHANNEL
            return Channel(name, account=socket.account, variant=variant) if socket.key else codes.NOT_LOGGED_IN
        symbol = arg.get("instId")
        candle = name.startswith("candle") and interval_of(name.removeprefix("candle"), self._rows) != ""
        if not candle and name not in (OLD_CHANNELS if old else PUBLIC):
            return codes.NO_SUCH_CHANNEL
        if not isinstance(symbol, str) or symbol not in self._exchange.markets:
            return codes.NO_SUCH_CHANNEL
        return Channel(name, symbol, variant=variant)

    def _snapshot(self, socket: Socket, channel: Channel, *, first: bool) -> str:
        """What a new subscriber is told at once, empty when nothing."""
        now_ms = self._exchange.now_ms()
        if channel.account:
            account = self._venue.account(channel.account)
            if channel.name == "account":
                return events.account(self._exchange, account)
            return self._positions(account.name, channel) if channel.name == "positions" else ""
        market = self._exchange.markets[channel.symbol]
        if channel.name == "trade":
            return events.trades(list(market.trades)[-TRADES_SHOWN:], market.instrument)
        if channel.name == "books":
            return self._books.snapshot(market, now_ms, fresh=first)
        if channel.name.startswith("candle"):
            return self._candle(market, channel)
        return self._rendered(channel, market, now_ms)

    # -- what the core tells --------------------------------------------------------------------

    def emitted(self, event: Event) -> None:
        """Render an event once per kind of subscription."""
        match event:
            case PriceMoved():
                self._price_moved(event)
            case FundingChanged():
                symbol = event.market.instrument.symbol
                for channel in self._hub.wanted(symbol):
                    if channel.name == "ticker" and not _is_old(channel.variant):
                        data = events.ticker(event.market, event.t_ms)
                        self._publish(channel, "snapshot", data, event.t_ms, ("funding",), symbol)
            case OrderChanged():
                self._order_changed(event)
            case AccountChanged():
                self._account_changed(event)

    def _price_moved(self, event: PriceMoved) -> None:
        market, t_ms = event.market, event.t_ms
        symbol = market.instrument.symbol
        made: dict[tuple[str, bool], str] = {}
        for channel in self._hub.wanted(symbol):
            name = channel.name
            key = (name, _is_old(channel.variant))
            if name.startswith("candle"):
                data = self._candle(market, channel)
                self._publish(channel, "update", data, t_ms, ("klines",), symbol)
            elif name == "trade":
                data = events.trades([event.trade], market.instrument)
                self._publish(channel, "update", data, t_ms, (), symbol)
            elif not name.startswith("books"):
                if key not in made:
                    made[key] = self._rendered(channel, market, t_ms)
                self._publish(channel, "snapshot", made[key], t_ms, ("prices",), symbol)
        self._book_changed(market, t_ms)

    def _book_changed(self, market: Market, t_ms: int) -> None:
        symbol = market.instrument.symbol
        wanted = [one for one in self._hub.wanted(symbol) if one.name.startswith("books")]
        whole = [one for one in wanted if one.name == "books"]
        update = self._books.update(market, t_ms) if whole else ""
        for channel in whole if update else ():
            self._publish(channel, "update", update, t_ms, (), symbol)
        for channel in wanted:
            if channel.name in TOP_BOOKS:
                self._publish(channel, "snapshot", self._rendered(channel, market, t_ms), t_ms, (), symbol)

    def _order_changed(self, event: OrderChanged) -> None:
        order, t_ms = event.order, event.t_ms
        mode = self._modes.of(event.account.name)
        for channel in self._hub.wanted(event.account.name):
            if not _covers(channel.variant, order.symbol):
                continue
            if channel.name == "orders":
                position = event.account.position(order.symbol)
                old = _is_old(channel.variant)
                data = events.old_order(event) if old else events.order(event, position, mode)
                self._publish(channel, "snapshot", data, t_ms, ("orders",), order.symbol)
            elif channel.name == "fill" and event.fill is not None:
                self._publish(channel, "snapshot", events.fill(event, mode), t_ms, (), order.symbol)
        self._book_changed(self._exchange.markets[order.symbol], t_ms)

    def _account_changed(self, event: AccountChanged) -> None:
        name = event.account.name
        for channel in self._hub.wanted(name):
            if channel.name == "account":
                data = events.account(self._exchange, event.account)
                self._publish(channel, "snapshot", data, event.t_ms, ("account",), "")
            elif channel.name == "positions":
                for one in event.positions:
                    if _covers(channel.variant, one.symbol):
                        data = self._positions(name, channel)
                        self._publish(channel, "snapshot", data, event.t_ms, ("positions",), one.symbol)

    def _rendered(self, channel: Channel, market: Market, t_ms: int) -> str:
        if channel.name in TOP_BOOKS:
            return top(market, TOP_BOOKS[channel.name], t_ms)
        return events.old_ticker(market, t_ms) if _is_old(channel.variant) else events.ticker(market, t_ms)

    def _candle(self, market: Market, channel: Channel) -> str:
        one = market.candles.current()[_interval(channel.name)]
        maker = events.old_candle if _is_old(channel.variant) else events.candle
        return maker(one, market.instrument)

    def _positions(self, account: str, channel: Channel) -> str:
        asked = json.loads(channel.variant).get("instId", "default")
        only = "" if asked == "default" else asked
        return events.positions(self._exchange, self._venue.account(account), self._modes.of(account), only)

    def _publish(
        self, channel: Channel, action: str, data: str, t_ms: int, streams: tuple[str, ...], symbol: str
    ) -> None:
        self._hub.publish(channel, _frame(action, channel.variant, data, t_ms), streams, symbol)


def _frame(action: str, arg: str, data: str, t_ms: int) -> str:
    return f'{{"action":"{action}","arg":{arg},"data":{data},"ts":{t_ms}}}'


def _interval(channel: str) -> str:
    word = channel.removeprefix("candle")
    return (GRANULARITIES | LENIENT_GRANULARITIES)[word]


@lru_cache(maxsize=4096)
def _is_old(variant: str) -> bool:
    return bool(json.loads(variant)["instType"] == OLD)


@lru_cache(maxsize=4096)
def _covers(variant: str, symbol: str) -> bool:
    """Whether a private subscription is about a symbol."""
    return json.loads(variant).get("instId", "default") in ("default", symbol)


def _refuse(socket: Socket, code: int, arg: dict[str, Any] | None = None) -> None:
    """An error frame; one about a subscription names it."""
    if code == codes.NO_SUCH_CHANNEL and arg is not None:
        message = ",".join(f"{name}:{value}" for name, value in arg.items())[:200] + " doesn't exist"
    else:
        message = codes.WEBSOCKET_MESSAGES.get(code, "simulated")
    about = {} if arg is None else {"arg": arg}
    socket.send(events.dumps({"event": "error", **about, "code": code, "msg": message}))
