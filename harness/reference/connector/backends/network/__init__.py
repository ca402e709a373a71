"""Backends over the network: one dialect a venue behind the same ccxt code."""

from __future__ import annotations

from harness.reference.connector.backends.network.binance import Binance
from harness.reference.connector.backends.network.bitget import Bitget
from harness.reference.connector.backends.network.bybit import Bybit
from harness.reference.connector.backends.network.dialect import Dialect
from harness.reference.connector.backends.network.gate import Gate
from harness.reference.connector.backends.network.okx import Okx
from harness.reference.connector.backends.network.venue_backend import NetworkBackend
from harness.reference.connector.refusal import CredentialsRefused
from harness.reference.connector.settings import Settings
from harness.reference.log import Log

DIALECTS: dict[str, type[Dialect]] = {
    "binance": Binance,
    "bitget": Bitget,
    "gate": Gate,
    "okx": Okx,
    "bybit": Bybit,
}


def open_network_backend(settings: Settings, log: Log) -> NetworkBackend:
    """The backend, not yet started. Raises CredentialsRefused for a venue that has no dialect."""
    dialect = DIALECTS.get(settings.exchange)
    if dialect is None:
        raise CredentialsRefused(f"there is no backend for {settings.exchange} yet: use {', '.join(DIALECTS)} or mock")
    return NetworkBackend(dialect(), settings, log)
