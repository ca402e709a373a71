"""Gate's error labels: how it spells each refusal of the core, on REST and on WebSocket."""

from __future__ import annotations

import re

from harness.venue.core.refusal import Reason, Refused

BAD_REQUEST, WRONG_ARGUMENT, NOT_AUTHENTICATED = 1, 2, 4
"""Codes of WebSocket errors."""

LABELS: dict[Reason, tuple[str, str]] = {
    Reason.UNKNOWN_KEY: ("INVALID_KEY", "Invalid key provided"),
    Reason.MALFORMED_KEY: ("MISSING_REQUIRED_HEADER", "Missing required header: KEY"),
    Reason.BAD_SIGNATURE: ("INVALID_SIGNATURE", "Signature mismatch"),
    Reason.BAD_PASSPHRASE: ("INVALID_CREDENTIALS", "Invalid credentials"),
    Reason.OUTSIDE_WINDOW: ("REQUEST_EXPIRED", "gap between request Timestamp and server time exceeds 60"),
    Reason.NOT_PERMITTED: ("FORBIDDEN", "Request forbidden: the key lacks permission"),
    Reason.MISSING_PARAMETER: ("MISSING_REQUIRED_PARAM", "Missing required parameter: {subject}"),
    Reason.ILLEGAL_PARAMETER: ("INVALID_PARAM_VALUE", "Invalid request parameter `{subject}` value: {detail}"),
    Reason.TOO_PRECISE: ("INVALID_PARAM_VALUE", "Invalid request parameter `{subject}`: too many decimals: {detail}"),
    Reason.UNKNOWN_SYMBOL: ("CONTRACT_NOT_FOUND", "Contract {subject} not found"),
    Reason.ORDER_UNKNOWN: ("ORDER_NOT_FOUND", "Order not found"),
    Reason.ORDER_DONE: ("ORDER_FINISHED", "Order is already finished"),
    Reason.MARGIN: ("INSUFFICIENT_AVAILABLE", "Insufficient available balance"),
    Reason.CLIENT_ID_USED: ("INVALID_PARAM_VALUE", "Invalid request parameter `text`: {subject} is used already"),
    Reason.WOULD_TAKE: ("ORDER_POC_IMMEDIATE", "Order would match immediately as taker"),
    Reason.REDUCE_ONLY: ("POSITION_EMPTY", "There is no position to reduce"),
    Reason.QUANTITY_NOT_POSITIVE: ("SIZE_TOO_SMALL", "Order size must not be zero"),
    Reason.QUANTITY_TOO_LARGE: ("SIZE_TOO_LARGE", "Order size is larger than the contract's order_size_max"),
    Reason.QUANTITY_STEP: ("INVALID_PARAM_VALUE", "Invalid request parameter `size` value: {detail}"),
    Reason.PRICE_NOT_POSITIVE: ("INVALID_PARAM_VALUE", "Invalid request parameter `price` value: {detail}"),
    Reason.PRICE_TICK: ("INVALID_PARAM_VALUE", "Invalid request parameter `price`: {detail} is off the tick"),
    Reason.NOTIONAL: ("SIZE_TOO_SMALL", "Order value is below the minimum of {detail} USDT"),
    Reason.POSITION_SIDE: ("INVALID_PARAM_VALUE", "Invalid request parameter `auto_size`"),
    Reason.UNCHANGED_MARGIN_TYPE: ("NO_CHANGE", "No change is made"),
    Reason.UNCHANGED_POSITION_MODE: ("NO_CHANGE", "No change is made"),
    Reason.BAD_LEVERAGE: ("LEVERAGE_TOO_HIGH", "Leverage {detail} is above the contract's leverage_max"),
    Reason.LISTEN_KEY: ("INVALID_PARAM_VALUE", "Invalid request parameter"),
    Reason.TOO_MANY_ITEMS: ("INVALID_PARAM_VALUE", "Invalid request body: 1 to {detail} items are allowed"),
    Reason.UNSUPPORTED: ("INVALID_PARAM_VALUE", "Invalid request parameter `{subject}`: not supported here"),
    Reason.UNKNOWN_PATH: ("NOT_FOUND", "{detail} {subject} not found"),
    Reason.RATE_LIMIT: ("TOO_MANY_REQUESTS", "Request Rate limit Exceeded"),
    Reason.OVERLOADED: ("SERVER_ERROR", "Internal server error"),
    Reason.MAINTENANCE: ("TOO_BUSY", "Service is under maintenance, please try again later"),
}
BY_SUBJECT: dict[tuple[Reason, str], tuple[str, str]] = {
    (Reason.ILLEGAL_PARAMETER, "price range"): ("PRICE_TOO_DEVIATED", "Price is too far from the mark price {detail}"),
    (Reason.ILLEGAL_PARAMETER, "body"): ("INVALID_REQUEST_BODY", "Invalid request body: {detail}"),
    (Reason.MISSING_PARAMETER, "SIGN"): ("MISSING_REQUIRED_HEADER", "Missing required header: SIGN"),
    (Reason.MISSING_PARAMETER, "Timestamp"): ("MISSING_REQUIRED_HEADER", "Missing required header: Timestamp"),
    (Reason.BAD_LEVERAGE, "low"): ("LEVERAGE_TOO_LOW", "Leverage {detail} is below the contract's leverage_min"),
}
STATUSES = {
    "INVALID_KEY": 401,
    "INVALID_SIGNATURE": 401,
    "INVALID_CREDENTIALS": 401,
    "AUTHENTICATION_FAILED": 401,
    "MISSING_REQUIRED_HEADER": 401,
    "REQUEST_EXPIRED": 401,
    "FORBIDDEN": 403,
    "READ_ONLY": 403,
    "IP_FORBIDDEN": 403,
    "ORDER_NOT_FOUND": 404,
    "NOT_FOUND": 404,
    "TOO_MANY_REQUESTS": 429,
    "TOO_FAST": 429,
    "SERVER_ERROR": 500,
    "INTERNAL": 500,
    "TOO_BUSY": 503,
}
"""HTTP statuses other than 400."""
CHOSEN = re.compile(r"([A-Z][A-Z_]{2,})(?:[: ]+(.*))?", re.DOTALL)


def spelled(refused: Refused) -> tuple[str, str]:
    """(label, message)."""
    label, message = BY_SUBJECT.get((refused.reason, refused.subject)) or LABELS[refused.reason]
    return label, message.format(subject=refused.subject, detail=refused.detail).strip(" :")


def usual_status(label: str) -> int:
    """The HTTP status that goes with a label."""
    return STATUSES.get(label, 400)


def chosen(message: str) -> tuple[str, str]:
    """What a fault's message asks for: `LABEL` or `LABEL: text`; any other text under the label SERVER_ERROR."""
    found = CHOSEN.fullmatch(message)
    return (found[1], found[2] or found[1]) if found else ("SERVER_ERROR", message)
