"""Turn what HTTP/2 and gRPC say about a call's end into a status code name, as gRPC's own clients do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from urllib.parse import unquote

import grpc
from h2.errors import ErrorCodes

from harness.client.channel import one_line

Fields = Mapping[bytes, bytes]

OK = grpc.StatusCode.OK.name
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE.name
DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED.name
INTERNAL = grpc.StatusCode.INTERNAL.name
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED.name
RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED.name
CANCELLED = grpc.StatusCode.CANCELLED.name
UNKNOWN = grpc.StatusCode.UNKNOWN.name

STATUS: Mapping[str, grpc.StatusCode] = MappingProxyType({code.name: code for code in grpc.StatusCode})

_BY_NUMBER: Mapping[bytes, str] = MappingProxyType({str(code.value[0]).encode(): code.name for code in grpc.StatusCode})
_BY_HTTP: Mapping[bytes, str] = MappingProxyType(
    {
        b"400": INTERNAL,
        b"401": grpc.StatusCode.UNAUTHENTICATED.name,
        b"403": grpc.StatusCode.PERMISSION_DENIED.name,
        b"404": UNIMPLEMENTED,
        b"429": UNAVAILABLE,
        b"502": UNAVAILABLE,
        b"503": UNAVAILABLE,
        b"504": UNAVAILABLE,
    }
)
_BY_RESET: Mapping[int, str] = MappingProxyType(
    {
        ErrorCodes.REFUSED_STREAM: UNAVAILABLE,
        ErrorCodes.CANCEL: CANCELLED,
        ErrorCodes.ENHANCE_YOUR_CALM: RESOURCE_EXHAUSTED,
        ErrorCodes.INADEQUATE_SECURITY: grpc.StatusCode.PERMISSION_DENIED.name,
    }
)


def of_trailers(fields: Fields) -> tuple[str, str]:
    """Code name and details from the fields that ended a reply."""
    number = fields.get(b"grpc-status")
    if number is not None:
        details = unquote(fields.get(b"grpc-message", b"").decode("ascii", "replace"))
        return _BY_NUMBER.get(number, UNKNOWN), details
    http = fields.get(b":status", b"200")
    name = _BY_HTTP.get(http, UNKNOWN)
    return name, f"the reply has no grpc-status (HTTP status {http.decode('ascii', 'replace')})"


def of_reset(error: int) -> str:
    """Code name for a stream that the server reset with this HTTP/2 error."""
    return _BY_RESET.get(error, INTERNAL)


class Redaction:
    """Takes the metadata's values out of whatever a server or a library says about a call."""

    _SHORTEST = 4
    """A shorter value is no secret, and would blank out ordinary digits and words."""

    def __init__(self, values: tuple[str, ...]) -> None:
        self._values = sorted((value for value in values if len(value) >= self._SHORTEST), key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """`text` on one line without any of the values."""
        for value in self._values:
            text = text.replace(value, "***")
        return one_line(text)
