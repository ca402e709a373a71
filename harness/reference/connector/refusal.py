"""Refusal: what a backend raises when a call cannot be done, already in the contract's status codes."""

from __future__ import annotations

import grpc


class Refusal(Exception):
    """A call refused with a gRPC status code and one sentence."""

    def __init__(self, code: grpc.StatusCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class CredentialsRefused(Exception):
    """The venue, or a look at the settings, says that these credentials cannot work."""


def invalid(reason: str) -> Refusal:
    """An order parameter or a symbol is not acceptable."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, reason)


def not_found(reason: str) -> Refusal:
    """No such order."""
    return Refusal(grpc.StatusCode.NOT_FOUND, reason)


def unavailable(reason: str) -> Refusal:
    """The venue, or the way to it, is down."""
    return Refusal(grpc.StatusCode.UNAVAILABLE, reason)
