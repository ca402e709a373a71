"""Symbols: BTCUSDT at the gRPC surface, the venue's own id and ccxt's unified name behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.reference.connector.refusal import invalid

SETTLE = "USDT"


class Symbols:
    """USDT-settled linear perpetual swaps of one venue."""

    def __init__(self) -> None:
        self._markets: dict[str, Mapping[str, Any]] = {}
        self._by_id: dict[str, str] = {}
        self._by_unified: dict[str, str] = {}

    def learn(self, markets: Iterable[Mapping[str, Any]]) -> None:
        """Replace what is known by ccxt's market structures."""
        swaps = {
            f"{market['base']}{market['quote']}": market
            for market in markets
            if market.get("swap") and market.get("linear") and market.get("settle") == SETTLE
        }
        self._markets = swaps
        self._by_id = {str(market["id"]): symbol for symbol, market in swaps.items()}
        self._by_unified = {str(market["symbol"]): symbol for symbol, market in swaps.items()}

    def market(self, symbol: str) -> Mapping[str, Any]:
        """ccxt's market. Raises Refusal (INVALID_ARGUMENT) for an unknown symbol."""
        found = self._markets.get(symbol)
        if found is None:
            raise invalid(f"invalid symbol {symbol[:40]!r}")
        return found

    def unified(self, symbol: str) -> str:
        """BTCUSDT to BTC/USDT:USDT. Raises Refusal."""
        return str(self.market(symbol)["symbol"])

    def of_id(self, venue_id: str) -> str:
        """The venue's own id to BTCUSDT; an unknown one stays as it is."""
        return self._by_id.get(venue_id, venue_id)

    def of_unified(self, unified: str) -> str:
        """BTC/USDT:USDT to BTCUSDT; "" when it is no swap of ours."""
        return self._by_unified.get(unified, "")

    def active(self) -> list[str]:
        """Every symbol that can be traded now."""
        return sorted(symbol for symbol, market in self._markets.items() if market.get("active") is not False)
