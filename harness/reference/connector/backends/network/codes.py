"""From what ccxt raises, or the venue's own code inside it, to the contract's status codes: tables, not branches."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ccxt.base import errors
from grpc import StatusCode

from harness.reference.connector.refusal import Refusal, unavailable

CODE_OF_CLASS: Mapping[type[Exception], StatusCode] = {
    errors.InsufficientFunds: StatusCode.RESOURCE_EXHAUSTED,
    errors.RateLimitExceeded: StatusCode.RESOURCE_EXHAUSTED,
    errors.DDoSProtection: StatusCode.RESOURCE_EXHAUSTED,
    errors.OrderNotFound: StatusCode.NOT_FOUND,
    errors.DuplicateOrderId: StatusCode.ALREADY_EXISTS,
    errors.OrderImmediatelyFillable: StatusCode.FAILED_PRECONDITION,
    errors.OrderNotFillable: StatusCode.FAILED_PRECONDITION,
    errors.OperationRejected: StatusCode.FAILED_PRECONDITION,
    errors.InvalidOrder: StatusCode.INVALID_ARGUMENT,
    errors.BadSymbol: StatusCode.INVALID_ARGUMENT,
    errors.BadRequest: StatusCode.INVALID_ARGUMENT,
    errors.ArgumentsRequired: StatusCode.INVALID_ARGUMENT,
    errors.AuthenticationError: StatusCode.UNAUTHENTICATED,
    errors.InvalidNonce: StatusCode.UNAUTHENTICATED,
    errors.OnMaintenance: StatusCode.UNAVAILABLE,
    errors.BadResponse: StatusCode.UNAVAILABLE,
    errors.OperationFailed: StatusCode.UNAVAILABLE,  # with NetworkError, RequestTimeout, ExchangeNotAvailable
    errors.ExchangeClosedByUser: StatusCode.UNAVAILABLE,
    errors.UnsubscribeError: StatusCode.UNAVAILABLE,
}
"""The nearest class of an error's ancestry counts."""

_UNREADABLE = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError)
"""What ccxt's parsers and ours stumble with over half a reply or a page of HTML."""
_MESSAGE = re.compile(r'"(?:msg|message|retMsg)"\s*:\s*"([^"]*)"')
_QUERY = re.compile(r"\?\S+")
_MAX_REASON_CHARACTERS = 300


def refusal_of(error: BaseException, code_pattern: re.Pattern[str], native: Mapping[str, StatusCode]) -> Refusal:
    """The refusal that an error of ccxt amounts to; UNKNOWN only when neither table knows it.

    `code_pattern` finds the venue's own code in the error's text (group 1); `native` maps it and goes before the class,
    because ccxt leaves some codes as plain ExchangeError and raises DDoSProtection for some bad keys.
    """
    if isinstance(error, Refusal):
        return error
    text = str(error)
    found = code_pattern.search(text)
    code = native.get(found.group(1)) if found else None
    if code is None:
        code = next((CODE_OF_CLASS[one] for one in type(error).__mro__ if one in CODE_OF_CLASS), None)
    if code is None and isinstance(error, _UNREADABLE):
        return unavailable(f"the venue's reply could not be read ({type(error).__name__})")
    if code is None and isinstance(error, OSError | TimeoutError):
        code = StatusCode.UNAVAILABLE
    return Refusal(code or StatusCode.UNKNOWN, _reason(error, text, found.group(1) if found else ""))


def _reason(error: BaseException, text: str, native_code: str) -> str:
    message = _MESSAGE.search(text)
    if message and message.group(1):
        return f"{message.group(1)} ({native_code or type(error).__name__})"[:_MAX_REASON_CHARACTERS]
    # A request's query holds its signature.
    return f"{type(error).__name__}: {_QUERY.sub('', text)}"[:_MAX_REASON_CHARACTERS]
