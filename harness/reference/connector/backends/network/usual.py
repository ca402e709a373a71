"""Usual: what most venues leave to ccxt as it is; a dialect overrides what its venue does otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.backends.network.dialect import Native, Raw

ONE = Decimal(1)


class Usual:
    """Orders and market data by ccxt's unified calls; quantities in base coins; a private socket without login."""

    logs_in = False
    exact_frames = False
    refuses_used_ids = True

    def contract_size(self, market: Raw) -> Decimal:
        """Quantities are base coins."""
        return ONE

    def channel(self, topic: Topic) -> Topic:
        """Each topic has a venue subscription of its own."""
        return topic

    async def place(
        self,
        native: Native,
        market: Raw,
        kind: str,
        side: str,
        amount: str,
        price: str | None,
        options: Mapping[str, Any],
    ) -> Raw:
        """By ccxt, which knows the options' native spelling."""
        placed: Raw = (await native.create_order(market["symbol"], kind, side, amount, price, dict(options)))["info"]
        return placed

    async def placed(self, native: Native, market: Raw, reply: Raw) -> Raw:
        """The reply is the order."""
        return reply

    async def find(self, native: Native, unified: str, order_id: int, client_order_id: str) -> Raw:
        """One query by either id."""
        by_client_id = {} if order_id else {"clientOrderId": client_order_id}
        found: Raw = (await native.fetch_order(str(order_id or ""), unified, by_client_id))["info"]
        return found

    async def open_orders(self, native: Native, unified: str | None) -> Sequence[Raw]:
        """One query."""
        return [one["info"] for one in await native.fetch_open_orders(unified)]

    async def cancel_order(self, native: Native, unified: str, order_id: int) -> None:
        """One request."""
        await native.cancel_order(str(order_id), unified)

    async def cancel_all(self, native: Native, unified: str) -> None:
        """One request."""
        await native.cancel_all_orders(unified)

    async def candles(self, native: Native, market: Raw, interval: str, limit: int) -> Sequence[Sequence[Any]]:
        """ccxt's rows."""
        rows: Sequence[Sequence[Any]] = await native.fetch_ohlcv(market["symbol"], interval, None, limit)
        return rows

    async def open_interest(self, native: Native, market: Raw) -> str:
        """One query."""
        return str((await native.fetch_open_interest(market["symbol"]))["openInterestAmount"])

    async def caught_up(self, native: Native) -> None:
        """A snapshot tells by its times what it contains."""

    def volumes(self, ticker: Raw) -> tuple[str | None, str | None]:
        """Both as ccxt has them."""
        return ticker["baseVolume"], ticker["quoteVolume"]
