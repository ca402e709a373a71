"""The typed client of a venue's control port: the only module of this room that others import."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from harness.venue.control_wire import ControlError, ControlWire
from harness.venue.core.faults import FaultKind
from harness.venue.core.keys import ApiKey, generated
from harness.venue.metered import LogRow, Meters
from harness.venue.plain import read
from harness.venue.state import (
    AccountState,
    CandleState,
    FaultMark,
    Identity,
    LedgerRow,
    MarketState,
    OrderState,
    PositionState,
    VenueState,
)

__all__ = [
    "AccountState", "ApiKey", "CandleState", "ControlError", "FaultKind", "FaultMark", "Identity", "LedgerRow",
    "LogRow", "MarketState", "Meters", "OrderState", "PositionState", "VenueControl", "VenueState", "generated",
]  # fmt: skip

LEDGER_PAGE_ROWS = 2_000


class VenueControl(ControlWire):
    """Drives and reads one venue. `async with VenueControl.connect("127.0.0.1:PORT") as venue`.

    Every method raises ControlError. Decimals are strings; symbols are spelled BTCUSDT on every
    venue; `account` is an account's name, the first one when empty.
    """

    @classmethod
    def connect(cls, address: str) -> VenueControl:
        """`address` is host:port of the control port."""
        return cls(address)

    # -- reading --------------------------------------------------------------------------------

    async def identity(self) -> Identity:
        """Who is there."""
        return read(Identity, await self._do("identity"))

    async def serial(self) -> int:
        """Serial of the latest update, 0 before the first."""
        return int(await self._do("serial"))

    async def ledger(self, since: int = 0) -> tuple[LedgerRow, ...]:
        """Every row with a serial above `since`, up to now."""
        return tuple([row async for page in self.ledger_pages(since) for row in page])

    async def ledger_pages(self, since: int = 0) -> AsyncIterator[tuple[LedgerRow, ...]]:
        """The same in pages of whole updates, so that a long ledger does not hold up the caller's event loop."""
        until = await self.serial()
        while since < until:
            page = tuple(LedgerRow(*row) for row in await self._do("ledger", since=since, limit=LEDGER_PAGE_ROWS))
            if not page:
                break
            yield page
            since = page[-1].serial

    async def forget(self, serial: int) -> None:
        """The ledger up to there has been read and need not be kept; reading from before it is refused."""
        await self._do("forget", serial=serial)

    async def state(self) -> VenueState:
        """Everything at one moment."""
        return read(VenueState, await self._do("state"))

    async def order(self, order_id: str | int = "", client_order_id: str = "", account: str = "") -> OrderState | None:
        """One order, None when the venue does not know it."""
        found = await self._do("order", order_id=str(order_id), client_order_id=client_order_id, account=account)
        return None if found is None else read(OrderState, found)

    async def candles(self, symbol: str, interval: str = "1m", limit: int = 100) -> tuple[CandleState, ...]:
        """The last candles, oldest first, the last one still open."""
        found = await self._do("candles", symbol=symbol, interval=interval, limit=limit)
        return tuple(read(CandleState, one) for one in found)

    async def meters(self) -> Meters:
        """All meters."""
        return read(Meters, await self._do("meters"))

    async def metrics(self) -> str:
        """The same as Prometheus text (GET /metrics on the control port)."""
        return await self._get("metrics")

    async def log(self, since: int = 0, limit: int = 1000) -> tuple[LogRow, ...]:
        """Rows of the run's log with a number above `since`, oldest first; the oldest of a long run are forgotten."""
        return tuple(LogRow(*row) for row in await self._do("log", since=since, limit=limit))

    async def mark_moment(self, name: str, *, path: str = "", key: str = "", sockets: str = "") -> int:
        """From now on the time is taken until each open socket (in that scope) ends: see Meters.moments.

        Returns how many sockets were open.
        """
        return int(await self._do("mark_moment", name=name, path=path, key=key, sockets=sockets))

    async def marks(self) -> tuple[FaultMark, ...]:
        """When each fault began, bit and healed, in order of time."""
        return tuple(read(FaultMark, one) for one in await self._do("marks"))

    # -- prices ---------------------------------------------------------------------------------

    async def set_price(self, symbol: str, price: str | Decimal) -> int:
        """Returns the update's serial."""
        return int(await self._do("set_price", symbol=symbol, price=str(price)))

    async def move_price(self, symbol: str, times: int = 1, every_s: float = 0.0) -> tuple[int, ...]:
        """Steps of the walk, each to a price that was not there for long; returns their serials."""
        return tuple(await self._do("move_price", times * every_s, symbol=symbol, times=times, every_s=every_s))

    async def start_feed(self, symbols: Iterable[str], per_s: float) -> None:
        """Price updates on absolute due times, `per_s` over all symbols together, until stop_feed."""
        await self._do("start_feed", symbols=list(symbols), per_s=per_s)

    async def stop_feed(self) -> int:
        """No price update of the feed after this; returns the latest serial."""
        return int(await self._do("stop_feed"))

    async def set_tick(self, every_s: float) -> None:
        """The slow background walk of all symbols; 0 stops it."""
        await self._do("set_tick", every_s=every_s)

    async def move_funding(self, symbol: str, rate: str = "") -> int:
        """A new funding rate; returns the serial."""
        return int(await self._do("move_funding", symbol=symbol, rate=rate))

    # -- account and orders ---------------------------------------------------------------------

    async def move_positions(
        self, symbols: Iterable[str], times: int = 1, every_s: float = 0.0, account: str = ""
    ) -> tuple[int, ...]:
        """Each symbol in turn, `times` each, to a size it has not had for long; returns the position serials.

        Each move is a trade elsewhere on the same account: its fee also moves the wallet balance.
        """
        names = list(symbols)
        wait_s = len(names) * times * every_s
        return tuple(
            await self._do("move_positions", wait_s, symbols=names, times=times, every_s=every_s, account=account)
        )

    async def set_position(self, symbol: str, size: str | Decimal, account: str = "") -> int:
        """Bring a position to a signed size at the last price; returns its serial."""
        return int(await self._do("set_position", symbol=symbol, size=str(size), account=account))

    async def move_balance(self, times: int = 1, every_s: float = 0.0, account: str = "") -> tuple[int, ...]:
        """Small deposits, each of an amount of its own; returns the account serials."""
        return tuple(await self._do("move_balance", times * every_s, times=times, every_s=every_s, account=account))

    async def change_balance(self, amount: str | Decimal, account: str = "") -> int:
        """Deposit an amount, or withdraw when it is negative; returns the serial."""
        return int(await self._do("change_balance", amount=str(amount), account=account))

    async def place_order(
        self,
        symbol: str,
        side: str,
        quantity: str | Decimal,
        price: str | Decimal = "0",
        *,
        type: str = "LIMIT",
        time_in_force: str = "GTC",
        reduce_only: bool = False,
        client_order_id: str = "",
        account: str = "",
    ) -> OrderState:
        """As another session of the same account would."""
        placed = await self._do(
            "place_order", symbol=symbol, side=side, quantity=str(quantity), price=str(price), type=type,
            time_in_force=time_in_force, reduce_only=reduce_only, client_order_id=client_order_id, account=account,
        )  # fmt: skip
        return read(OrderState, placed)

    async def place_resting(
        self, symbol: str, side: str = "BUY", client_order_id: str = "", account: str = ""
    ) -> OrderState:
        """The smallest limit order, so far from the price that the walk never reaches it."""
        placed = await self._do(
            "place_resting", symbol=symbol, side=side, client_order_id=client_order_id, account=account
        )
        return read(OrderState, placed)

    async def fill_order(
        self, order_id: str | int, quantity: str | Decimal = "", price: str | Decimal = ""
    ) -> OrderState:
        """Fill an open order whatever the market: all that remains or a part, at its own price unless one is given."""
        return read(
            OrderState, await self._do("fill_order", order_id=str(order_id), quantity=str(quantity), price=str(price))
        )

    async def cancel_order(self, order_id: str | int) -> OrderState:
        """As another session would."""
        return read(OrderState, await self._do("cancel_order", order_id=str(order_id)))

    async def cancel_all(self, account: str = "", symbol: str = "") -> int:
        """Returns how many were cancelled."""
        return int(await self._do("cancel_all", account=account, symbol=symbol))

    # -- faults ---------------------------------------------------------------------------------

    async def fault(
        self,
        kind: FaultKind | str,
        *,
        path: str = "",
        method: str = "",
        channel: str = "",
        key: str = "",
        symbol: str = "",
        sockets: str = "",
        how: str = "",
        count: int | None = None,
        probability: float = 1.0,
        after_s: float = 0.0,
        for_s: float | None = None,
        every_s: float = 0.0,
        delay_s: float = 0.0,
        code: int = 0,
        message: str = "",
        status: int = 0,
        retry_after_s: int | None = None,
        events: int = 0,
    ) -> int:
        """Set a knob (harness/venue/core/faults.py says what each does); returns the handle to heal it by.

        Scope: native path prefix, HTTP method, channel (the venue's name, or prices, klines, funding,
        orders, account, positions), API key, symbol, sockets (public or private); empty means any.
        """
        return int(
            await self._do(
                "fault", kind=str(FaultKind(kind)), path=path, method=method, channel=channel, key=key, symbol=symbol,
                sockets=sockets, how=how, count=count, probability=probability, after_s=after_s, for_s=for_s,
                every_s=every_s, delay_s=delay_s, code=code, message=message, status=status,
                retry_after_s=retry_after_s, events=events,
            )
        )  # fmt: skip

    async def heal(self, handle: int) -> None:
        """End one fault."""
        await self._do("heal", handle=handle)

    async def heal_all(self) -> None:
        """End every fault."""
        await self._do("heal_all")

    @asynccontextmanager
    async def faulty(self, kind: FaultKind | str, **knob: Any) -> AsyncIterator[int]:
        """A fault for the length of a block."""
        handle = await self.fault(kind, **knob)
        try:
            yield handle
        finally:
            await self.heal(handle)
