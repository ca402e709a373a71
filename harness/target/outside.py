"""What a service shows to somebody outside: its health page, the words of its log, what it pushes, what it knows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, field_validator

STREAMS = ("account", "positions", "orders", "prices", "klines", "funding")
DECISION_GROUPS = ("key", "t_ns")
_HOLE = re.compile(r"\{([^{}]*)\}")
_NAMES = re.compile(r"[A-Za-z_]\w*(\.\w+)*(\|[A-Za-z_]\w*(\.\w+)*)*")


class Shape(BaseModel):
    """A part of a profile: frozen, and a misspelled key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Missing(ValueError):
    """A message or page lacks what the profile says is in it."""


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is not a path: begin it with a slash")
    return path


class HealthPage(Shape):
    """An HTTP page that says 200 when the service is ready. `port`: a name among the service's ports."""

    port: str = "http"
    path: str = "/health"

    _begins_with_slash = field_validator("path")(_path)


class LogPatterns(Shape):
    """Regular expressions, searched in one line of the log at a time, without the time that the harness puts before."""

    attempt: str = r"(?i)\battempt\b"
    """One line for each attempt to connect."""
    decision: str = ""
    """A decision to place an order: groups `key` (client order id) and `t_ns` (Unix ns). "": it logs none."""
    error: str = r"\b(ERROR|FATAL)\b"
    panic: str = r"^panic:|^fatal error:|goroutine \d+ \[|Traceback \(most recent call last\)"
    graceful: str = r"(?i)graceful shutdown"

    @field_validator("attempt", "decision", "error", "panic", "graceful")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        return checked_pattern(pattern)

    @field_validator("decision")
    @classmethod
    def _has_groups(cls, pattern: str) -> str:
        if pattern and not set(DECISION_GROUPS) <= re.compile(pattern).groupindex.keys():
            raise ValueError(f"{pattern!r} needs the named groups (?P<key>...) and (?P<t_ns>...)")
        return pattern


def checked_pattern(pattern: str) -> str:
    """The pattern. Raises ValueError when it is not a regular expression."""
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a regular expression ({error})") from None
    return pattern


class Pushed(NamedTuple):
    """One update that a push told: stream, key and value spelled as in evidence."""

    stream: str
    key: str
    value: str


class PushKind(Shape):
    """How the `data` of one type of message is read.

    `key`: names of fields, the first one present wins; none: the key is empty. `value`: a text with {name}, or
    {name|other name}, where again the first one present wins. A name may lead deeper: {order.status}.
    """

    stream: str
    key: tuple[str, ...] = ()
    value: str

    @field_validator("stream")
    @classmethod
    def _known_stream(cls, stream: str) -> str:
        return checked_stream(stream)

    @field_validator("key")
    @classmethod
    def _names(cls, key: tuple[str, ...]) -> tuple[str, ...]:
        for name in key:
            if not _NAMES.fullmatch(name) or "|" in name:
                raise ValueError(f"{name!r} is not the name of a field: write name or name.deeper")
        return key

    @field_validator("value")
    @classmethod
    def _template(cls, value: str) -> str:
        holes = _HOLE.findall(value)
        if not holes or _HOLE.sub("", value).strip("{}") != _HOLE.sub("", value):
            raise ValueError(f"{value!r} names no field: write it as {{name}} or {{name}}:{{other}}")
        for hole in holes:
            if not _NAMES.fullmatch(hole):
                raise ValueError(f"{{{hole}}} is not the name of a field: write {{name}}, {{name|other}} or {{a.b}}")
        return value

    def read(self, data: object) -> Pushed:
        """One update. Raises Missing."""
        key = _first(data, self.key) if self.key else ""
        value = _HOLE.sub(lambda hole: plain(_first(data, hole[1].split("|"))), self.value)
        return Pushed(self.stream, str(key), value)


def checked_stream(name: str) -> str:
    """The name. Raises ValueError when no stream is called that."""
    if name not in STREAMS:
        raise ValueError(f"{name!r} is not a stream; the streams are {', '.join(STREAMS)}")
    return name


class Pushes(Shape):
    """What a service pushes over its WebSocket: {"type": KIND, "data": {...}}. Other kinds are passed over."""

    port: str = "http"
    path: str = "/ws"
    kinds: Annotated[Mapping[str, PushKind], Field(min_length=1)]

    _begins_with_slash = field_validator("path")(_path)

    def read(self, message: object) -> tuple[Pushed, ...]:
        """The updates in one message (JSON, parsed): none in one of another kind, several when `data` is a list.

        Raises Missing (a ValueError) when a known kind lacks a field.
        """
        if not isinstance(message, Mapping):
            raise Missing("the message is no JSON object")
        kind = self.kinds.get(str(message.get("type")))
        if kind is None:
            return ()
        data = message.get("data")
        return tuple(kind.read(one) for one in (data if isinstance(data, list) else [data]))


class Knows(Shape):
    """A page on which the service says which orders it takes to be open.

    `orders`: where the list is in the page's JSON (components.trading.open_orders). Its items are ids, or objects whose
    first present field of `key` is one.
    """

    port: str = "http"
    path: str = "/status"
    orders: Annotated[str, Field(min_length=1)]
    key: tuple[str, ...] = ("client_order_id", "order_id")

    _begins_with_slash = field_validator("path")(_path)

    def orders_of(self, page: object) -> tuple[str, ...]:
        """The ids on that page (JSON, parsed). Raises Missing when there is no such list."""
        found = _at(page, self.orders)
        if not isinstance(found, list):
            raise Missing(f"there is no list at {self.orders}")
        return tuple(str(_first(one, self.key)) if isinstance(one, Mapping) else str(one) for one in found)


class Scaled(Shape):
    """How the service is made to try again faster, for the quick run; `factor`: so much shorter its pauses are."""

    environment: Annotated[Mapping[str, str], Field(min_length=1)]
    factor: Annotated[float, Field(gt=0, le=1)]


def _at(data: object, path: str) -> object:
    """What a dotted path leads to; None when it leads nowhere."""
    for name in path.split("."):
        if not isinstance(data, Mapping):
            return None
        data = data.get(name)
    return data


def _first(data: object, names: tuple[str, ...] | list[str]) -> object:
    for name in names:
        if (found := _at(data, name)) is not None and found != "":
            return found
    raise Missing(f"none of {', '.join(names)} is there")


def plain(value: object) -> str:
    """A decimal without exponent and trailing zeros, and anything else as it is."""
    text = str(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        return text
    # Adding 0 turns -0 into 0.
    return format(number.normalize() + 0, "f") if number.is_finite() else text
