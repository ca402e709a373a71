"""Contract: which RPC an HTTP/2 path names, and which symbols a subscribe request asks for."""

from __future__ import annotations

from collections.abc import Mapping

from google.protobuf.message import DecodeError
from google.protobuf.message import Message as Wire

from harness.client import methods
from harness.client.content import STREAMS
from harness.client.methods import Method
from harness.client.requests import stream_named
from harness.wire.opensqt.market_maker.v1 import exchange_pb2

UNARY: Mapping[bytes, Method[Wire, Wire]] = {
    method.path.encode(): method for method in vars(methods).values() if isinstance(method, Method)
}

STREAM: Mapping[bytes, str] = {stream_named(name, ()).path.encode(): name for name in STREAMS}
"""Names of the six streams by path."""

_REQUESTS: Mapping[str, type[Wire]] = {
    "prices": exchange_pb2.SubscribePriceRequest,
    "klines": exchange_pb2.SubscribeKlinesRequest,
    "positions": exchange_pb2.SubscribePositionsRequest,
    "funding": exchange_pb2.SubscribeFundingRateRequest,
}


def symbols_of(stream: str, request: bytes) -> tuple[str, ...]:
    """The symbols that a subscription is limited to; empty: all there are, also when the request does not decode."""
    kind = _REQUESTS.get(stream)
    if kind is None:
        return ()
    decoded = kind()
    try:
        decoded.ParseFromString(request)
    except DecodeError:
        return ()
    if hasattr(decoded, "symbols"):
        return tuple(decoded.symbols)
    symbol = str(getattr(decoded, "symbol", ""))
    return (symbol,) if symbol else ()
