"""The two errors that a client of the connector raises: a call that failed, a connection that never came."""

from __future__ import annotations


class RemoteError(Exception):
    """A call or stream that ended with a gRPC status: `code` is its name, for example NOT_FOUND.

    On a stream, code OK means that the server ended it although nobody asked for that.
    """

    def __init__(self, code: str, details: str, method: str) -> None:
        super().__init__(f"{method}: {code}: {details}")
        self.code = code
        self.details = details
        self.method = method


class ConnectFailed(Exception):
    """No connection after all attempts; `code` is the last attempt's status code name."""

    def __init__(self, address: str, attempts: int, code: str, cause: str) -> None:
        super().__init__(f"failed to connect to exchange_connector at {address} after {attempts} attempts: {cause}")
        self.address = address
        self.attempts = attempts
        self.code = code
        self.cause = cause
