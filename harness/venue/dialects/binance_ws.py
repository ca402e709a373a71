"""Binance's WebSocket: raw streams in the path, SUBSCRIBE frames, listen keys, and every event's native form."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from harness.venue.core.candles import INTERVALS_MS
from harness.venue.core.decimals import ZERO, canonical, fixed
from harness.venue.core.events import AccountChanged, Event, FundingChanged, OrderChanged, PriceMoved
from harness.venue.core.hub import Channel, Socket
from harness.venue.core.market import Market
from harness.venue.core.orders import Side
from harness.venue.dialects import binance_views as views
from harness.venue.dialects.binance_market import levels
from harness.venue.dialects.binance_rest import ListenKey, ListenKeys
from harness.venue.venue import Venue

USER = "user"
DEPTH_LEVELS = 20
MAX_SWEPT = 1000
"""As deep as a REST snapshot goes."""
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
            "bookTicker": _book_ticker,
            "miniTicker": _mini_ticker,
            "ticker": _ticker,
            "trade": _trade,
            "aggTrade": _agg_trade,
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
        act = self._subscribe if method == "SUBSCRIBE" else self._unsubscribe
        refused = [name for name in params if not act(socket, name) and not self._listen(socket, name)]
        if refused:
            socket.send(_error(number, 2, "Invalid request: invalid stream"))
        else:
            socket.send(json.dumps({"result": None, "id": number}, separators=(",", ":")))

    def listen_key_ended(self, one: ListenKey, *, with_event: bool) -> None:
        """Its sockets stay open and hear nothing more."""
        for channel in (Channel(USER, account=one.key.name), Channel(USER, account=one.key.name, variant=WRAPPED)):
            for socket in self._hub.listeners(channel):
                if socket.listen_key != one.listen_key:
                    continue
                if with_event:
                    event = {"e": "listenKeyExpired", "E": self._exchange.now_ms(), "listenKey": one.listen_key}
                    text = json.dumps(event, separators=(",", ":"))
                    socket.send(_wrap(one.listen_key, text) if socket.wrapped else text)
                self._hub.unsubscribe(socket, channel)

    def _listen(self, socket: Socket, listen_key: str) -> bool:
        one = self._listen_keys.find(listen_key)
        if one is None:
            return False
        socket.listen_key = listen_key
        self._hub.identify(socket, one.key.key, one.key.name)
        self._hub.subscribe(socket, Channel(USER, account=one.key.name, variant=WRAPPED if socket.wrapped else ""))
        return True

    def _channel(self, socket: Socket, name: str) -> Channel | None:
        variant = WRAPPED if socket.wrapped else ""
        if name in ALL_SYMBOLS:
            return Channel(name, variant=variant)
        symbol, _, kind = name.partition("@")
        known = kind in PLAIN_STREAMS or kind.removeprefix("kline_") in INTERVALS_MS and kind.startswith("kline_")
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
            channel = Channel(USER, account=socket.account, variant=WRAPPED if socket.wrapped else "")
        if channel is None:
            return False
        self._hub.unsubscribe(socket, channel)
        return True

    def _name_of(self, channel: Channel) -> str:
        return f"{channel.symbol.lower()}@{channel.name}" if channel.symbol else channel.name

    # -- what the core tells --------------------------------------------------------------------

    def emitted(self, event: Event) -> None:
        """Render an event once per subscribed channel."""
        match event:
            case PriceMoved():
                self._price_moved(event)
            case FundingChanged():
                self._funding_changed(event)
            case OrderChanged():
                self._to_user(event.account.name, _order_update(event), ("orders",), event.order.symbol)
            case AccountChanged():
                # One native event for both streams of the contract.
                streams = ("account", "positions") if event.positions else ("account",)
                symbol = event.positions[0].symbol if event.positions else ""
                self._to_user(event.account.name, _account_update(event, self._exchange), streams, symbol)

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
            return _kline(event, name.removeprefix("kline_"))
        if name.startswith("depth"):
            return _depth(event)
        return _mark_price(event.market, event.t_ms)

    def _funding_changed(self, event: FundingChanged) -> None:
        symbol = event.market.instrument.symbol
        text = _mark_price(event.market, event.t_ms)
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
        self._hub.publish(Channel(USER, account=account), text, streams, symbol)
        wrapped = Channel(USER, account=account, variant=WRAPPED)
        for socket in self._hub.listeners(wrapped):
            self._hub.publish(wrapped, _wrap(socket.listen_key, text), stream, symbol)
            break


def _error(number: int | str | None, code: int, message: str) -> str:
    error: dict[str, Any] = {"error": {"code": code, "msg": message}}
    return json.dumps(error if number is None else error | {"id": number}, separators=(",", ":"))


def _wrap(name: str, text: str) -> str:
    return f'{{"stream":"{name}","data":{text}}}'


def _dumps(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"))


def _book_ticker(event: PriceMoved) -> str:
    # By hand: this is the one that goes out ten thousand times a second.
    market, one = event.market, event.market.instrument
    amount = views.qty(market.top_qty, one)
    return (
        f'{{"e":"bookTicker","u":{market.update_id},"s":"{one.symbol}","b":"{views.price(market.bid, one)}",'
        f'"B":"{amount}","a":"{views.price(market.ask, one)}","A":"{amount}","T":{event.trade.t_ms},"E":{event.t_ms}}}'
    )


def _mini_ticker(event: PriceMoved) -> str:
    market, one = event.market, event.market.instrument
    return _dumps(
        {
            "e": "24hrMiniTicker",
            "E": event.t_ms,
            "s": one.symbol,
            "c": views.price(market.last, one),
            "o": views.price(market.open, one),
            "h": views.price(market.high, one),
            "l": views.price(market.low, one),
            "v": views.qty(market.volume, one),
            "q": canonical(market.turnover),
        }
    )


def _ticker(event: PriceMoved) -> str:
    day = views.day(event.market, event.t_ms)
    return _dumps(
        {
            "e": "24hrTicker",
            "E": event.t_ms,
            "s": day["symbol"],
            "p": day["priceChange"],
            "P": day["priceChangePercent"],
            "w": day["weightedAvgPrice"],
            "c": day["lastPrice"],
            "Q": day["lastQty"],
            "o": day["openPrice"],
            "h": day["highPrice"],
            "l": day["lowPrice"],
            "v": day["volume"],
            "q": day["quoteVolume"],
            "O": day["openTime"],
            "C": day["closeTime"],
            "F": day["firstId"],
            "L": day["lastId"],
            "n": day["count"],
        }
    )


def _mark_price(market: Market, t_ms: int) -> str:
    mark = views.price(market.mark, market.instrument)
    return _dumps(
        {
            "e": "markPriceUpdate",
            "E": t_ms,
            "s": market.instrument.symbol,
            "p": mark,
            "i": mark,
            "P": mark,
            "r": fixed(market.funding_rate, 8),
            "T": market.next_funding_ms(t_ms),
        }
    )


def _trade(event: PriceMoved) -> str:
    one, trade = event.market.instrument, event.trade
    return _dumps(
        {
            "e": "trade",
            "E": event.t_ms,
            "T": trade.t_ms,
            "s": one.symbol,
            "t": trade.trade_id,
            "p": views.price(trade.price, one),
            "q": views.qty(trade.qty, one),
            "X": "MARKET",
            "m": trade.buyer_is_maker,
        }
    )


def _agg_trade(event: PriceMoved) -> str:
    one, trade = event.market.instrument, event.trade
    return _dumps(
        {
            "e": "aggTrade",
            "E": event.t_ms,
            "s": one.symbol,
            "a": trade.trade_id,
            "p": views.price(trade.price, one),
            "q": views.qty(trade.qty, one),
            "f": trade.trade_id,
            "l": trade.trade_id,
            "T": trade.t_ms,
            "m": trade.buyer_is_maker,
        }
    )


def _kline(event: PriceMoved, interval: str) -> str:
    one, candle = event.market.instrument, event.candles[interval]
    row = views.kline(candle, interval, one)
    # The last trade of an ended candle closes it; a longer candle that goes on stays open.
    closed = event.closes and row[6] < event.t_ms
    body = {
        "t": row[0],
        "T": row[6],
        "s": one.symbol,
        "i": interval,
        "f": candle.first_trade,
        "L": event.trade.trade_id,
        "o": row[1],
        "c": row[4],
        "h": row[2],
        "l": row[3],
        "v": row[5],
        "n": row[8],
        "x": closed,
        "q": row[7],
        "V": row[9],
        "Q": row[10],
        "B": "0",
    }
    return _dumps({"e": "kline", "E": event.t_ms, "s": one.symbol, "k": body})


def _depth(event: PriceMoved) -> str:
    market = event.market
    return _dumps(
        {
            "e": "depthUpdate",
            "E": event.t_ms,
            "T": event.trade.t_ms,
            "s": market.instrument.symbol,
            # Overlapping by one, so that whatever snapshot a client took, one event spans it.
            "U": market.update_id - 1,
            "u": market.update_id,
            "pu": market.update_id - 1,
            "b": _changed_levels(market, Side.BUY),
            "a": _changed_levels(market, Side.SELL),
        }
    )


def _changed_levels(market: Market, side: Side) -> list[list[str]]:
    one = market.instrument
    gone = [[views.price(price, one), "0"] for price in market.swept(side, MAX_SWEPT)]
    return gone + levels(market, side, DEPTH_LEVELS)


def _order_update(event: OrderChanged) -> str:
    order, fill = event.order, event.fill
    ticket, one = order.ticket, order.instrument
    body: dict[str, Any] = {
        "s": order.symbol,
        "c": order.client_id,
        "S": ticket.side.value,
        "o": ticket.kind.value,
        "f": ticket.force.value,
        "q": views.qty(ticket.qty, one),
        "p": views.price(ticket.price, one),
        "ap": views.canonical_price(order.average, one),
        "sp": "0",
        "x": event.execution,
        "X": order.status.value,
        "i": order.order_id,
        "l": views.qty(fill.qty if fill else ZERO, one),
        "z": views.qty(order.executed, one),
        "L": views.price(fill.price if fill else ZERO, one),
    }
    if fill:
        body |= {"N": one.quote, "n": views.money(fill.fee)}
    body |= {
        "T": order.updated_ms,
        "t": fill.trade_id if fill else 0,
        "b": "0",
        "a": "0",
        "m": fill.maker if fill else False,
        "R": ticket.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": ticket.kind.value,
        "ps": "BOTH",
        "cp": False,
        "rp": views.money(fill.realised if fill else ZERO),
    }
    return _dumps({"e": "ORDER_TRADE_UPDATE", "E": event.t_ms, "T": order.updated_ms, "o": body})


def _account_update(event: AccountChanged, exchange: Any) -> str:
    wallet = views.money(event.account.wallet)
    positions = [
        {
            "s": position.symbol,
            "pa": views.qty(position.size, exchange.markets[position.symbol].instrument) if position.size else "0",
            "ep": views.canonical_price(position.entry, exchange.markets[position.symbol].instrument),
            "cr": views.money(position.realised),
            "up": views.money(position.unrealised(exchange.markets[position.symbol].mark)),
            "mt": position.margin_type,
            "iw": "0",
            "ps": "BOTH",
        }
        for position in event.positions
    ]
    body = {
        "m": event.reason,
        "B": [{"a": "USDT", "wb": wallet, "cw": wallet, "bc": views.money(event.change)}],
        "P": positions,
    }
    return _dumps({"e": "ACCOUNT_UPDATE", "E": event.t_ms, "T": event.t_ms, "a": body})
