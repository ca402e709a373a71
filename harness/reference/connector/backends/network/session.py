"""Session: the exchange object, its dialect and its symbols, and the one way to ask: errors leave as Refusal."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from harness.reference.connector.backends.network.codes import refusal_of
from harness.reference.connector.backends.network.dialect import Dialect, Native, Raw
from harness.reference.connector.backends.network.symbols import Symbols
from harness.reference.connector.refusal import Refusal
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources


@dataclass(frozen=True, slots=True)
class Session:
    """What every REST call needs."""

    native: Native
    dialect: Dialect
    symbols: Symbols

    async def asked(self, question: Awaitable[Any]) -> Any:
        """The venue's answer. Raises Refusal."""
        try:
            return await question
        except Refusal:
            raise
        except Exception as error:
            raise refusal_of(error, self.dialect.code_pattern, self.dialect.native_codes) from error

    async def order_of(self, question: Awaitable[Raw]) -> resources.Order:
        """The venue's own order object as the contract's. Raises Refusal, also when it cannot be read."""

        async def read() -> resources.Order:
            return self.dialect.order(await question, self.symbols)

        order: resources.Order = await self.asked(read())
        return order
