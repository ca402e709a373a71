"""Bybit's request parameters: query or JSON body, presence, type and range, each miss refused with the native code."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from harness.venue.core.decimals import parse
from harness.venue.core.refusal import Reason, Refused

MAX_PARAMS = 500
DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,36}")
CLIENT_ID_KEY = "orderLinkId"
LENIENT_CLIENT_ID_KEY = "orderLinkID"
CATEGORIES = ("linear", "inverse", "spot", "option")


class Params:
    """What a request says, under its native keys. In a query every value is a string."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    @classmethod
    def of_query(cls, query: str) -> Params:
        """Refused when it is no form."""
        try:
            pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_PARAMS, errors="strict")
        except (UnicodeDecodeError, ValueError):
            raise Refused(Reason.ILLEGAL_PARAMETER, "query") from None
        return cls(dict(pairs))

    @classmethod
    def of_body(cls, body: bytes) -> Params:
        """Refused when it is no JSON object."""
        try:
            value = json.loads(body)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            raise Refused(Reason.ILLEGAL_PARAMETER, "body", "not a JSON object")
        return cls(value)

    def leniently(self, uses: Counter[str]) -> Params:
        """The same with the lenient spelling of the client order id put under its native key."""
        if LENIENT_CLIENT_ID_KEY not in self._values or CLIENT_ID_KEY in self._values:
            return self
        uses["client order id key"] += 1
        return Params({**self._values, CLIENT_ID_KEY: self._values[LENIENT_CLIENT_ID_KEY]})

    def text(self, name: str) -> str:
        """A string, empty when absent; Refused when it is something else."""
        value = self._values.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Refused(Reason.ILLEGAL_PARAMETER, name, "not a string")
        return value

    def needed(self, name: str) -> str:
        """A mandatory string."""
        value = self.text(name)
        if not value:
            raise Refused(Reason.MISSING_PARAMETER, name)
        return value

    def one_of(self, name: str, known: Mapping[str, Any], default: str = "") -> Any:
        """What a mandatory (unless it has a default) word stands for."""
        word = self.text(name) or default
        if not word:
            raise Refused(Reason.MISSING_PARAMETER, name)
        if word not in known:
            raise Refused(Reason.ILLEGAL_PARAMETER, name)
        return known[word]

    def category(self) -> str:
        """linear, inverse, spot or option."""
        word = self.needed("category")
        if word not in CATEGORIES:
            raise Refused(Reason.ILLEGAL_PARAMETER, "category")
        return word

    def linear(self) -> None:
        """Refused for any other category."""
        if self.category() != "linear":
            raise Refused(Reason.UNSUPPORTED, "category")

    def decimal(self, name: str) -> Decimal:
        """A mandatory decimal, which travels as a string."""
        text = self.needed(name)
        value = parse(text) if DECIMAL.fullmatch(text) else None
        if value is None:
            raise Refused(Reason.ILLEGAL_PARAMETER, name)
        return value

    def flag(self, name: str) -> bool:
        """A JSON boolean, false when absent."""
        value = self._values.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise Refused(Reason.ILLEGAL_PARAMETER, name, "not a boolean")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """An integer, as a number or a string of digits, clamped to what the venue serves."""
        value = self._values.get(name)
        if value is None or value == "":
            return default
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused(Reason.ILLEGAL_PARAMETER, name, "not an integer")
        return max(low, min(high, value))

    def given(self, name: str) -> bool:
        """Whether it is there and not empty."""
        return self._values.get(name) not in (None, "")

    def items(self, name: str, most: int) -> list[Params]:
        """A mandatory array of objects."""
        value = self._values.get(name)
        if value is None:
            raise Refused(Reason.MISSING_PARAMETER, name)
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise Refused(Reason.ILLEGAL_PARAMETER, name, "not an array of objects")
        if not 1 <= len(value) <= most:
            raise Refused(Reason.TOO_MANY_ITEMS, name, str(most))
        return [Params(one) for one in value]

    def client_id(self) -> str:
        """The client's id, empty when there is none."""
        text = self.text(CLIENT_ID_KEY)
        if text and not CLIENT_ID.fullmatch(text):
            raise Refused(Reason.ILLEGAL_PARAMETER, CLIENT_ID_KEY)
        return text
