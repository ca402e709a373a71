"""Backends: the exchange behind the connector, in process or over the network; each is imported only when chosen."""

from __future__ import annotations

from harness.reference.connector.backends.backend import Backend, Sink, Topic
from harness.reference.connector.log import Log
from harness.reference.connector.settings import Settings

__all__ = ["Backend", "Sink", "Topic", "open_backend"]


def open_backend(settings: Settings, log: Log) -> Backend:
    """The backend for `settings.exchange`. Raises CredentialsRefused when keys that the venue needs are absent."""
    if settings.exchange == "mock":
        from harness.reference.connector.backends.mock import MockBackend

        return MockBackend()
    from harness.reference.connector.backends.network import open_network_backend

    return open_network_backend(settings, log)
