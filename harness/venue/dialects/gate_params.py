"""Gate's request parameters: a query or a JSON body, each miss refused with the native label."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote

from harness.venue.core.decimals import parse
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.dialect import Call

Params = dict[str, Any]
MAX_PARAMS = 500
SHOWN = 80
DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
WHOLE = re.compile(r"-?[0-9]{1,18}(\.0{1,20})?")
CLIENT_ID = re.compile(r"t-[0-9A-Za-z_.-]{1,28}")
CLIENT_ID_PREFIX = "t-"
DECIMAL_SIZE_HEADER = "X-Gate-Size-Decimal"


@dataclass(frozen=True, slots=True)
class Asked:
    """One routed request. `tail`: the variable part of its path; `decimal_sizes`: sizes may come as strings."""

    tail: str
    query: Params
    body: bytes
    decimal_sizes: bool

    @classmethod
    def of(cls, call: Call, tail: str) -> Asked:
        """Refused when the query is none."""
        sizes = call.headers.get(DECIMAL_SIZE_HEADER, "") == "1"
        return cls(unquote(tail), query_of(call.query), call.body, sizes)

    def object(self) -> Params:
        """The body; Refused when it is no JSON object."""
        value = json_of(self.body)
        if not isinstance(value, dict):
            raise Refused(Reason.ILLEGAL_PARAMETER, "body", "an object is expected")
        return value

    def items(self, most: int) -> list[Any]:
        """The body; Refused when it is no JSON array of 1 to `most` items."""
        value = json_of(self.body)
        if not isinstance(value, list):
            raise Refused(Reason.ILLEGAL_PARAMETER, "body", "an array is expected")
        if not 1 <= len(value) <= most:
            raise Refused(Reason.TOO_MANY_ITEMS, "body", str(most))
        return value


def query_of(query: str) -> Params:
    """A query string's parameters; Refused when it is none."""
    try:
        return dict(parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMS, errors="strict"))
    except (UnicodeDecodeError, ValueError):
        raise Refused(Reason.ILLEGAL_PARAMETER, "query") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def json_of(body: bytes) -> Any:
    """A JSON body with its decimals untouched; Refused when it is none."""
    try:
        return json.loads(body.decode(), parse_float=Decimal, parse_constant=_no_constant)
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise Refused(Reason.ILLEGAL_PARAMETER, "body", "not JSON") from None


def _illegal(name: str, value: Any) -> Refused:
    return Refused(Reason.ILLEGAL_PARAMETER, name, str(value)[:SHOWN])


def text(params: Params, name: str) -> str:
    """A string, empty when absent; Refused when it is something else."""
    value = params.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _illegal(name, value)
    return value


def needed(params: Params, name: str) -> str:
    """A mandatory string."""
    value = text(params, name)
    if not value:
        raise Refused(Reason.MISSING_PARAMETER, name)
    return value


def one_of(params: Params, name: str, known: tuple[str, ...], default: str = "") -> str:
    """A string out of a closed set, case-sensitive; mandatory unless it has a default."""
    value = text(params, name) or default or needed(params, name)
    if value not in known:
        raise _illegal(name, value)
    return value


def decimal(params: Params, name: str, default: str = "") -> Decimal:
    """A decimal that travels as a string; mandatory unless it has a default."""
    given = text(params, name) or default or needed(params, name)
    value = parse(given) if DECIMAL.fullmatch(given) else None
    if value is None:
        raise _illegal(name, given)
    return value


def flag(params: Params, name: str) -> bool:
    """A JSON boolean, false when absent."""
    value = params.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise _illegal(name, value)
    return value


def size(params: Params, *, as_text: bool) -> int:
    """The signed number of contracts: a JSON integer, or with `as_text` a whole decimal in a string as well."""
    value = params.get("size")
    if value is None or value == "":
        raise Refused(Reason.MISSING_PARAMETER, "size")
    spelled = str(value) if as_text and isinstance(value, (str, Decimal)) else ""
    if WHOLE.fullmatch(spelled):
        return int(spelled.partition(".")[0])
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= 2**63:
        raise _illegal("size", value)
    return value


def whole(params: Params, name: str, default: int, low: int, high: int) -> int:
    """An integer of a query, clamped to what the venue serves; Refused when it is none."""
    value = text(params, name)
    if not value:
        return default
    if not value.isascii() or not value.isdigit() or len(value) > 18:
        raise _illegal(name, value)
    return max(low, min(high, int(value)))


def client_id(params: Params) -> str:
    """The client's own id without its native prefix, empty when there is none."""
    value = text(params, "text")
    if value and not CLIENT_ID.fullmatch(value):
        raise _illegal("text", value)
    return value.removeprefix(CLIENT_ID_PREFIX)
