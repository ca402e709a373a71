"""Backends: the exchange behind the connector, in process or over the network; each is imported only when chosen."""

from __future__ import annotations

from harness.reference.connector.backends.backend import Backend, Sink, Topic
from harness.reference.connector.refusal import CredentialsRefused
from harness.reference.connector.settings import NEEDS_PASSPHRASE, Settings
from harness.reference.log import Log

__all__ = ["Backend", "Sink", "Topic", "open_backend"]


def open_backend(settings: Settings, log: Log) -> Backend:
    """The backend for `settings.exchange`. Raises CredentialsRefused when keys that the venue needs are absent."""
    if settings.exchange == "mock":
        from harness.reference.connector.backends.mock import MockBackend

        return MockBackend()
    _require_credentials(settings)
    # Only now: importing ccxt takes longer than everything else at the start.
    from harness.reference.connector.backends.network import open_network_backend

    return open_network_backend(settings, log)


def _require_credentials(settings: Settings) -> None:
    keys = settings.credentials
    if not keys.api_key or not keys.secret:
        raise CredentialsRefused("API key or secret is missing: set API_KEY and API_SECRET or the config file's keys")
    if settings.exchange in NEEDS_PASSPHRASE and not keys.passphrase:
        raise CredentialsRefused(f"{settings.exchange} needs a passphrase: set PASSPHRASE or the config file's key")
