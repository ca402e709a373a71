"""Bybit's error codes: how it spells each refusal of the core."""

from __future__ import annotations

from harness.venue.core.refusal import Reason, Refused

PARAMS = 10001
CODES: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_KEY: (10003, "API key is invalid."),
    Reason.MALFORMED_KEY: (10003, "API key is invalid."),
    Reason.BAD_SIGNATURE: (10004, "Error sign, please check your signature generation algorithm."),
    Reason.BAD_PASSPHRASE: (10003, "API key is invalid."),
    Reason.OUTSIDE_WINDOW: (
        10002, "invalid request, please check your server timestamp or recv_window param. {detail}"
    ),
    Reason.NOT_PERMITTED: (10005, "Permission denied, please check your API key permissions."),
    Reason.MISSING_PARAMETER: (PARAMS, "params error: {subject} is required"),
    Reason.ILLEGAL_PARAMETER: (PARAMS, "params error: {subject} invalid {detail}"),
    Reason.TOO_PRECISE: (PARAMS, "params error: {subject} has too many decimals"),
    Reason.UNKNOWN_SYMBOL: (PARAMS, "params error: symbol invalid {subject}"),
    Reason.ORDER_UNKNOWN: (110001, "order not exists or too late to cancel"),
    Reason.ORDER_DONE: (110001, "order not exists or too late to cancel"),
    Reason.MARGIN: (110007, "ab not enough for new order"),
    Reason.CLIENT_ID_USED: (110072, "OrderLinkedID is duplicate"),
    Reason.WOULD_TAKE: (PARAMS, "params error: post only order would take"),
    Reason.REDUCE_ONLY: (110017, "current position is zero, cannot fix reduce-only order qty"),
    Reason.QUANTITY_NOT_POSITIVE: (PARAMS, "Qty invalid"),
    Reason.QUANTITY_TOO_LARGE: (PARAMS, "The number of contracts exceeds maximum limit allowed: too large"),
    Reason.QUANTITY_STEP: (PARAMS, "Qty invalid"),
    Reason.PRICE_NOT_POSITIVE: (PARAMS, "Price invalid"),
    Reason.PRICE_TICK: (PARAMS, "Price invalid"),
    Reason.NOTIONAL: (110094, "Order does not meet minimum order value {detail}USDT"),
    Reason.POSITION_SIDE: (PARAMS, "position idx not match position mode"),
    Reason.UNCHANGED_MARGIN_TYPE: (110026, "Cross/isolated margin mode is not modified"),
    Reason.UNCHANGED_POSITION_MODE: (110025, "Position mode is not modified"),
    Reason.BAD_LEVERAGE: (110013, "Cannot set leverage {detail} due to risk limit level"),
    Reason.LISTEN_KEY: (PARAMS, "params error"),
    Reason.TOO_MANY_ITEMS: (PARAMS, "params error: the number of orders must be between 1 and {detail}"),
    Reason.UNSUPPORTED: (PARAMS, "params error: {subject} is not supported"),
    Reason.UNKNOWN_PATH: (404, "Path {subject}, method {detail} not found"),
    Reason.RATE_LIMIT: (10006, "Too many visits. Exceeded the API Rate Limit."),
    Reason.OVERLOADED: (10016, "Server error."),
    Reason.MAINTENANCE: (10016, "Server error: the service is under maintenance."),
}  # fmt: skip
BY_SUBJECT: dict[tuple[Reason, str], tuple[int, str]] = {
    (Reason.ILLEGAL_PARAMETER, "price range"): (110003, "Order price exceeds the allowable range."),
    (Reason.ILLEGAL_PARAMETER, "timestamp"): (
        10002, "invalid request, please check your server timestamp or recv_window param."
    ),
    (Reason.MISSING_PARAMETER, "headers"): (PARAMS, "empty value: {detail}"),
    (Reason.BAD_LEVERAGE, "unchanged"): (110043, "Set leverage not modified"),
}  # fmt: skip
STATUS = {404: 404, 10018: 403}
"""HTTP statuses other than 200."""


def spelled(refused: Refused) -> tuple[int, str]:
    """(retCode, retMsg)."""
    code, message = (
        BY_SUBJECT.get((refused.reason, refused.subject)) or CODES.get(refused.reason) or (10016, "{detail}")
    )
    return code, message.format(subject=refused.subject, detail=refused.detail).strip()
