"""What bybit's private calls share: results, pages, and which symbols a request is about."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.bybit_params import Params
from harness.venue.venue import Venue

Row = TypeVar("Row")
CLIENT_ID_ROW = "client order id key"
SCOPE_ROW = "bybit position/list, order/realtime"
SCOPES = ("symbol", "settleCoin", "baseCoin")


@dataclass(frozen=True, slots=True)
class Result:
    """The `result` of the envelope, and what a batch adds to `retExtInfo`."""

    result: Any
    extra: Any = field(default_factory=dict)


def page(params: Params, rows: Sequence[Row], shown: Callable[[Row], Any], most: int) -> Result:
    """All rows, or from `cursor` on the `limit` asked for."""
    start = params.whole("cursor", 0, 0, 2**31)
    end = start + params.whole("limit", 20, 1, most) if params.given("limit") else len(rows)
    return Result(
        {
            "nextPageCursor": str(end) if end < len(rows) else "",
            "category": params.category(),
            "list": [shown(row) for row in rows[start:end]],
        }
    )


def nothing(params: Params) -> Result:
    """An empty page: of a category that is not traded here."""
    return Result({"nextPageCursor": "", "category": params.category(), "list": []})


def native(venue: Venue, params: Params) -> Params:
    """Under native keys: the lenient spelling of the client order id is known where its row holds."""
    return params.leniently(venue.meters.lenient_uses) if venue.allows(CLIENT_ID_ROW) else params


def scope(venue: Venue, params: Params, *, needed: bool) -> str | None:
    """The symbol that is asked about, "" for all; None when the settle or base coin is none of these contracts'."""
    if params.given("symbol"):
        return venue.exchange.market(params.text("symbol")).instrument.symbol
    if params.given("settleCoin"):
        return "" if params.text("settleCoin") == "USDT" else None
    if params.given("baseCoin"):
        symbol = f"{params.text('baseCoin')}USDT"
        return symbol if symbol in venue.exchange.markets else None
    if needed:
        raise Refused(Reason.MISSING_PARAMETER, "symbol or settleCoin")
    return ""


def lenient_scope(venue: Venue, params: Params) -> str | None:
    """The same where the lenient row lets a request go without."""
    lenient = venue.allows(SCOPE_ROW)
    if lenient and not any(params.given(name) for name in SCOPES):
        venue.meters.lenient_uses[SCOPE_ROW] += 1
    return scope(venue, params, needed=not lenient)
