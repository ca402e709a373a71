"""Bitget's error codes: how it spells each refusal of the core."""

from __future__ import annotations

from harness.venue.core.refusal import Reason, Refused

CODES: dict[Reason, tuple[int, int, str]] = {
    Reason.UNKNOWN_KEY: (40037, 401, "Apikey does not exist"),
    Reason.MALFORMED_KEY: (40006, 401, "Invalid ACCESS_KEY"),
    Reason.BAD_SIGNATURE: (40009, 401, "sign signature error"),
    Reason.BAD_PASSPHRASE: (40012, 401, "apikey/password is incorrect"),
    Reason.OUTSIDE_WINDOW: (40008, 400, "Request timestamp expired"),
    Reason.NOT_PERMITTED: (40014, 401, "Incorrect permissions"),
    Reason.MISSING_PARAMETER: (40019, 400, "Parameter {subject} cannot be empty"),
    Reason.ILLEGAL_PARAMETER: (40020, 400, "Parameter {subject} error"),
    Reason.TOO_PRECISE: (
        40808, 400, "Parameter verification exception {subject} checkBDScale error value={detail}",
    ),
    Reason.UNKNOWN_SYMBOL: (40309, 400, "The contract has been removed"),
    Reason.ORDER_UNKNOWN: (40768, 400, "Order does not exist"),
    Reason.ORDER_DONE: (40768, 400, "Order does not exist"),
    Reason.MARGIN: (40762, 400, "The order amount exceeds the balance"),
    Reason.CLIENT_ID_USED: (40786, 400, "Duplicate clientOid"),
    # Natively such an order is booked and then cancelled: this is only for a fault that asks for it.
    Reason.WOULD_TAKE: (40020, 400, "Parameter force error"),
    Reason.REDUCE_ONLY: (22002, 400, "No position to close"),
    Reason.QUANTITY_NOT_POSITIVE: (45110, 400, "less than the minimum amount"),
    Reason.QUANTITY_TOO_LARGE: (45113, 400, "Maximum order value limit triggered"),
    Reason.QUANTITY_STEP: (40808, 400, "Parameter verification exception size checkBDScale error value={detail}"),
    Reason.PRICE_NOT_POSITIVE: (43011, 400, "The parameter does not meet the specification price <= 0"),
    Reason.PRICE_TICK: (43011, 400, "The parameter does not meet the specification price {detail} is not on a tick"),
    Reason.NOTIONAL: (45110, 400, "less than the minimum amount {detail} USDT"),
    Reason.POSITION_SIDE: (
        40774, 400, "The order type for unilateral position must also be the unilateral position type.",
    ),
    Reason.UNCHANGED_MARGIN_TYPE: (40017, 400, "Parameter verification failed marginMode unchanged"),
    Reason.UNCHANGED_POSITION_MODE: (40017, 400, "Parameter verification failed posMode unchanged"),
    Reason.BAD_LEVERAGE: (40797, 400, "Exceeded the maximum settable leverage"),
    Reason.LISTEN_KEY: (40404, 404, "Request URL NOT FOUND"),
    Reason.TOO_MANY_ITEMS: (40017, 400, "Parameter verification failed {subject}"),
    Reason.UNSUPPORTED: (40919, 400, "This function is not open yet"),
    Reason.UNKNOWN_PATH: (40404, 404, "Request URL NOT FOUND"),
    Reason.RATE_LIMIT: (429, 429, "Too Many Requests"),
    Reason.OVERLOADED: (40015, 400, "System is abnormal, please try again later"),
    Reason.MAINTENANCE: (40200, 400, "Server upgrade, please try again later"),
}  # fmt: skip
BY_SUBJECT: dict[tuple[Reason, str], tuple[int, int, str]] = {
    (Reason.MISSING_PARAMETER, "ACCESS-KEY"): (40001, 401, "ACCESS_KEY cannot be empty"),
    (Reason.MISSING_PARAMETER, "ACCESS-SIGN"): (40003, 401, "Signature cannot be empty"),
    (Reason.MISSING_PARAMETER, "ACCESS-TIMESTAMP"): (40005, 400, "Invalid ACCESS_TIMESTAMP"),
    (Reason.ILLEGAL_PARAMETER, "ACCESS-TIMESTAMP"): (40005, 400, "Invalid ACCESS_TIMESTAMP"),
    (Reason.MISSING_PARAMETER, "ACCESS-PASSPHRASE"): (40011, 401, "ACCESS_PASSPHRASE cannot be empty"),
    (Reason.ILLEGAL_PARAMETER, "body"): (40017, 400, "Parameter verification failed"),
    (Reason.ORDER_UNKNOWN, "query"): (
        40109, 400, "The data of the order cannot be found, please confirm the order number",
    ),
    (Reason.UNSUPPORTED, "held"): (
        45117, 400, "Currently holding positions or orders, the margin mode cannot be adjusted",
    ),
}  # fmt: skip
USUAL_STATUS = {code: status for code, status, _ in (*CODES.values(), *BY_SUBJECT.values())} | {40018: 401, 1001: 429}

LOGIN_KEY, LOGIN_FAILED, LOGIN_PASSPHRASE = 30011, 30005, 30012
LOGIN_TIMESTAMP, LOGIN_EXPIRED, LOGIN_SIGN = 30013, 30014, 30015
NOT_LOGGED_IN, NO_SUCH_CHANNEL, BAD_OP, BAD_PARAM = 30004, 30001, 30003, 30016
WEBSOCKET_MESSAGES = {
    LOGIN_KEY: "Invalid ACCESS_KEY",
    LOGIN_FAILED: "Login failed",
    LOGIN_PASSPHRASE: "Invalid ACCESS_PASSPHRASE",
    LOGIN_TIMESTAMP: "Invalid ACCESS_TIMESTAMP",
    LOGIN_EXPIRED: "Request timestamp expired",
    LOGIN_SIGN: "Invalid sign",
    NOT_LOGGED_IN: "User needs to log in",
    BAD_OP: "Invalid op",
    BAD_PARAM: "Param error",
}


def spelled(refused: Refused) -> tuple[int, int, str]:
    """(code, HTTP status, message)."""
    code, status, message = BY_SUBJECT.get((refused.reason, refused.subject)) or CODES[refused.reason]
    return code, status, message.format(subject=refused.subject, detail=refused.detail)
