"""Maker: the parts put together - trading rules fetched, streams followed, the desk run, its state shown."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc

from harness.reference.log import Log
from harness.reference.market_maker.desk import CALL_LIMIT_S, Desk
from harness.reference.market_maker.grid import Grid, Rules
from harness.reference.market_maker.order import number, plain
from harness.reference.market_maker.orders import Orders
from harness.reference.market_maker.settings import Settings
from harness.reference.market_maker.store import Store
from harness.reference.remote import Remote
from harness.reference.remote_stream import cause_of, pause_s
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

SETTLE_LIMIT_S = 1.0
CANCEL_LIMIT_S = 2.0
HOPELESS = frozenset({grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED})


class SymbolRefused(Exception):
    """The connector knows no such symbol, or no usable rules for it: one sentence."""


class Maker:
    """`run` trades until it is cancelled; `settle` and `leave` deal with the open orders before the process ends."""

    def __init__(self, settings: Settings, store: Store, log: Log) -> None:
        self._settings = settings
        self._store = store
        self._log = log
        self.remote = Remote(
            settings.address, log, backoff_scale=settings.backoff_scale, api_key=settings.api_key or None
        )
        self._orders = Orders(store, log)
        self._desk: Desk | None = None
        self._account: Any = None
        self._position: Any = None

    async def run(self) -> None:
        """Connect, learn the rules, trade. Raises GaveUp and SymbolRefused."""
        await self.remote.connect()
        connection = asyncio.create_task(self.remote.run(), name="remote")
        trading = asyncio.create_task(self._trade(), name="trading")
        try:
            done, _ = await asyncio.wait({connection, trading}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in (connection, trading):
                task.cancel()
            await asyncio.gather(connection, trading, return_exceptions=True)

    async def settle(self) -> None:
        """Decide nothing more; the streams stay open, so that the outcome of what is on its way is seen."""
        if self._desk is not None:
            await self._desk.settle(SETTLE_LIMIT_S)

    async def leave(self) -> None:
        """Cancel the open orders or keep them, as configured, and say which."""
        left = self._orders.live()
        if self._settings.cancel_on_exit and left:
            if self._desk is not None and self.remote.is_connected:
                left = await self._desk.cancel_open(CANCEL_LIMIT_S)
            if left:
                self._log.warn("orders left open", count=len(left), client_order_ids=[o.client_order_id for o in left])
            else:
                self._log.info("open orders cancelled")
        elif left:
            self._log.info("open orders kept", count=len(left), client_order_ids=[o.client_order_id for o in left])

    def health(self) -> tuple[bool, str]:
        """Live from the moment the strategy runs. While it reconnects it still does, and says so."""
        if self._desk is None:
            return False, "starting"
        return True, "ok" if self.remote.is_connected else "reconnecting"

    def status(self) -> dict[str, Any]:
        """The state of each component, decimals as text."""
        return {
            "connection": {
                "state": self.remote.state,
                "attempt": self.remote.attempt,
                "address": self.remote.address,
                "exchange": self.remote.exchange,
                "is_current": self.remote.is_current,
            },
            "streams": self.remote.streams(),
            "strategy": self._strategy(),
            "orders": self._order_list(),
            "account": {} if self._account is None else _account(self._account),
            "position": {} if self._position is None else _position(self._position),
            "store": {"file": str(self._store.path), "orders": self._store.total()},
        }

    async def _trade(self) -> None:
        settings = self._settings
        grid = Grid(
            settings.price_interval,
            settings.order_quantity,
            settings.buy_window,
            settings.sell_window,
            await self._rules(),
        )
        if grid.spacing != grid.interval:
            self._log.warn("PRICE_INTERVAL rounded up to whole ticks", interval=plain(grid.spacing))
        desk = Desk(self.remote, self._orders, grid, settings.symbol, self._log)
        if settings.grid_mode == "fixed":
            desk.anchor = self._store.anchor(await self._first_price())
        self._follow(desk)
        self._desk = desk
        self.remote.missed()  # everything up to now
        await desk.run()
        await asyncio.Event().wait()  # told to stop: the connection stays until it is closed

    def _follow(self, desk: Desk) -> None:
        symbol = self._settings.symbol

        def on_account(message: Any) -> None:
            self._account = message

        def on_position(message: Any) -> None:
            self._position = message

        async def reconcile() -> None:
            stub = self.remote.stub
            self._account = await stub.GetAccount(rpc.GetAccountRequest(), timeout=CALL_LIMIT_S)
            held = await stub.GetPositions(rpc.GetPositionsRequest(symbol=symbol), timeout=CALL_LIMIT_S)
            self._position = held.positions[0] if held.positions else None
            await desk.reconcile()

        prices = rpc.SubscribePriceRequest(symbols=[symbol])
        positions = rpc.SubscribePositionsRequest(symbol=symbol)
        stream = self.remote.stream
        stream("prices", lambda stub: stub.SubscribePrice(prices), lambda told: desk.on_price(number(told.price)))
        stream("orders", lambda stub: stub.SubscribeOrders(rpc.SubscribeOrdersRequest()), desk.on_order)
        stream("account", lambda stub: stub.SubscribeAccount(rpc.SubscribeAccountRequest()), on_account)
        stream("positions", lambda stub: stub.SubscribePositions(positions), on_position)
        self.remote.on_reconnect(reconcile)

    async def _rules(self) -> Rules:
        request = rpc.GetSymbolInfoRequest(symbol=self._settings.symbol)
        info = await self._insist(
            "trading rules", lambda: self.remote.stub.GetSymbolInfo(request, timeout=CALL_LIMIT_S)
        )
        rules = Rules(
            number(info.tick_size), number(info.step_size), number(info.min_quantity), number(info.min_notional)
        )
        if rules.tick <= 0 or rules.step <= 0:
            raise SymbolRefused(f"{self._settings.symbol} has no usable rules: tick {rules.tick}, step {rules.step}")
        return rules

    async def _first_price(self) -> Any:
        request = rpc.GetLatestPriceRequest(symbol=self._settings.symbol)
        reply = await self._insist("price", lambda: self.remote.stub.GetLatestPrice(request, timeout=CALL_LIMIT_S))
        return number(reply.price)

    async def _insist(self, what: str, ask: Any) -> Any:
        """Ask until there is an answer. Raises SymbolRefused when there will never be one."""
        failures = 0
        while True:
            try:
                return await ask()
            except grpc.RpcError as error:
                if error.code() in HOPELESS:
                    raise SymbolRefused(f"no {what} of {self._settings.symbol}: {cause_of(error)}") from None
                failures += 1
                self._log.warn(f"no {what} yet", cause=cause_of(error), retry_in_s=pause_s(failures))
                await asyncio.sleep(pause_s(failures))

    def _strategy(self) -> dict[str, Any]:
        desk = self._desk
        if desk is None:
            return {"state": "starting", "last_price": "", "levels": []}
        state = "stopping" if desk.is_stopping else "backing off" if desk.is_backing_off else "running"
        return {
            "state": state,
            "last_price": plain(desk.price),
            "levels": [{"side": one.side, "price": plain(one.price)} for one in desk.levels()],
        }

    def _order_list(self) -> dict[str, Any]:
        return {
            "open": [
                {
                    "client_order_id": one.client_order_id,
                    "order_id": one.order_id,
                    "side": one.side,
                    "price": plain(one.price),
                    "quantity": plain(one.quantity),
                    "executed_qty": plain(one.executed),
                    "status": one.status,
                }
                for one in self._orders.open()
            ],
            "unknown": self._orders.in_doubt(),
            "placed": self._orders.placed,
            "filled": self._orders.filled,
            "foreign": self._desk.foreign if self._desk is not None else 0,
        }


def _account(message: Any) -> dict[str, str]:
    return {
        name: plain(number(getattr(message, name)))
        for name in ("total_wallet_balance", "total_margin_balance", "available_balance")
    }


def _position(message: Any) -> dict[str, str]:
    return {name: plain(number(getattr(message, name))) for name in ("size", "entry_price", "unrealized_pnl")}
