"""Bybit's error codes as the contract's status codes, and what a refused WebSocket frame amounts to."""

from __future__ import annotations

from collections.abc import Mapping

from ccxt.base.errors import AuthenticationError, BadSymbol, ExchangeNotAvailable, RateLimitExceeded
from grpc import StatusCode

_CODES: Mapping[StatusCode, tuple[int, ...]] = {
    StatusCode.UNAVAILABLE: (10000, 10016, 10019, 10430, 3100326),
    StatusCode.RESOURCE_EXHAUSTED: (10006, 10018, 110004, 110006, 110007, 110012, 110020, 110044, 110045, 110052),
    StatusCode.UNAUTHENTICATED: (10002, 10003, 10004, 10005, 10007, 10008, 10009, 10010, 33004),
    StatusCode.INVALID_ARGUMENT: (404, 10001, 110003, 110009, 110013, 110094, 110123),
    StatusCode.NOT_FOUND: (110001, 110008, 110010),
    StatusCode.ALREADY_EXISTS: (10014, 110072),
    StatusCode.FAILED_PRECONDITION: (
        10024, 10027, 110005, 110011, 110017, 110018, 110021, 110025, 110026, 110043, 110079,
    ),
}  # fmt: skip
NATIVE_CODES: Mapping[str, StatusCode] = {str(one): code for code, ones in _CODES.items() for one in ones}

_WORDS: tuple[tuple[str, type[Exception]], ...] = (
    ("not authorized", AuthenticationError),
    ("api key", AuthenticationError),
    ("handler not found", BadSymbol),
    ("too many", RateLimitExceeded),
)


def refused_frame(told: str) -> Exception:
    """A WebSocket refusal has words and no code; what is not known may be gone at the next attempt."""
    small = told.lower()
    kind: type[Exception] = next((kind for words, kind in _WORDS if words in small), ExchangeNotAvailable)
    return kind(f"bybit refused: {told}")
