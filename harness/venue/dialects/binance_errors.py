"""Binance's error codes: how it spells each refusal of the core."""

from __future__ import annotations

from harness.venue.core.refusal import Reason, Refused

CODES: dict[Reason, tuple[int, int, str]] = {
    Reason.UNKNOWN_KEY: (-2015, 401, "Invalid API-key, IP, or permissions for action."),
    Reason.MALFORMED_KEY: (-2014, 401, "API-key format invalid."),
    Reason.BAD_SIGNATURE: (-1022, 400, "Signature for this request is not valid."),
    Reason.BAD_PASSPHRASE: (-2015, 401, "Invalid API-key, IP, or permissions for action."),
    Reason.OUTSIDE_WINDOW: (-1021, 400, "Timestamp for this request is outside of the recvWindow."),
    Reason.NOT_PERMITTED: (-2015, 401, "Invalid API-key, IP, or permissions for action."),
    Reason.MISSING_PARAMETER: (
        -1102, 400, "Mandatory parameter '{subject}' was not sent, was empty/null, or malformed."
    ),
    Reason.ILLEGAL_PARAMETER: (
        -1100, 400, "Illegal characters found in parameter '{subject}'; legal range is '{detail}'."
    ),
    Reason.TOO_PRECISE: (-1111, 400, "Precision is over the maximum defined for this asset."),
    Reason.UNKNOWN_SYMBOL: (-1121, 400, "Invalid symbol."),
    Reason.ORDER_UNKNOWN: (-2013, 400, "Order does not exist."),
    Reason.ORDER_DONE: (-2011, 400, "Unknown order sent."),
    Reason.MARGIN: (-2019, 400, "Margin is insufficient."),
    Reason.CLIENT_ID_USED: (-4116, 400, "ClientOrderId is duplicated."),
    Reason.WOULD_TAKE: (
        -5022, 400, "Due to the order could not be executed as maker, the Post Only order will be rejected."
        " The order will not be recorded in the order history",
    ),
    Reason.REDUCE_ONLY: (-2022, 400, "ReduceOnly Order is rejected."),
    Reason.QUANTITY_NOT_POSITIVE: (-4003, 400, "Quantity less than or equal to zero."),
    Reason.QUANTITY_TOO_LARGE: (-4005, 400, "Quantity greater than max quantity."),
    Reason.QUANTITY_STEP: (-1111, 400, "Precision is over the maximum defined for this asset."),
    Reason.PRICE_NOT_POSITIVE: (-4001, 400, "Price less than 0."),
    Reason.PRICE_TICK: (-4014, 400, "Price not increased by tick size."),
    Reason.NOTIONAL: (-4164, 400, "Order's notional must be no smaller than {detail} (unless you choose reduce only)."),
    Reason.POSITION_SIDE: (-4061, 400, "Order's position side does not match user's setting."),
    Reason.UNCHANGED_MARGIN_TYPE: (-4046, 400, "No need to change margin type."),
    Reason.UNCHANGED_POSITION_MODE: (-4059, 400, "No need to change position side."),
    Reason.BAD_LEVERAGE: (-4028, 400, "Leverage {detail} is not valid"),
    Reason.LISTEN_KEY: (-1125, 400, "This listenKey does not exist."),
    Reason.TOO_MANY_ITEMS: (-4082, 400, "Invalid number of batch place orders."),
    Reason.UNSUPPORTED: (-4084, 400, "Method is not allowed currently. Coming soon."),
    Reason.UNKNOWN_PATH: (-5000, 404, "Path {subject}, Method {detail} is invalid"),
    Reason.RATE_LIMIT: (-1003, 429, "Too many requests; current limit of IP is 2400 requests per minute."),
    Reason.OVERLOADED: (
        -1008, 503, "Server is currently overloaded with other requests. Please try again in a few minutes."
    ),
    Reason.MAINTENANCE: (-1016, 503, "This service is no longer available."),
}  # fmt: skip
BY_SUBJECT: dict[tuple[Reason, str], tuple[int, int, str]] = {
    (Reason.ILLEGAL_PARAMETER, "side"): (-1117, 400, "Invalid side."),
    (Reason.ILLEGAL_PARAMETER, "type"): (-1116, 400, "Invalid orderType."),
    (Reason.ILLEGAL_PARAMETER, "timeInForce"): (-1115, 400, "Invalid timeInForce."),
    (Reason.ILLEGAL_PARAMETER, "interval"): (-1120, 400, "Invalid interval."),
    (Reason.ILLEGAL_PARAMETER, "recvWindow"): (-1131, 400, "recvWindow must be less than 60000"),
    (Reason.ILLEGAL_PARAMETER, "newClientOrderId"): (-4015, 400, "Client order id is not valid."),
    (Reason.ILLEGAL_PARAMETER, "notRequired"): (-1106, 400, "Parameter '{detail}' sent when not required."),
    (Reason.ORDER_UNKNOWN, "cancel"): (-2011, 400, "Unknown order sent."),
}
USUAL_STATUS = {code: status for code, status, _ in (*CODES.values(), *BY_SUBJECT.values())} | {-1015: 429, -1007: 408}


def spelled(refused: Refused) -> tuple[int, int, str]:
    """(code, HTTP status, message)."""
    code, status, message = BY_SUBJECT.get((refused.reason, refused.subject)) or CODES[refused.reason]
    return code, status, message.format(subject=refused.subject, detail=refused.detail)
