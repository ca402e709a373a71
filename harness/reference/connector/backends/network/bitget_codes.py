"""Bitget's error codes, REST and WebSocket, as the contract's."""

from __future__ import annotations

from collections.abc import Mapping

from grpc import StatusCode

_CODES: Mapping[StatusCode, tuple[int, ...]] = {
    StatusCode.RESOURCE_EXHAUSTED: (429, 1001, 30006, 30007, 40754, 40762, 43012, 45003),
    StatusCode.NOT_FOUND: (22001, 40109, 40768, 43001, 43025),
    StatusCode.INVALID_ARGUMENT: (
        30001, 30003, 30016, 40017, 40019, 40020, 40034, 40309, 40404, 40797, 40808, 43011, 45110, 45111, 45112, 45113,
        45115,
    ),
    StatusCode.UNAUTHENTICATED: (
        30002, 30004, 30005, 30011, 30012, 30013, 30014, 30015, 40001, 40002, 40003, 40005, 40006, 40008, 40009, 40011,
        40012, 40013, 40014, 40018, 40036, 40037, 40038,
    ),
    StatusCode.UNAVAILABLE: (40010, 40015, 40200, 40725, 45001),
    StatusCode.FAILED_PRECONDITION: (22002, 40774, 40919, 45117),
    StatusCode.ALREADY_EXISTS: (40786,),
}  # fmt: skip
NATIVE_CODES: Mapping[str, StatusCode] = {str(one): code for code, ones in _CODES.items() for one in ones}
