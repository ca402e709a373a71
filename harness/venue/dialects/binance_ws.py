"""Binance's WebSocket: raw streams in the path, SUBSCRIBE frames, listen keys, and every event's native form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from harness.venue.core.candles import INTERVALS_MS
from harness.venue.core.events import AccountChanged, Event, FundingChanged, OrderChanged, PriceMoved
from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.hub import Channel, Socket
from harness.venue.dialects import binance_events as events
from harness.venue.dialects.binance_keys import ListenKey, ListenKeys
from harness.venue.venue import Venue

USER = "user"
MAX_PARAMS = 1024
PLAIN_STREAMS = ("bookTicker", "miniTicker", "ticker", "markPrice", "markPrice@1s", "markPrice@3s", "trade", "aggTrade")
ALL_SYMBOLS = ("!bookTicker", "!miniTicker@arr", "!ticker@arr", "!markPrice@arr", "!markPrice@arr@1s")
WRAPPED = "stream"


class Streams:
    """Who gets what, and how it is spelled."""

    def __init__(self, venue: Venue, listen_keys: ListenKeys) -> None:
        self._venue = venue
        self._hub = venue.hub
        self._exchange = venue.exchange
        self._listen_keys = listen_keys
        self._symbols = {symbol.lower(): symbol for symbol in venue.exchange.markets}
        self._makers: dict[str, Callable[[PriceMoved], str]] = {
            "bookTicker": events.book_ticker,
            "miniTicker": events.mini_ticker,
            "ticker": events.ticker,
            "trade": events.trade,
            "aggTrade": events.agg_trade,
        }

    # -- what clients ask for -------------------------------------------------------------------

    def opened(self, socket: Socket, path: str, query: str) -> None:
        """Listen key in the query, then a raw stream, then a listen key in the path, then a control socket."""
        socket.wrapped = path.rstrip("/").endswith("/stream")
        asked = parse_qs(query)
        last = path.rsplit("/", 1)[-1]
        if asked.get("listenKey"):
            self._listen(socket, asked["listenKey"][0])
        elif "@" in last or last.startswith("!"):
            for name in last.split("/"):
                self._subscribe(socket, name)
        elif self._listen_keys.find(last) is not None:
            self._listen(socket, last)
        for name in "/".join(asked.get("streams", [])).split("/"):
            if name and not self._subscribe(socket, name):
                self._listen(socket, name)

    def heard(self, socket: Socket, text: str) -> None:
        """Answer a control frame; nothing that comes in does any harm."""
        try:
            asked = json.loads(text)
        except (ValueError, RecursionError):
            socket.send(_error(None, 3, "Invalid JSON: expected value at line 1 column 1"))
            return
        if not isinstance(asked, dict) or not isinstance(asked.get("method"), str):
            socket.send(_error(None, 2, "Invalid request: request must be an object with a method"))
            return
        number = asked.get("id")
        if number is not None and not isinstance(number, (int, str)):
            socket.send(_error(None, 2, "Invalid request: id must be an integer or a string"))
            return
        params = asked.get("params", [])
        method = asked["method"]
        if method == "LIST_SUBSCRIPTIONS":
            names = [self._name_of(channel) for channel in socket.channels]
            socket.send(json.dumps({"result": names, "id": number}, separators=(",", ":")))
            return
        if method not in ("SUBSCRIBE", "UNSUBSCRIBE"):
            socket.send(_error(number, 2, f"Invalid request: unknown variant {method[:40]}"))
            return
        if not isinstance(params, list) or len(params) > MAX_PARAMS or not all(isinstance(one, str) for one in params):
            socket.send(_error(number, 2, "Invalid request: params must be an array of strings"))
            return
        if method == "SUBSCRIBE" and self._refused_by_fault(socket, params):
            socket.send(_error(number, 2, "Invalid request: invalid stream"))
            return
        act = self._subscribe if method == "SUBSCRIBE" else self._unsubscribe
        refused = [name for name in params if not act(socket, name) and not self._listen(socket, name)]
        if refused:
            socket.send(_error(number, 2, "Invalid request: invalid stream"))
        else:
            socket.send(json.dumps({"result": None, "id": number}, separators=(",", ":")))

    def listen_key_ended(self, one: ListenKey, *, with_event: bool) -> None:
        """Its sockets stay open and hear nothing more."""
        for plain in (True, False):
            channel = Channel(USER, account=one.key.name, variant="" if plain else one.listen_key)
            for socket in self._hub.listeners(channel):
                if socket.listen_key != one.listen_key:
                    continue
                if with_event:
                    event = {"e": "listenKeyExpired", "E": self._exchange.now_ms(), "listenKey": one.listen_key}
                    text = json.dumps(event, separators=(",", ":"))
                    socket.send(text if plain else _wrap(one.listen_key, text))
                self._hub.unsubscribe(socket, channel)

    def _refused_by_fault(self, socket: Socket, names: list[str]) -> bool:
        for name in names:
            channel = self._channel(socket, name) or Channel(name)
            where = Scope(socket.path, "", channel.name, socket.key, channel.symbol, socket.kind)
            if self._venue.faults.fires(FaultKind.REFUSE_SUBSCRIBE, where, f"socket {socket.number} {name}"):
                return True
        return False

    def _listen(self, socket: Socket, listen_key: str) -> bool:
        one = self._listen_keys.find(listen_key)
        if one is None:
            return False
        socket.listen_key = listen_key
        self._hub.identify(socket, one.key.key, one.key.name)
        self._hub.subscribe(socket, Channel(USER, account=one.key.name, variant=listen_key if socket.wrapped else ""))
        return True

    def _channel(self, socket: Socket, name: str) -> Channel | None:
        variant = WRAPPED if socket.wrapped else ""
        if name in ALL_SYMBOLS:
            return Channel(name, variant=variant)
        symbol, _, kind = name.partition("@")
        known = kind in PLAIN_STREAMS or (kind.removeprefix("kline_") in INTERVALS_MS and kind.startswith("kline_"))
        if not symbol or not (known or kind.startswith("depth")):
            return None
        # An unknown symbol is accepted and stays silent, as natively.
        return Channel(kind, self._symbols.get(symbol.lower(), symbol.upper()), variant=variant)

    def _subscribe(self, socket: Socket, name: str) -> bool:
        channel = self._channel(socket, name)
        if channel is None:
            return False
        if channel.name.startswith("kline_") and channel.symbol in self._exchange.markets:
            candles = self._exchange.markets[channel.symbol].candles
            candles.track(channel.name.removeprefix("kline_"), self._exchange.now_ms())
        self._hub.subscribe(socket, channel)
        return True

    def _unsubscribe(self, socket: Socket, name: str) -> bool:
        channel = self._channel(socket, name)
        if channel is None and name == socket.listen_key:
            channel = Channel(USER, account=socket.account, variant=name if socket.wrapped else "")
        if channel is None:
            return False
        self._hub.unsubscribe(socket, channel)
        return True

    def _name_of(self, channel: Channel) -> str:
        if channel.name == USER:
            return channel.variant or USER
        return f"{channel.symbol.lower()}@{channel.name}" if channel.symbol else channel.name

    # -- what the core tells --------------------------------------------------------------------

    def emitted(self, event: Event) -> None:
        """Render an event once per subscribed channel."""
        match event:
            case PriceMoved():
                self._price_moved(event)
            case FundingChanged():
                self._funding_changed(event)
            case OrderChanged() | AccountChanged() if not self._hub.wanted(event.account.name):
                pass
            case OrderChanged():
                self._to_user(event.account.name, events.order_update(event), ("orders",), event.order.symbol)
            case AccountChanged():
                # One native event for both streams of the contract.
                streams = ("account", "positions") if event.positions else ("account",)
                symbol = event.positions[0].symbol if event.positions else ""
                self._to_user(event.account.name, events.account_update(event, self._exchange), streams, symbol)

    def _price_moved(self, event: PriceMoved) -> None:
        symbol = event.market.instrument.symbol
        made: dict[str, str] = {}
        for channel in self._hub.wanted(symbol):
            streams = ("klines",) if channel.name.startswith("kline_") else ("prices",)
            text = made.get(channel.name)
            if text is None:
                text = made[channel.name] = self._rendered(channel.name, event)
            self._publish(channel, text, streams, symbol)
        for channel in self._hub.wanted(""):
            kind = channel.name.strip("!").partition("@")[0]
            text = self._rendered(kind, event)
            self._publish(channel, text if channel.name == "!bookTicker" else f"[{text}]", ("prices",), symbol)

    def _rendered(self, name: str, event: PriceMoved) -> str:
        maker = self._makers.get(name)
        if maker is not None:
            return maker(event)
        if name.startswith("kline_"):
            return events.kline(event, name.removeprefix("kline_"))
        if name.startswith("depth"):
            return events.depth(event)
        return events.mark_price(event.market, event.t_ms)

    def _funding_changed(self, event: FundingChanged) -> None:
        symbol = event.market.instrument.symbol
        text = events.mark_price(event.market, event.t_ms)
        for channel in [*self._hub.wanted(symbol), *self._hub.wanted("")]:
            if channel.name.startswith("markPrice"):
                self._publish(channel, text, ("funding",), symbol)
            elif channel.name.startswith("!markPrice"):
                self._publish(channel, f"[{text}]", ("funding",), symbol)

    def _publish(self, channel: Channel, text: str, streams: tuple[str, ...], symbol: str) -> None:
        if channel.variant == WRAPPED:
            text = _wrap(self._name_of(channel), text)
        self._hub.publish(channel, text, streams, symbol)

    def _to_user(self, account: str, text: str, streams: tuple[str, ...], symbol: str) -> None:
        for channel in self._hub.wanted(account):
            # The envelope of a combined stream names the listen key, so each key has a channel of its own there.
            shown = _wrap(channel.variant, text) if channel.variant else text
            self._hub.publish(channel, shown, streams, symbol)


def _error(number: int | str | None, code: int, message: str) -> str:
    error: dict[str, Any] = {"error": {"code": code, "msg": message}}
    return json.dumps(error if number is None else error | {"id": number}, separators=(",", ":"))


def _wrap(name: str, text: str) -> str:
    return f'{{"stream":"{name}","data":{text}}}'
