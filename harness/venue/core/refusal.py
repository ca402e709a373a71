"""Why a request is refused, in the core's own words; each dialect spells them as its venue does."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """One row of the contract's table of conditions, or a finer one where venues tell them apart."""

    UNKNOWN_KEY = "unknown key"
    MALFORMED_KEY = "malformed key"
    BAD_SIGNATURE = "bad signature"
    BAD_PASSPHRASE = "bad passphrase"
    OUTSIDE_WINDOW = "time outside the window"
    NOT_PERMITTED = "key lacks permission"
    MISSING_PARAMETER = "missing parameter"
    ILLEGAL_PARAMETER = "illegal parameter"
    TOO_PRECISE = "too many decimals"
    UNKNOWN_SYMBOL = "unknown symbol"
    ORDER_UNKNOWN = "order unknown"
    ORDER_DONE = "order already done"
    MARGIN = "not enough margin"
    CLIENT_ID_USED = "client id used twice"
    WOULD_TAKE = "post-only would take"
    REDUCE_ONLY = "reduce-only refused"
    QUANTITY_NOT_POSITIVE = "quantity not positive"
    QUANTITY_TOO_LARGE = "quantity too large"
    QUANTITY_STEP = "quantity not on a step"
    PRICE_NOT_POSITIVE = "price not positive"
    PRICE_TICK = "price not on a tick"
    NOTIONAL = "notional too small"
    POSITION_SIDE = "position side does not match"
    UNCHANGED_MARGIN_TYPE = "margin type unchanged"
    UNCHANGED_POSITION_MODE = "position mode unchanged"
    BAD_LEVERAGE = "leverage not allowed"
    LISTEN_KEY = "listen key unknown"
    TOO_MANY_ITEMS = "too many items in a batch"
    UNSUPPORTED = "not supported"
    UNKNOWN_PATH = "unknown path"
    RATE_LIMIT = "rate limit"
    OVERLOADED = "overloaded"
    MAINTENANCE = "maintenance"


class Refused(Exception):
    """The request changed nothing. `subject`: the parameter, symbol or id that it is about."""

    def __init__(self, reason: Reason, subject: str = "", detail: str = "") -> None:
        super().__init__(f"{reason}: {subject} {detail}".strip())
        self.reason = reason
        self.subject = subject
        self.detail = detail
