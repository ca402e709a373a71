"""Status: the gRPC code that a client gets from trailers, from a reset and from its own deadline."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

CODES: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}

REFUSED_STREAM, CANCEL = 0x7, 0x8

# The mapping that gRPC's HTTP/2 document prescribes; what it leaves out is UNKNOWN.
_INTERNAL_RESETS = (0x0, 0x1, 0x2, 0x3, 0x4, 0x6, 0x9, 0xA)
_RESETS: Mapping[int, grpc.StatusCode] = {
    **dict.fromkeys(_INTERNAL_RESETS, grpc.StatusCode.INTERNAL),
    REFUSED_STREAM: grpc.StatusCode.UNAVAILABLE,
    CANCEL: grpc.StatusCode.CANCELLED,
    0xB: grpc.StatusCode.RESOURCE_EXHAUSTED,
    0xC: grpc.StatusCode.PERMISSION_DENIED,
}
_HTTP: Mapping[bytes, grpc.StatusCode] = {
    b"400": grpc.StatusCode.INTERNAL,
    b"401": grpc.StatusCode.UNAUTHENTICATED,
    b"403": grpc.StatusCode.PERMISSION_DENIED,
    b"404": grpc.StatusCode.UNIMPLEMENTED,
    **dict.fromkeys((b"429", b"502", b"503", b"504"), grpc.StatusCode.UNAVAILABLE),
}
_TIMEOUT_UNIT_NS = {
    b"H": 3_600_000_000_000, b"M": 60_000_000_000, b"S": 1_000_000_000, b"m": 1_000_000, b"u": 1_000, b"n": 1,
}  # fmt: skip
_TIMEOUT_DIGITS = 8
_LATE_NS = 20_000_000


def of_trailers(grpc_status: bytes | None, http_status: bytes) -> grpc.StatusCode:
    """The code of a reply's last headers; without a grpc-status, what HTTP's own status stands for."""
    if grpc_status is None:
        return _HTTP.get(http_status, grpc.StatusCode.UNKNOWN)
    known = CODES.get(int(grpc_status)) if grpc_status.isdigit() and len(grpc_status) <= 2 else None
    return known or grpc.StatusCode.UNKNOWN


def of_reset(error: int, elapsed_ns: int, timeout_ns: int) -> grpc.StatusCode:
    """The code of an RPC that either peer reset `elapsed_ns` after its headers; `timeout_ns` 0: it had no deadline.

    At the deadline both peers reset with CANCEL. The headers may have been seen late and C core rounds the
    timeout up by as much as a hundredth: so near to the deadline, it was the deadline.
    """
    slack_ns = timeout_ns // 50 + min(_LATE_NS, timeout_ns // 4)
    if error == CANCEL and timeout_ns and elapsed_ns >= timeout_ns - slack_ns:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return _RESETS.get(error, grpc.StatusCode.UNKNOWN)


def timeout_ns(header: bytes | None) -> int:
    """The value of grpc-timeout in ns, for example 100 ms from `100m`; 0 when there is none."""
    if not header or not header[:-1].isdigit() or len(header) > _TIMEOUT_DIGITS + 1:
        return 0
    return int(header[:-1]) * _TIMEOUT_UNIT_NS.get(header[-1:], 0)
