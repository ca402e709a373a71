"""The control port: JSON over HTTP, one POST an action; what suites drive and read a venue by."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from aiohttp import web

from harness.venue import state
from harness.venue.acts import Acts
from harness.venue.core.decimals import parse
from harness.venue.core.faults import FaultKind, Knob, Scope
from harness.venue.core.orders import Force, Kind, Order, Side, Ticket
from harness.venue.core.refusal import Refused
from harness.venue.core.rules import resting_ticket
from harness.venue.exposition import CONTENT_TYPE, exposed
from harness.venue.metering import meters
from harness.venue.page import Page
from harness.venue.plain import written
from harness.venue.readout import candles, marks, order_state, venue_state
from harness.venue.venue import Venue

MAX_TIMES = 1_000_000
MAX_LOG_ROWS = 20_000
MAX_NAME = 120
SCOPE_FIELDS = ("path", "method", "channel", "key", "symbol", "sockets")


class ControlServer:
    """Each action is a method; a bad argument is answered with one sentence."""

    def __init__(self, venue: Venue, acts: Acts, host: str, port: int) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._acts = acts
        self._venue_host, self._venue_port = host, port
        self._runner = web.ServerRunner(web.Server(self._serve, access_log=None), shutdown_timeout=0.5)
        self.port = 0
        self._page: Page | None = None
        self._actions: dict[str, Callable[..., Any]] = {
            name: getattr(self, name)
            for name in (
                "identity", "serial", "ledger", "forget", "state", "order", "candles", "meters", "marks", "set_price",
                "move_price", "start_feed", "stop_feed", "set_tick", "move_funding", "move_positions",
                "set_position", "move_balance", "change_balance", "place_order", "place_resting", "fill_order",
                "cancel_order", "cancel_all", "fault", "heal", "heal_all", "log", "mark_moment",
            )
        }  # fmt: skip

    async def start(self, host: str, port: int) -> None:
        """Listen; OSError when the port is taken."""
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End the listener."""
        await self._runner.cleanup()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        name = request.path.strip("/")
        if request.method in ("GET", "HEAD") and name in ("", "live", "metrics"):
            return self._shown(name, request.query.get("symbol", ""))
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.headers.get("Host", ""):
            return _answer({"error": f"a page of {origin[:80]} must not act here: open the venue's own"}, 403)
        action = self._actions.get(name)
        if action is None:
            known = ", ".join(self._actions)
            return _answer({"error": f"no such action {name[:40]!r}: choose from {known}"}, 404)
        if request.method != "POST":
            return _answer({"error": f"{name} is an act: POST it, with its arguments as a JSON object"}, 405)
        try:
            arguments = json.loads(await request.read() or b"{}")
            result = action(**arguments)
            if isinstance(result, Awaitable):
                result = await result
        except Refused as refused:
            return _answer({"error": str(refused)}, 400)
        except (TypeError, ValueError, KeyError, web.HTTPException) as error:
            return _answer({"error": f"{type(error).__name__}: {error}"}, 400)
        return _answer({"result": result}, 200)

    def _shown(self, name: str, symbol: str) -> web.Response:
        """What a browser or a scraper gets."""
        if name == "metrics":
            text = exposed(self.identity(), meters(self._venue))
            return web.Response(body=text.encode("utf-8", "replace"), headers={"Content-Type": CONTENT_TYPE})
        if self._page is None:
            self._page = Page(self._venue, self.identity())
        if name == "live":
            text, headers = self._page.live(symbol)
        else:
            text, headers = self._page.whole(symbol)
        # Paths that clients made up may hold what is no UTF-8.
        return web.Response(
            body=text.encode("utf-8", "replace"), content_type="text/html", charset="utf-8", headers=headers
        )

    # -- reading --------------------------------------------------------------------------------

    def identity(self) -> state.Identity:
        """Who this is."""
        setup = self._venue.setup
        return state.Identity(
            setup.venue, setup.profile, setup.seed, os.getpid(), self._venue_host, self._venue_port, self.port,
            tuple(self._exchange.accounts), tuple(one.key for one in setup.keys), tuple(self._exchange.markets),
        )  # fmt: skip

    def serial(self) -> int:
        """The latest."""
        return self._exchange.ledger.serial

    def ledger(self, since: int = 0, limit: int | None = None) -> Any:
        """Rows after a serial."""
        return self._exchange.ledger.since(since, limit)

    def forget(self, serial: int) -> None:
        """The ledger's reader has everything up to there."""
        self._exchange.ledger.forget(serial)

    def state(self) -> Any:
        """Everything."""
        return venue_state(self._exchange)

    def order(self, order_id: str = "", client_order_id: str = "", account: str = "") -> Any:
        """One order or null."""
        book = self._exchange.book
        if client_order_id:
            found = book.by_client_id(self._venue.account(account).name, client_order_id)
        else:
            found = book.any_by_id(int(order_id))
        return None if found is None else order_state(found)

    def candles(self, symbol: str, interval: str, limit: int) -> Any:
        """The last candles."""
        return candles(self._exchange, symbol, interval, limit)

    def meters(self) -> Any:
        """All meters."""
        return meters(self._venue)

    def marks(self) -> Any:
        """Begin, bite and heal of each fault."""
        return marks(self._venue)

    def log(self, since: int = 0, limit: int = 1000) -> Any:
        """Rows after a number."""
        return self._venue.meters.log.since(since, max(1, min(limit, MAX_LOG_ROWS)))

    def mark_moment(self, name: str, path: str = "", key: str = "", sockets: str = "") -> int:
        """How many sockets were open."""
        scope = Scope(path, "", "", key, "", sockets)
        open_sockets = [
            one.number
            for one in self._venue.hub.sockets.values()
            if scope.covers(Scope(one.path, "", "", one.key, "", one.kind))
        ]
        self._venue.meters.mark(str(name)[:MAX_NAME], open_sockets)
        return len(open_sockets)

    # -- prices ---------------------------------------------------------------------------------

    def set_price(self, symbol: str, price: str) -> int:
        """To exactly this."""
        return self._exchange.set_price(symbol, _decimal(price, "price"))

    async def move_price(self, symbol: str, times: int = 1, every_s: float = 0.0) -> list[int]:
        """Steps of the walk."""
        return await _paced(times, every_s, lambda: self._exchange.move_price(symbol))

    def start_feed(self, symbols: list[str], per_s: float) -> None:
        """At a total rate."""
        self._venue.feed.start(symbols, per_s)

    def stop_feed(self) -> int:
        """Returns the latest serial."""
        self._venue.feed.stop()
        return self._exchange.ledger.serial

    def set_tick(self, every_s: float) -> None:
        """The slow background walk."""
        self._venue.tick.every(every_s)

    def move_funding(self, symbol: str, rate: str = "") -> int:
        """A new rate."""
        return self._exchange.move_funding(symbol, _decimal(rate, "rate") if rate else None)

    # -- account and orders ---------------------------------------------------------------------

    async def move_positions(
        self, symbols: list[str], times: int = 1, every_s: float = 0.0, account: str = ""
    ) -> list[int]:
        """Each symbol in turn."""
        owner = self._venue.account(account)
        turns = iter(symbols * times)
        return await _paced(times * len(symbols), every_s, lambda: self._exchange.move_position(owner, next(turns)))

    def set_position(self, symbol: str, size: str, account: str = "") -> int:
        """To a signed size."""
        return self._exchange.set_position(self._venue.account(account), symbol, _decimal(size, "size"))

    async def move_balance(self, times: int = 1, every_s: float = 0.0, account: str = "") -> list[int]:
        """Small deposits."""
        owner = self._venue.account(account)
        return await _paced(times, every_s, lambda: self._exchange.move_balance(owner))

    def change_balance(self, amount: str, account: str = "") -> int:
        """Deposit or withdraw."""
        return self._exchange.move_balance(self._venue.account(account), _decimal(amount, "amount"))

    def place_order(
        self, symbol: str, side: str, quantity: str, price: str = "0", type: str = "LIMIT", time_in_force: str = "GTC",
        reduce_only: bool = False, client_order_id: str = "", account: str = "",
    ) -> Any:  # fmt: skip
        """As another session."""
        ticket = Ticket(
            symbol, Side(side), Kind(type), _decimal(quantity, "quantity"), _decimal(price, "price"),
            Force(time_in_force), reduce_only, client_order_id,
        )  # fmt: skip
        return order_state(self._exchange.place(self._venue.account(account), ticket))

    def place_resting(self, symbol: str, side: str = "BUY", client_order_id: str = "", account: str = "") -> Any:
        """Far from the price."""
        ticket = resting_ticket(self._exchange.market(symbol), Side(side), client_order_id)
        return order_state(self._exchange.place(self._venue.account(account), ticket))

    def fill_order(self, order_id: str, quantity: str = "", price: str = "") -> Any:
        """All or a part."""
        order = self._order(order_id)
        self._exchange.fill(
            order,
            _decimal(quantity, "quantity") if quantity else None,
            _decimal(price, "price") if price else None,
        )
        return order_state(order)

    def cancel_order(self, order_id: str) -> Any:
        """As another session."""
        order = self._order(order_id)
        return order_state(self._exchange.cancel(self._exchange.accounts[order.account], order))

    def cancel_all(self, account: str = "", symbol: str = "") -> int:
        """How many were cancelled."""
        return len(self._exchange.cancel_all(self._venue.account(account), symbol))

    def _order(self, order_id: str) -> Order:
        order = self._exchange.book.any_by_id(int(order_id))
        if order is None:
            raise KeyError(f"no order {order_id}")
        return order

    # -- faults ---------------------------------------------------------------------------------

    def fault(self, kind: str, **given: Any) -> int:
        """Set a knob; returns its handle."""
        scope = Scope(**{name: given.pop(name) for name in SCOPE_FIELDS if name in given})
        return self._acts.begin(Knob(FaultKind(kind), scope, **given)).handle

    def heal(self, handle: int) -> None:
        """End one."""
        self._acts.heal(handle)

    def heal_all(self) -> None:
        """End all."""
        self._acts.heal_all()


def _answer(value: Any, status: int) -> web.Response:
    return web.Response(status=status, body=written(value), content_type="application/json")


def _decimal(text: str, name: str) -> Decimal:
    value = parse(text)
    if value is None:
        raise ValueError(f"{name} is not a decimal: {text!r}")
    return value


async def _paced(times: int, every_s: float, act: Callable[[], int]) -> list[int]:
    """Act `times` on absolute due times; with no period in one go."""
    if not 0 <= times <= MAX_TIMES:
        raise ValueError(f"times must be between 0 and {MAX_TIMES}")
    if every_s <= 0:
        return [act() for _ in range(times)]
    began_s, serials = time.monotonic(), []
    for step in range(times):
        await asyncio.sleep(max(0.0, began_s + step * every_s - time.monotonic()))
        serials.append(act())
    return serials
