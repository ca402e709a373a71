"""OKX's request parameters: a query or a JSON body, each miss refused with the native code."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from harness.venue.core.decimals import parse
from harness.venue.core.refusal import Reason, Refused

Params = dict[str, Any]
MAX_PARAMS = 500
DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
TAG = re.compile(r"[A-Za-z0-9]{0,16}")
LENIENT_CLIENT_ID = "clOrdID"


def query_of(query: str) -> Params:
    """A query string's parameters; Refused when it is none."""
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMS, errors="strict"))
    except (UnicodeDecodeError, ValueError):
        raise Refused(Reason.ILLEGAL_PARAMETER, "query") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def body_of(body: bytes) -> Any:
    """A JSON body with its decimals untouched; Refused when it is empty or no JSON."""
    if not body:
        raise Refused(Reason.MISSING_PARAMETER, "body")
    try:
        return json.loads(body.decode(), parse_float=Decimal, parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Refused(Reason.ILLEGAL_PARAMETER, "body") from None


def object_of(body: Any) -> Params:
    """A body that must be an object."""
    if not isinstance(body, dict):
        raise Refused(Reason.ILLEGAL_PARAMETER, "body")
    return body


def text(params: Params, name: str) -> str:
    """A scalar as text, empty when absent or null; Refused when it is no scalar."""
    value = params.get(name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, Decimal)):
        return str(value)
    raise Refused(Reason.ILLEGAL_PARAMETER, name)


def needed(params: Params, name: str) -> str:
    """A mandatory parameter."""
    value = text(params, name)
    if not value:
        raise Refused(Reason.MISSING_PARAMETER, name)
    return value


def one_of(params: Params, name: str, known: tuple[str, ...]) -> str:
    """A mandatory parameter with a closed set of values, case-sensitive."""
    value = needed(params, name)
    if value not in known:
        raise Refused(Reason.ILLEGAL_PARAMETER, name)
    return value


def decimal(params: Params, name: str) -> Decimal:
    """A mandatory decimal."""
    given = needed(params, name)
    value = parse(given) if DECIMAL.fullmatch(given) else None
    if value is None:
        raise Refused(Reason.ILLEGAL_PARAMETER, name)
    return value


def flag(params: Params, name: str) -> bool:
    """true or false, as a boolean or as text; false when absent."""
    value = text(params, name) or "false"
    if value not in ("true", "false"):
        raise Refused(Reason.ILLEGAL_PARAMETER, name)
    return value == "true"


def whole(params: Params, name: str, default: int, low: int, high: int) -> int:
    """An integer parameter clamped to what the venue serves; Refused when it is none."""
    value = text(params, name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise Refused(Reason.ILLEGAL_PARAMETER, name)
    return max(low, min(high, int(value)))


def client_id(params: Params) -> str:
    """The client's own id of an order, may be empty."""
    value = text(params, "clOrdId")
    if value and not CLIENT_ID.fullmatch(value):
        raise Refused(Reason.ILLEGAL_PARAMETER, "clOrdId")
    return value
