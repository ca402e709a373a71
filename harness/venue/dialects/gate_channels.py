"""Gate's channels: what the payload of a subscription means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.venue.core.hub import Channel
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.gate_books import DEFAULT_DEPTH, DEPTHS, PERIODS
from harness.venue.dialects.gate_market_views import INTERVALS
from harness.venue.dialects.gate_views import WS_ROW
from harness.venue.venue import Venue

ALL = "!all"
CANDLES, BOOK = "futures.candlesticks", "futures.order_book_update"
BY_CONTRACT = ("futures.tickers", "futures.trades", "futures.book_ticker")
PRIVATE = ("futures.orders", "futures.usertrades", "futures.balances", "futures.positions")
STREAMS: dict[str, tuple[str, ...]] = {
    "futures.tickers": ("prices",),
    "futures.book_ticker": ("prices",),
    "futures.trades": (),
    CANDLES: ("klines",),
    BOOK: (),
    "futures.orders": ("orders",),
    "futures.usertrades": (),
    "futures.balances": ("account",),
    "futures.positions": ("positions",),
}
"""The core's streams behind each channel; trades and books tell again what others tell."""
ONE_CANDLE = "one "
"""Before the interval of a subscription whose candles come one by one instead of in an array."""
MAX_CONTRACTS = 500


class Channels:
    """Finds the hub's channels of a payload. A private channel's variant is the core's symbol, or !all."""

    def __init__(self, venue: Venue, symbols: Mapping[str, str]) -> None:
        self._venue = venue
        self._symbols = symbols

    def of(self, name: str, payload: Any, account: str) -> list[Channel]:
        """Refused when the payload names something that does not exist, or nothing."""
        if name not in STREAMS:
            raise Refused(Reason.UNSUPPORTED, "channel", name[:40])
        given = [] if payload is None else payload
        if not isinstance(given, list) or not all(isinstance(one, (str, int)) for one in given):
            raise Refused(Reason.ILLEGAL_PARAMETER, "payload", "an array of strings is expected")
        texts = [str(one) for one in given]
        if name in PRIVATE:
            return self._private(name, texts, account)
        if name == CANDLES:
            return [self._candles(texts)]
        if name == BOOK:
            return [self._book(texts)]
        if not 1 <= len(texts) <= MAX_CONTRACTS:
            raise Refused(Reason.MISSING_PARAMETER, "payload")
        symbols = list(self._symbols.values()) if texts == [ALL] else [self._symbol(one) for one in texts]
        return [Channel(name, symbol) for symbol in symbols]

    def _symbol(self, contract: str) -> str:
        symbol = self._symbols.get(contract)
        if symbol is None:
            raise Refused(Reason.UNKNOWN_SYMBOL, contract[:40])
        return symbol

    def _private(self, name: str, texts: list[str], account: str) -> list[Channel]:
        if not account:
            raise Refused(Reason.MALFORMED_KEY)
        by_contract = name != "futures.balances"
        if texts and (texts[0].isdigit() or not self._venue.allows(WS_ROW)):
            if not texts[0].isascii() or not texts[0].isdigit():
                raise Refused(Reason.ILLEGAL_PARAMETER, "payload", "the user id comes first")
            texts = texts[1:]
        elif self._venue.allows(WS_ROW):
            self._venue.meters.lenient_uses[WS_ROW] += 1
        else:
            raise Refused(Reason.MISSING_PARAMETER, "payload")
        if not by_contract:
            return [Channel(name, account=account, variant=ALL)]
        if not texts and not self._venue.allows(WS_ROW):
            raise Refused(Reason.MISSING_PARAMETER, "payload")
        wanted = texts or [ALL]
        return [Channel(name, account=account, variant=ALL if one == ALL else self._symbol(one)) for one in wanted]

    def _candles(self, texts: list[str]) -> Channel:
        variant = ""
        if len(texts) == 1 and "_" in texts[0] and self._venue.allows(WS_ROW):
            self._venue.meters.lenient_uses[WS_ROW] += 1
            interval, _, name = texts[0].partition("_")
            texts, variant = [interval, name], ONE_CANDLE
        if len(texts) != 2:
            raise Refused(Reason.ILLEGAL_PARAMETER, "payload", "[interval, contract] is expected")
        interval, name = texts
        if interval not in INTERVALS:
            raise Refused(Reason.ILLEGAL_PARAMETER, "interval", interval[:40])
        return Channel(CANDLES, self._symbol(name), variant=variant + interval)

    def _book(self, texts: list[str]) -> Channel:
        if not 2 <= len(texts) <= 3:
            raise Refused(Reason.ILLEGAL_PARAMETER, "payload", "[contract, frequency, level] is expected")
        depth = texts[2] if len(texts) == 3 else DEFAULT_DEPTH
        if texts[1] not in PERIODS or depth not in DEPTHS:
            raise Refused(Reason.ILLEGAL_PARAMETER, "payload", f"{texts[1]} {depth}"[:40])
        return Channel(BOOK, self._symbol(texts[0]), variant=depth)
