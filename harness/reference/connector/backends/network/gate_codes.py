"""Gate's error labels as the contract's codes."""

from __future__ import annotations

from collections.abc import Mapping

from grpc import StatusCode

_LABELS: Mapping[StatusCode, tuple[str, ...]] = {
    StatusCode.RESOURCE_EXHAUSTED: (
        "INSUFFICIENT_AVAILABLE", "BALANCE_NOT_ENOUGH", "MARGIN_BALANCE_NOT_ENOUGH", "TOO_FAST", "TOO_MANY_REQUESTS",
        "TOO_MANY_ORDERS",
    ),
    StatusCode.NOT_FOUND: ("ORDER_NOT_FOUND", "ORDER_FINISHED", "ORDER_CLOSED", "ORDER_CANCELLED"),
    StatusCode.INVALID_ARGUMENT: (
        "CONTRACT_NOT_FOUND", "INVALID_ARGUMENT", "INVALID_PARAM_VALUE", "INVALID_PROTOCOL", "INVALID_REQUEST_BODY",
        "LEVERAGE_TOO_HIGH", "LEVERAGE_TOO_LOW", "MISSING_REQUIRED_PARAM", "PRICE_TOO_DEVIATED", "SIZE_TOO_LARGE",
        "SIZE_TOO_SMALL",
    ),
    StatusCode.UNAUTHENTICATED: (
        "AUTHENTICATION_FAILED", "FORBIDDEN", "INVALID_CREDENTIALS", "INVALID_KEY", "INVALID_SIGNATURE", "IP_FORBIDDEN",
        "MISSING_REQUIRED_HEADER", "READ_ONLY", "REQUEST_EXPIRED", "USER_NOT_FOUND",
    ),
    StatusCode.UNAVAILABLE: ("INTERNAL", "SERVER_ERROR", "TOO_BUSY"),
    StatusCode.FAILED_PRECONDITION: (
        "INCREASE_POSITION", "LIQUIDATE_IMMEDIATELY", "NO_CHANGE", "ORDER_POC_IMMEDIATE", "POC_FILL_IMMEDIATELY",
        "POSITION_EMPTY", "POSITION_IN_LIQUIDATION",
    ),
}  # fmt: skip
NATIVE_CODES: Mapping[str, StatusCode] = {one: code for code, ones in _LABELS.items() for one in ones} | {
    "1": StatusCode.INVALID_ARGUMENT,
    "2": StatusCode.INVALID_ARGUMENT,
    "4": StatusCode.UNAUTHENTICATED,
    "6": StatusCode.UNAUTHENTICATED,
    "11": StatusCode.UNAUTHENTICATED,
}
"""By label; WebSocket errors without one by their number."""
