"""What gRPC status codes mean: the contract's conditions, and how a call that got one has ended, as data."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import grpc

from harness.evidence.records import Outcome

CODE_NAMES: frozenset[str] = frozenset(code.name for code in grpc.StatusCode)


class Condition(StrEnum):
    """What went wrong at the venue or in the request, in the contract's words."""

    INSUFFICIENT_FUNDS = "insufficient funds"
    RATE_LIMIT_EXCEEDED = "rate limit exceeded"
    ORDER_NOT_FOUND = "order not found"
    INVALID_ORDER_PARAMETER = "invalid order parameter"
    INVALID_SYMBOL = "invalid symbol"
    AUTHENTICATION_FAILED = "authentication failed at the venue"
    VENUE_OVERLOADED = "venue overloaded"
    NETWORK_FAILURE = "network failure"
    VENUE_MAINTENANCE = "venue maintenance"
    ORDER_REJECTED = "order rejected by the venue"
    DUPLICATE_ORDER = "duplicate order"
    ANYTHING_ELSE = "anything else"


EXPECTED_CODE: Mapping[Condition, grpc.StatusCode] = MappingProxyType(
    {
        Condition.INSUFFICIENT_FUNDS: grpc.StatusCode.RESOURCE_EXHAUSTED,
        Condition.RATE_LIMIT_EXCEEDED: grpc.StatusCode.RESOURCE_EXHAUSTED,
        Condition.ORDER_NOT_FOUND: grpc.StatusCode.NOT_FOUND,
        Condition.INVALID_ORDER_PARAMETER: grpc.StatusCode.INVALID_ARGUMENT,
        Condition.INVALID_SYMBOL: grpc.StatusCode.INVALID_ARGUMENT,
        Condition.AUTHENTICATION_FAILED: grpc.StatusCode.UNAUTHENTICATED,
        Condition.VENUE_OVERLOADED: grpc.StatusCode.UNAVAILABLE,
        Condition.NETWORK_FAILURE: grpc.StatusCode.UNAVAILABLE,
        Condition.VENUE_MAINTENANCE: grpc.StatusCode.UNAVAILABLE,
        Condition.ORDER_REJECTED: grpc.StatusCode.FAILED_PRECONDITION,
        Condition.DUPLICATE_ORDER: grpc.StatusCode.ALREADY_EXISTS,
        Condition.ANYTHING_ELSE: grpc.StatusCode.UNKNOWN,
    }
)

UNDECIDED_ON_WRITE: frozenset[grpc.StatusCode] = frozenset(
    {
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.INTERNAL,
    }
)
"""Codes after which a write may or may not have been done: nobody on this side of the wire can tell."""


def outcome_of(code: grpc.StatusCode, *, writes: bool) -> Outcome:
    """How a call that ended with `code` has ended; `writes`: it changes something at the venue."""
    if code is grpc.StatusCode.OK:
        return Outcome.OK
    return Outcome.UNKNOWN if writes and code in UNDECIDED_ON_WRITE else Outcome.FAIL
