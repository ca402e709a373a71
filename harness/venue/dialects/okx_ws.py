"""OKX's WebSocket: ping, login, subscriptions with their acknowledgements, and every event's native frame."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from harness.venue.core.events import AccountChanged, Event, FundingChanged, OrderChanged, PriceMoved
from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.hub import Channel, Socket
from harness.venue.core.keys import ApiKey
from harness.venue.core.market import Market
from harness.venue.dialects import okx_books as books
from harness.venue.dialects import okx_views as views
from harness.venue.dialects.okx_errors import (
    ILLEGAL_REQUEST,
    LOGIN_FAILED,
    NO_SUCH_CHANNEL,
    NOT_LOGGED_IN,
    WS_MESSAGES,
)
from harness.venue.dialects.okx_login import checked
from harness.venue.dialects.okx_market import BARS, INST_TYPES, PublicCalls
from harness.venue.dialects.text_ping import text_ping
from harness.venue.venue import Venue

CANDLE = "candle"
MARKET_CHANNELS = ("tickers", "trades", "trades-all", "mark-price", "funding-rate", *books.BOOKS, *books.SNAPSHOTS)
PRIVATE_CHANNELS = ("orders", "account", "positions", "balance_and_position")
ARG_FILTERS = ("instType", "instId", "instFamily", "uly", "ccy")
MAX_ARGS = 1024
MAX_ECHO = 500


class Streams:
    """Who gets what, and how it is spelled. A channel's variant is the `arg` it was subscribed with, as JSON."""

    def __init__(self, venue: Venue, public: PublicCalls) -> None:
        self._venue = venue
        self._hub = venue.hub
        self._exchange = venue.exchange
        self._public = public
        self._books = books.Books()
        self.symbols = {views.inst_id(one.instrument): symbol for symbol, one in venue.exchange.markets.items()}

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
        operation = asked.get("op") if isinstance(asked, dict) else None
        if operation == "login":
            self._login(socket, asked)
            return
        args = asked.get("args") if isinstance(asked, dict) else None
        known = operation in ("subscribe", "unsubscribe") and isinstance(args, list) and 0 < len(args) <= MAX_ARGS
        if not known or not isinstance(args, list) or not all(isinstance(one, dict) for one in args):
            number = asked.get("id") if isinstance(asked, dict) else None
            self._refuse(socket, ILLEGAL_REQUEST, f"Illegal request: {text[:MAX_ECHO]}", number)
            return
        act = self._subscribe if operation == "subscribe" else self._unsubscribe
        for arg in args:
            act(socket, arg, asked.get("id"))

    def _refuse(self, socket: Socket, code: int, message: str, number: Any = None) -> None:
        frame = {"event": "error", "code": str(code), "msg": message, "connId": _connection(socket)}
        socket.send(_dumps(_numbered(frame, number)))

    def _login(self, socket: Socket, asked: Any) -> None:
        found = checked(self._venue, asked.get("args"))
        key = found.key if isinstance(found, ApiKey) else _key_of(asked)
        faults, where = self._venue.faults, Scope(socket.path, "", "", key, "", socket.kind)
        subject = f"socket {socket.number} login"
        reject = faults.fires(FaultKind.REJECT_LOGIN, where, subject)
        if reject is not None:
            found = reject.knob.code or LOGIN_FAILED
        late = faults.fires(FaultKind.DELAY_LOGIN, where, subject)
        message = reject.knob.message if reject is not None else ""

        def answer() -> None:
            self._answer_login(socket, found, key, message)

        if late is None:
            answer()
        else:
            asyncio.get_running_loop().call_later(late.knob.delay_s, answer)

    def _answer_login(self, socket: Socket, found: ApiKey | int, key: str, message: str) -> None:
        if socket.number not in self._hub.sockets:
            return
        if isinstance(found, ApiKey) and socket.account not in ("", found.name):
            found = LOGIN_FAILED
        self._venue.meters.logins[key, "login" if isinstance(found, ApiKey) else "login refused"] += 1
        if not isinstance(found, ApiKey):
            self._refuse(socket, found, message or WS_MESSAGES.get(found, "Login failed."))
            return
        self._hub.identify(socket, found.key, found.name)
        socket.send(_dumps({"event": "login", "code": "0", "msg": "", "connId": _connection(socket)}))

    def _channel(self, socket: Socket, arg: dict[str, Any]) -> Channel | int:
        """The channel of an arg, or the code of the refusal."""
        name, inst_id = arg.get("channel"), arg.get("instId")
        if not isinstance(name, str) or not all(isinstance(arg.get(one, ""), str) for one in ARG_FILTERS):
            return ILLEGAL_REQUEST
        if name in PRIVATE_CHANNELS:
            if not socket.account:
                return NOT_LOGGED_IN
            kind = arg.get("instType", "")
            kinds = ("ANY", *INST_TYPES) if name in ("orders", "positions") else ("", "ANY", *INST_TYPES)
            if kind not in kinds or (inst_id and inst_id not in self.symbols):
                return NO_SUCH_CHANNEL
            return Channel(name, account=socket.account, variant=_dumps(arg))
        bar = name.removeprefix(CANDLE)
        if name not in MARKET_CHANNELS and not (name.startswith(CANDLE) and bar in BARS):
            return NO_SUCH_CHANNEL
        if inst_id not in self.symbols:
            return NO_SUCH_CHANNEL
        return Channel(name, self.symbols[inst_id], variant=_dumps(arg))

    def _subscribe(self, socket: Socket, arg: dict[str, Any], number: Any) -> None:
        channel = self._channel(socket, arg)
        if isinstance(channel, Channel):
            where = Scope(socket.path, "", channel.name, socket.key, channel.symbol, socket.kind)
            subject = f"socket {socket.number} {channel.name}"
            refuse = self._venue.faults.fires(FaultKind.REFUSE_SUBSCRIBE, where, subject)
            if refuse is not None:
                self._refuse(socket, refuse.knob.code or NO_SUCH_CHANNEL, refuse.knob.message or _no_such(arg), number)
                return
        if not isinstance(channel, Channel):
            messages = {NO_SUCH_CHANNEL: _no_such(arg), ILLEGAL_REQUEST: f"Illegal request: {_dumps(arg)[:MAX_ECHO]}"}
            self._refuse(socket, channel, messages.get(channel) or WS_MESSAGES[channel], number)
            return
        known = self._subscribed(socket, channel)
        self._acknowledge(socket, "subscribe", arg, number)
        if known is not None:
            return
        if channel.name.startswith(CANDLE):
            candles = self._exchange.markets[channel.symbol].candles
            candles.track(BARS[channel.name.removeprefix(CANDLE)], self._exchange.now_ms())
        self._first(socket, channel)
        self._hub.subscribe(socket, channel)

    def _unsubscribe(self, socket: Socket, arg: dict[str, Any], number: Any) -> None:
        channel = self._channel(socket, arg)
        if isinstance(channel, Channel):
            subscribed = self._subscribed(socket, channel)
            if subscribed is not None:
                self._hub.unsubscribe(socket, subscribed)
            self._acknowledge(socket, "unsubscribe", arg, number)
        else:
            self._refuse(socket, channel, WS_MESSAGES.get(channel) or _no_such(arg), number)

    def _acknowledge(self, socket: Socket, event: str, arg: dict[str, Any], number: Any) -> None:
        socket.send(_dumps(_numbered({"event": event, "arg": arg, "connId": _connection(socket)}, number)))

    def _subscribed(self, socket: Socket, wanted: Channel) -> Channel | None:
        """The socket's channel that means the same, however its arg was written."""
        meaning = _meaning(wanted)
        return next((one for one in socket.channels if _meaning(one) == meaning), None)

    # -- what a subscriber gets at first --------------------------------------------------------

    def _first(self, socket: Socket, channel: Channel) -> None:
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
            return _dumps(views.funding_rate(market, now_ms))
        if channel.name.startswith("trades"):
            return ""
        if channel.name.startswith(CANDLE):
            one = market.candles.current()[BARS[channel.name.removeprefix(CANDLE)]]
            return _dumps(views.candle(one, market.instrument, closed=False))
        return self._market_data(channel.name, market, now_ms)

    def _book_followed(self, symbol: str) -> bool:
        return any(one.name in books.BOOKS for one in self._hub.wanted(symbol))

    def _present_account(self, channel: Channel) -> str:
        account = self._exchange.accounts[channel.account]
        if channel.name == "account":
            return _dumps(views.balance(self._exchange, account))
        held = [one for one in account.positions.values() if one.size and self._covers(channel, one.symbol)]
        if channel.name == "positions":
            return ",".join(_dumps(views.position(self._exchange, account, one)) for one in held)
        if channel.name == "balance_and_position":
            return _dumps(views.balance_and_position(self._exchange, account, held, "snapshot"))
        return ""

    # -- what the core tells --------------------------------------------------------------------

    def emitted(self, event: Event) -> None:
        """Render an event once per kind of channel."""
        match event:
            case PriceMoved():
                self._price_moved(event)
            case FundingChanged():
                text = _dumps(views.funding_rate(event.market, event.t_ms))
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
                closed = event.closes and views.candle_end_ms(one, interval) <= now_ms
                return _dumps(views.candle(one, market.instrument, closed=closed))
            if name.startswith("trades"):
                return _dumps(views.trade(event.trade, market.instrument))
            if name in books.BOOKS or name == "funding-rate":
                return ""
            # An order that this price fills still lies in the book: the fill's own event shows it without.
            return "" if name in books.SNAPSHOTS and books.crossed(market) else self._market_data(name, market, now_ms)

        self._to_market(market, ("prices",), render)
        self._book_changed(market, now_ms)

    def _market_data(self, name: str, market: Market, now_ms: int) -> str:
        if name == "tickers":
            return views.ticker(market, now_ms)
        if name == "mark-price":
            return _dumps(views.mark_price(market, now_ms))
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
        text = _dumps(views.pushed_order(order, account.position(order.symbol), event.fill))
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
                text = _dumps(views.balance(self._exchange, account))
                self._hub.publish(channel, self._framed(channel, text), ("account",), symbol)
            elif channel.name == "positions" and changed:
                text = ",".join(_dumps(views.position(self._exchange, account, one)) for one in changed)
                self._hub.publish(channel, self._framed(channel, text), ("positions",), symbol)
            elif channel.name == "balance_and_position":
                reason = {"DEPOSIT": "transferred", "WITHDRAW": "transferred"}.get(event.reason, "filled")
                text = _dumps(views.balance_and_position(self._exchange, account, changed, reason))
                self._hub.publish(channel, self._framed(channel, text), ("account", "positions"), symbol)

    def _covers(self, channel: Channel, symbol: str) -> bool:
        """Whether a private channel's arg lets a symbol through."""
        arg = _arg(channel.variant)
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


@lru_cache(maxsize=4096)
def _arg(variant: str) -> dict[str, Any]:
    return dict(json.loads(variant))


def _meaning(channel: Channel) -> tuple[str, ...]:
    arg = _arg(channel.variant)
    return (channel.name, channel.symbol, channel.account, *(arg.get(one) or "" for one in ARG_FILTERS))


def _connection(socket: Socket) -> str:
    return f"{socket.number:08x}"


def _numbered(frame: dict[str, Any], number: Any) -> dict[str, Any]:
    return frame if number is None else {"id": number, **frame}


def _no_such(arg: dict[str, Any]) -> str:
    named = ",".join(f"{name}:{arg[name]}" for name in ("channel", *ARG_FILTERS) if name in arg)[:MAX_ECHO]
    return f"Wrong URL or {named} doesn't exist. Please use the correct URL, channel and parameters."


def _key_of(asked: Any) -> str:
    args = asked.get("args")
    one = args[0] if isinstance(args, list) and args else None
    key = one.get("apiKey") if isinstance(one, dict) else None
    return key[:64] if isinstance(key, str) else ""


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
