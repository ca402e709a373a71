"""Bitget's request parameters: JSON bodies and queries, each miss refused with the native code."""

from __future__ import annotations

import json
import re
import secrets
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from harness.venue.core.decimals import parse
from harness.venue.core.exchange import Exchange
from harness.venue.core.instruments import Instrument
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.bitget_rows import CLIENT_ID, Rows
from harness.venue.dialects.dialect import Call

Params = dict[str, Any]
MAX_PARAMS = 500
MAX_DIGITS = 18
PRODUCT = "USDT-FUTURES"
OTHER_PRODUCTS = ("COIN-FUTURES", "USDC-FUTURES", "SUSDT-FUTURES", "SCOIN-FUTURES", "SUSDC-FUTURES")
MARGIN_COIN = "USDT"
MARGIN_MODES = {"crossed": "cross", "isolated": "isolated"}
DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
CLIENT_ID_FORM = re.compile(r"[!-~]{1,64}")
LENIENT_KEYS = {"clientOID": "clientOid"}


def params_of(call: Call) -> Params:
    """Query of a GET, JSON object of a POST; numbers keep the text they were sent as."""
    try:
        if call.method == "GET":
            pairs = parse_qsl(call.query, keep_blank_values=True, max_num_fields=MAX_PARAMS, errors="strict")
            found: Any = dict(pairs)
        else:
            found = json.loads(call.body or b"{}", parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        raise Refused(Reason.ILLEGAL_PARAMETER, "body") from None
    if not isinstance(found, dict):
        raise Refused(Reason.ILLEGAL_PARAMETER, "body")
    return found


def native_keys(params: Params, rows: Rows) -> Params:
    """Lenient spellings of keys in their native one, where they are allowed."""
    if not rows.taken(CLIENT_ID, odd=any(name in params for name in LENIENT_KEYS)):
        return params
    return {LENIENT_KEYS.get(name, name): value for name, value in params.items()}


def text(params: Params, name: str) -> str:
    """A string parameter, empty when absent."""
    value = params.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(Reason.ILLEGAL_PARAMETER, name)
    return value


def needed(params: Params, name: str) -> str:
    """A mandatory parameter."""
    value = text(params, name)
    if not value:
        raise Refused(Reason.MISSING_PARAMETER, name)
    return value


def choice(params: Params, name: str, allowed: dict[str, Any], default: str = "") -> Any:
    """What one of the allowed words stands for; mandatory without a default."""
    word = text(params, name) or default or needed(params, name)
    if word not in allowed:
        raise Refused(Reason.ILLEGAL_PARAMETER, name)
    return allowed[word]


def product(params: Params) -> bool:
    """Whether the mandatory productType is the one traded here; the venue's other ones are known but empty."""
    # The venue's own documents write it in either case.
    word = needed(params, "productType").upper()
    if word != PRODUCT and word not in OTHER_PRODUCTS:
        raise Refused(Reason.ILLEGAL_PARAMETER, "productType")
    return word == PRODUCT


def symbol(exchange: Exchange, params: Params) -> str:
    """The mandatory symbol, with the mandatory productType it is of."""
    word = needed(params, "symbol")
    if not product(params):
        raise Refused(Reason.UNKNOWN_SYMBOL, word)
    return exchange.market(word).instrument.symbol


def margin_coin(params: Params) -> None:
    """The mandatory marginCoin."""
    if needed(params, "marginCoin").upper() != MARGIN_COIN:
        raise Refused(Reason.ILLEGAL_PARAMETER, "marginCoin")


def whole(params: Params, name: str, default: int, low: int, high: int) -> int:
    """An integer parameter clamped to what the venue serves; Refused when it is none."""
    word = text(params, name)
    if not word:
        return default
    if not word.isascii() or not word.isdigit() or len(word) > MAX_DIGITS:
        raise Refused(Reason.ILLEGAL_PARAMETER, name)
    return max(low, min(high, int(word)))


def decimal(params: Params, name: str, places: int) -> Decimal:
    """A mandatory decimal with at most so many places."""
    word = needed(params, name)
    value = parse(word) if DECIMAL.fullmatch(word.removeprefix("-")) else None
    if value is None:
        raise Refused(Reason.ILLEGAL_PARAMETER, name)
    exponent = value.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > places:
        raise Refused(Reason.TOO_PRECISE, name, f"{word} checkScale={places}")
    return value


def size(params: Params, instrument: Instrument) -> Decimal:
    """The quantity in base coins."""
    return decimal(params, "size", instrument.qty_places)


def price(params: Params, instrument: Instrument) -> Decimal:
    """The limit price."""
    return decimal(params, "price", instrument.price_places)


def client_id(params: Params) -> str:
    """The client's id, or a numeric one made up as the venue does."""
    word = text(params, "clientOid")
    if not word:
        return str(10**18 + secrets.randbelow(8 * 10**18))
    if not CLIENT_ID_FORM.fullmatch(word):
        raise Refused(Reason.ILLEGAL_PARAMETER, "clientOid")
    return word


def objects(params: Params, name: str, limit: int, rows: Rows) -> list[Params]:
    """A list of objects, as long as the venue takes."""
    value = params.get(name)
    if value is None or value == []:
        raise Refused(Reason.MISSING_PARAMETER, name)
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Refused(Reason.ILLEGAL_PARAMETER, name)
    if len(value) > limit:
        raise Refused(Reason.TOO_MANY_ITEMS, name)
    return [native_keys(one, rows) for one in value]
