"""OKX's error codes: how it spells each refusal of the core, on REST and on WebSocket."""

from __future__ import annotations

from harness.venue.core.refusal import Reason, Refused

LOGIN_FAILED = 60009
WS_KEY, WS_TIMESTAMP_FORM, WS_TIMESTAMP, WS_SIGN, WS_PASSPHRASE = 60005, 60004, 60006, 60007, 60024
NOT_LOGGED_IN, ILLEGAL_REQUEST, NO_SUCH_CHANNEL = 60011, 60012, 60018

CODES: dict[Reason, tuple[int, str]] = {
    Reason.UNKNOWN_KEY: (50111, "Invalid OK-ACCESS-KEY"),
    Reason.MALFORMED_KEY: (50103, 'Request header "OK-ACCESS-KEY" can not be empty.'),
    Reason.BAD_SIGNATURE: (50113, "Invalid Sign"),
    Reason.BAD_PASSPHRASE: (50105, 'Request header "OK-ACCESS-PASSPHRASE" incorrect.'),
    Reason.OUTSIDE_WINDOW: (50102, "Timestamp request expired"),
    Reason.NOT_PERMITTED: (50027, "The account is restricted from trading."),
    Reason.MISSING_PARAMETER: (50014, "Parameter {subject} can not be empty."),
    Reason.ILLEGAL_PARAMETER: (51000, "Parameter {subject} error"),
    Reason.TOO_PRECISE: (51000, "Parameter px error"),
    Reason.UNKNOWN_SYMBOL: (51001, "Instrument ID, Instrument ID code, or Spread ID doesn't exist."),
    Reason.ORDER_UNKNOWN: (51603, "Order does not exist"),
    Reason.ORDER_DONE: (51401, "Cancellation failed as the order has been canceled."),
    Reason.MARGIN: (51008, "Order failed. Insufficient USDT margin in account"),
    Reason.CLIENT_ID_USED: (51016, "Client order ID already exists."),
    Reason.WOULD_TAKE: (51000, "Parameter ordType error"),
    Reason.REDUCE_ONLY: (
        51169,
        "Order failed because you don't have any positions in this direction for this contract to reduce or close.",
    ),
    Reason.QUANTITY_NOT_POSITIVE: (51020, "Your order should meet or exceed the minimum order amount."),
    Reason.QUANTITY_TOO_LARGE: (51004, "Order failed. The order amount exceeds the limit of {detail}."),
    Reason.QUANTITY_STEP: (51121, "Order quantity must be a multiple of the lot size."),
    Reason.PRICE_NOT_POSITIVE: (51006, "Order price is not within the price limit"),
    Reason.PRICE_TICK: (51006, "Order price is not within the price limit (a multiple of the tick size)"),
    Reason.NOTIONAL: (51020, "Your order should meet or exceed the minimum order amount."),
    Reason.POSITION_SIDE: (51000, "Parameter posSide error"),
    Reason.UNCHANGED_MARGIN_TYPE: (51000, "Parameter mgnMode error"),
    Reason.UNCHANGED_POSITION_MODE: (51000, "Parameter posMode error"),
    Reason.BAD_LEVERAGE: (59102, "Leverage exceeds the maximum limit. Please lower the leverage."),
    Reason.LISTEN_KEY: (51000, "Parameter listenKey error"),
    Reason.TOO_MANY_ITEMS: (50025, "Parameter {subject} count exceeds the limit {detail}."),
    Reason.UNSUPPORTED: (59000, "Setting failed. This account trades in net mode only."),
    Reason.UNKNOWN_PATH: (404, "Path {subject}, method {detail} does not exist."),
    Reason.RATE_LIMIT: (50011, "Requests too frequent."),
    Reason.OVERLOADED: (50013, "Systems are busy. Please try again later."),
    Reason.MAINTENANCE: (50001, "Service temporarily unavailable. Try again later"),
}
BY_SUBJECT: dict[tuple[Reason, str], tuple[int, str]] = {
    (Reason.MISSING_PARAMETER, "body"): (50000, "Body for POST request cannot be empty."),
    (Reason.ILLEGAL_PARAMETER, "body"): (50002, "JSON syntax error"),
    (Reason.MISSING_PARAMETER, "OK-ACCESS-PASSPHRASE"): (
        50104, 'Request header "OK-ACCESS-PASSPHRASE" can not be empty.',
    ),
    (Reason.MISSING_PARAMETER, "OK-ACCESS-SIGN"): (50106, 'Request header "OK-ACCESS-SIGN" can not be empty.'),
    (Reason.MISSING_PARAMETER, "OK-ACCESS-TIMESTAMP"): (
        50107, 'Request header "OK-ACCESS-TIMESTAMP" can not be empty.',
    ),
    (Reason.ILLEGAL_PARAMETER, "OK-ACCESS-TIMESTAMP"): (50112, "Invalid OK-ACCESS-TIMESTAMP"),
    (Reason.TOO_PRECISE, "quantity"): (51121, "Order quantity must be a multiple of the lot size."),
    (Reason.ORDER_UNKNOWN, "cancel"): (51400, "Cancellation failed as the order does not exist."),
    (Reason.ORDER_DONE, "filled"): (51402, "Cancellation failed as the order has been completed."),
}  # fmt: skip
STATUSES = {404: 404, 50001: 503, 50004: 400, 50005: 410, 50011: 429}
"""HTTP statuses other than 200; every 501.. code is a 401."""
WS_MESSAGES = {
    LOGIN_FAILED: "Login failed.",
    WS_KEY: "Invalid apiKey",
    WS_TIMESTAMP_FORM: "Invalid timestamp",
    WS_TIMESTAMP: "Timestamp request expired",
    WS_SIGN: "Invalid sign",
    WS_PASSPHRASE: "Wrong passphrase",
    NOT_LOGGED_IN: "Please log in",
}


def spelled(refused: Refused) -> tuple[int, str]:
    """(code, message)."""
    code, message = BY_SUBJECT.get((refused.reason, refused.subject)) or CODES[refused.reason]
    return code, message.format(subject=refused.subject, detail=refused.detail)


def usual_status(code: int) -> int:
    """The HTTP status that goes with a code."""
    return STATUSES.get(code) or (401 if 50100 <= code < 50200 else 200)
