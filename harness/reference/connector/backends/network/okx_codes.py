"""OKX's error codes, of REST, of orders (sCode) and of the WebSocket, as the contract's status codes."""

from __future__ import annotations

from collections.abc import Mapping

from grpc import StatusCode

DONE = frozenset({"51400", "51401", "51402", "51410", "51603"})
"""Nothing is left to cancel, or it is being cancelled already."""


def _all(code: StatusCode, *numbers: int) -> dict[str, StatusCode]:
    return {str(number): code for number in numbers}


NATIVE_CODES: Mapping[str, StatusCode] = {
    # The venue is down, busy, or timed out.
    **_all(StatusCode.UNAVAILABLE, 50001, 50004, 50005, 50013, 50026, 50040, 50150, 60022, 63999, 64008),
    # Too many requests, orders, logins or subscriptions.
    **_all(StatusCode.RESOURCE_EXHAUSTED, 50011, 50061, 51275, 51276, 60014, 60023),
    # Not enough money.
    **_all(StatusCode.RESOURCE_EXHAUSTED, 51008, 51119, 51127, 51131),
    # Keys, passphrase, signature, clock, permission.
    **_all(StatusCode.UNAUTHENTICATED, 50027, 50100, 50101, 50102, *range(50103, 50108), *range(50110, 50116), 50120),
    **_all(StatusCode.UNAUTHENTICATED, *range(60004, 60012), 60024),
    # What was asked for makes no sense, or names nothing that exists.
    **_all(StatusCode.INVALID_ARGUMENT, 50000, 50002, 50006, 50014, 50015, 50016, 50024, 50025),
    **_all(StatusCode.INVALID_ARGUMENT, *range(51000, 51008), 51020, 51120, 51121, 51129, 51138, 60012, 60013, 60018),
    **_all(StatusCode.ALREADY_EXISTS, 51016),
    **_all(StatusCode.NOT_FOUND, 51400, 51401, 51402, 51405, 51503, 51603),
    # Understood, and not done all the same.
    **_all(StatusCode.FAILED_PRECONDITION, 51010, 51022, 51024, 51028, 51169, 51170, 51410, 51604, 59000, 59102),
}
