"""What OKX hears on a WebSocket: ping, login, subscribe, unsubscribe, and how each is acknowledged or refused."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.hub import Channel, Socket
from harness.venue.core.keys import ApiKey
from harness.venue.dialects import okx_books as books
from harness.venue.dialects import okx_views as views
from harness.venue.dialects.okx_args import CANDLE, FILTERS, dumps, meaning
from harness.venue.dialects.okx_errors import (
    ILLEGAL_REQUEST,
    LOGIN_FAILED,
    NO_SUCH_CHANNEL,
    NOT_LOGGED_IN,
    WS_MESSAGES,
)
from harness.venue.dialects.okx_login import checked
from harness.venue.dialects.okx_market import BARS, INST_TYPES
from harness.venue.dialects.okx_push import Pushes
from harness.venue.dialects.text_ping import text_ping
from harness.venue.venue import Venue

MARKET_CHANNELS = ("tickers", "trades", "trades-all", "mark-price", "funding-rate", *books.BOOKS, *books.SNAPSHOTS)
PRIVATE_CHANNELS = ("orders", "account", "positions", "balance_and_position")
MAX_ARGS = 1024
MAX_ECHO = 500


class Streams:
    """Who gets what."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._hub = venue.hub
        self._exchange = venue.exchange
        self._pushes = Pushes(venue)
        self.emitted = self._pushes.emitted
        self.symbols = {views.inst_id(one.instrument): symbol for symbol, one in venue.exchange.markets.items()}

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
        socket.send(dumps(_numbered(frame, number)))

    def _login(self, socket: Socket, asked: Any) -> None:
        found = checked(self._venue, socket, asked.get("args"))
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
        socket.send(dumps({"event": "login", "code": "0", "msg": "", "connId": _connection(socket)}))

    def _channel(self, socket: Socket, arg: dict[str, Any]) -> Channel | int:
        """The channel of an arg, or the code of the refusal."""
        name, inst_id = arg.get("channel"), arg.get("instId")
        if not isinstance(name, str) or not all(isinstance(arg.get(one, ""), str) for one in FILTERS):
            return ILLEGAL_REQUEST
        if name in PRIVATE_CHANNELS:
            if not socket.account:
                return NOT_LOGGED_IN
            kind = arg.get("instType", "")
            kinds = ("ANY", *INST_TYPES) if name in ("orders", "positions") else ("", "ANY", *INST_TYPES)
            if kind not in kinds or (inst_id and inst_id not in self.symbols):
                return NO_SUCH_CHANNEL
            return Channel(name, account=socket.account, variant=dumps(arg))
        bar = name.removeprefix(CANDLE)
        if name not in MARKET_CHANNELS and not (name.startswith(CANDLE) and bar in BARS):
            return NO_SUCH_CHANNEL
        if inst_id not in self.symbols:
            return NO_SUCH_CHANNEL
        return Channel(name, self.symbols[inst_id], variant=dumps(arg))

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
            messages = {NO_SUCH_CHANNEL: _no_such(arg), ILLEGAL_REQUEST: f"Illegal request: {dumps(arg)[:MAX_ECHO]}"}
            self._refuse(socket, channel, messages.get(channel) or WS_MESSAGES[channel], number)
            return
        known = self._subscribed(socket, channel)
        self._acknowledge(socket, "subscribe", arg, number)
        if known is not None:
            return
        if channel.name.startswith(CANDLE):
            candles = self._exchange.markets[channel.symbol].candles
            candles.track(BARS[channel.name.removeprefix(CANDLE)], self._exchange.now_ms())
        self._pushes.first(socket, channel)
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
        socket.send(dumps(_numbered({"event": event, "arg": arg, "connId": _connection(socket)}, number)))

    def _subscribed(self, socket: Socket, wanted: Channel) -> Channel | None:
        """The socket's channel that means the same, however its arg was written."""
        same = meaning(wanted)
        return next((one for one in socket.channels if meaning(one) == same), None)


def _connection(socket: Socket) -> str:
    return f"{socket.number:08x}"


def _numbered(frame: dict[str, Any], number: Any) -> dict[str, Any]:
    return frame if number is None else {"id": number, **frame}


def _no_such(arg: dict[str, Any]) -> str:
    named = ",".join(f"{name}:{arg[name]}" for name in ("channel", *FILTERS) if name in arg)[:MAX_ECHO]
    return f"Wrong URL or {named} doesn't exist. Please use the correct URL, channel and parameters."


def _key_of(asked: Any) -> str:
    args = asked.get("args")
    one = args[0] if isinstance(args, list) and args else None
    key = one.get("apiKey") if isinstance(one, dict) else None
    return key[:64] if isinstance(key, str) else ""
