"""Backends over the network: one dialect a venue behind the same ccxt code."""

from __future__ import annotations

from harness.reference.connector.backends.network.binance import Binance
from harness.reference.connector.backends.network.dialect import Dialect
from harness.reference.connector.backends.network.venue_backend import NetworkBackend
from harness.reference.connector.log import Log
from harness.reference.connector.refusal import CredentialsRefused
from harness.reference.connector.settings import NEEDS_PASSPHRASE, Settings

DIALECTS: dict[str, type[Dialect]] = {"binance": Binance}


def open_network_backend(settings: Settings, log: Log) -> NetworkBackend:
    """The backend, not yet started. Raises CredentialsRefused when a credential that the venue needs is absent."""
    keys = settings.credentials
    if not keys.api_key or not keys.secret:
        raise CredentialsRefused("API key or secret is missing: set API_KEY and API_SECRET or the config file's keys")
    if settings.exchange in NEEDS_PASSPHRASE and not keys.passphrase:
        raise CredentialsRefused(f"{settings.exchange} needs a passphrase: set PASSPHRASE or the config file's key")
    dialect = DIALECTS.get(settings.exchange)
    if dialect is None:
        raise CredentialsRefused(f"there is no backend for {settings.exchange} yet: use {', '.join(DIALECTS)} or mock")
    return NetworkBackend(dialect(), settings, log)
