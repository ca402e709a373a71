"""Binance's request parameters: presence, form and range, each miss refused with the native code."""

from __future__ import annotations

import json
import re
import secrets
from decimal import Decimal
from enum import StrEnum
from typing import Any, TypeVar

from harness.venue.core.decimals import parse
from harness.venue.core.refusal import Reason, Refused

Params = dict[str, str]
Member = TypeVar("Member", bound=StrEnum)
DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
DECIMAL_RANGE = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


def whole(params: Params, name: str, default: int, low: int, high: int) -> int:
    """An integer parameter clamped to what the venue serves; Refused when it is none."""
    text = params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Refused(Reason.ILLEGAL_PARAMETER, name, "^[0-9]{1,20}$")
    return max(low, min(high, int(text)))


def needed(params: Params, name: str) -> str:
    """A mandatory parameter."""
    value = params.get(name, "")
    if not value:
        raise Refused(Reason.MISSING_PARAMETER, name)
    return value


def one_of(kind: type[Member], text: str, name: str) -> Member:
    """A member of an enumeration."""
    try:
        return kind(text)
    except ValueError:
        raise Refused(Reason.ILLEGAL_PARAMETER, name) from None


def decimal(params: Params, name: str) -> Decimal:
    """A mandatory decimal in the venue's notation."""
    text = needed(params, name)
    value = parse(text) if DECIMAL.fullmatch(text) else None
    if value is None:
        raise Refused(Reason.ILLEGAL_PARAMETER, name, DECIMAL_RANGE)
    return value


def flag(params: Params, name: str) -> bool:
    """true or false, false when absent."""
    text = params.get(name, "false").lower()
    if text not in ("true", "false"):
        raise Refused(Reason.ILLEGAL_PARAMETER, name, "true, false")
    return text == "true"


def client_id(params: Params) -> str:
    """The client's id, or one made up as the venue does."""
    text = params.get("newClientOrderId", "")
    if not text:
        return secrets.token_hex(11)
    if not CLIENT_ID.fullmatch(text):
        raise Refused(Reason.ILLEGAL_PARAMETER, "newClientOrderId")
    return text


def text(value: Any) -> str:
    """A JSON scalar as it would have come in a form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def json_list(params: Params, name: str, *, optional: bool = False) -> list[Any]:
    """A parameter that holds a JSON array."""
    text = params.get(name, "")
    if not text and optional:
        return []
    try:
        value = json.loads(needed(params, name))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise Refused(Reason.ILLEGAL_PARAMETER, name, "a JSON array")
    return value
