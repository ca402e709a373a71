"""Gate's private REST: orders one by one and in batches, their history and their fills."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from harness.venue.core.account import Account
from harness.venue.core.disturbances import batch_fault, batch_rows, item_fails
from harness.venue.core.instruments import Instrument
from harness.venue.core.market import Market
from harness.venue.core.orders import Fill, Force, Kind, Order, Side, Ticket
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import gate_params as params_of
from harness.venue.dialects.gate_errors import spelled
from harness.venue.dialects.gate_market import FUTURES, PublicCalls
from harness.venue.dialects.gate_market_views import DEVIATION
from harness.venue.dialects.gate_params import CLIENT_ID_PREFIX, Asked, Params, decimal, flag, one_of, text, whole
from harness.venue.dialects.gate_views import CLOSES, TIFS, Json, Views, user_id
from harness.venue.venue import Venue

FORCES = {tif: force for force, tif in TIFS.items()}
MAX_BATCH_PLACE, MAX_BATCH_CANCEL, MAX_PAGE = 10, 20, 1000
LAST_S = 2**40
Outcome = tuple[int, Any]
"""HTTP status and what to say."""
Route = Callable[[Account, Asked], Outcome]


class OrderCalls:
    """Each route carries out one signed call on an account's orders; {} stands for a variable part of the path."""

    def __init__(self, venue: Venue, public: PublicCalls, views: Views) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._public = public
        self._views = views
        self.routes: dict[tuple[str, str], Route] = {
            ("POST", f"{FUTURES}orders"): self.place,
            ("POST", f"{FUTURES}batch_orders"): self.place_batch,
            ("GET", f"{FUTURES}orders/{{}}"): self.query,
            ("DELETE", f"{FUTURES}orders/{{}}"): self.cancel,
            ("DELETE", f"{FUTURES}orders"): self.cancel_all,
            ("POST", f"{FUTURES}batch_cancel_orders"): self.cancel_batch,
            ("GET", f"{FUTURES}orders"): self.orders,
            ("GET", f"{FUTURES}orders_timerange"): self.orders_by_time,
            ("GET", f"{FUTURES}my_trades"): self.fills,
            ("GET", f"{FUTURES}my_trades_timerange"): self.fills,
        }

    # -- placing --------------------------------------------------------------------------------

    def _placed(self, account: Account, params: Params, *, decimal_sizes: bool) -> Order:
        client_id = params_of.client_id(params)
        self._venue.meters.client_id_asked(account.name, client_id)
        return self._exchange.place(account, self._ticket(account, params, client_id, decimal_sizes))

    def _ticket(self, account: Account, params: Params, client_id: str, decimal_sizes: bool) -> Ticket:
        market = self._public.market(params)
        size = params_of.size(params, as_text=decimal_sizes)
        price = decimal(params, "price", "0")
        force = FORCES[one_of(params, "tif", tuple(FORCES), "gtc")]
        reduce_only, closes = flag(params, "reduce_only"), flag(params, "close")
        if text(params, "auto_size"):
            raise Refused(Reason.UNSUPPORTED, "auto_size")
        if params.get("iceberg") not in (None, 0, "0"):
            raise Refused(Reason.UNSUPPORTED, "iceberg")
        if closes:
            held = account.position(market.instrument.symbol).size
            if size or not held:
                raise Refused(Reason.ILLEGAL_PARAMETER, "size", str(size)) if size else Refused(Reason.REDUCE_ONLY)
            size, reduce_only = int(-held / market.instrument.step), True
        if not price and force not in (Force.IOC, Force.FOK):
            raise Refused(Reason.ILLEGAL_PARAMETER, "tif", "a market order (price 0) is ioc or fok")
        _check_price(market, price)
        side = Side.BUY if size > 0 else Side.SELL
        kind = Kind.LIMIT if price else Kind.MARKET
        qty = _coins(size, market.instrument)
        tag = CLOSES if closes else ""
        return Ticket(market.instrument.symbol, side, kind, qty, price, force, reduce_only, client_id, tag)

    def place(self, account: Account, asked: Asked) -> Outcome:
        """POST orders."""
        order = self._placed(account, asked.object(), decimal_sizes=asked.decimal_sizes)
        return 201, self._views.order(order)

    def place_batch(self, account: Account, asked: Asked) -> Outcome:
        """POST batch_orders: each item succeeds or fails for itself."""

        def act(item: Any) -> Json:
            if not isinstance(item, dict):
                raise Refused(Reason.ILLEGAL_PARAMETER, "body", "an array of objects is expected")
            order = self._placed(account, item, decimal_sizes=asked.decimal_sizes)
            return {"succeeded": True, **self._views.order(order)}

        def failed(item: Any, label: str, message: str) -> Json:
            told = item.get("text") if isinstance(item, dict) else None
            told = told if isinstance(told, str) else ""
            return {"succeeded": False, "label": label, "message": message, "text": told}

        return 200, self._each(asked.items(MAX_BATCH_PLACE), act, failed)

    def _each(
        self, items: list[Any], act: Callable[[Any], Json], failed: Callable[[Any, str, str], Json]
    ) -> list[Json]:
        rows, how = [], batch_fault(self._venue.faults)
        for index, item in enumerate(items):
            try:
                if item_fails(how, index):
                    raise Refused(Reason.OVERLOADED)
                rows.append(act(item))
            except Refused as refused:
                rows.append(failed(item, *spelled(refused)))
        return batch_rows(rows, how)

    # -- finding and cancelling -----------------------------------------------------------------

    def _order(self, account: Account, name: str) -> Order:
        """By id, or by client id with its prefix."""
        book, order = self._exchange.book, None
        if name.startswith(CLIENT_ID_PREFIX):
            order = book.by_client_id(account.name, name.removeprefix(CLIENT_ID_PREFIX))
        elif name.isascii() and name.isdigit() and len(name) < 20:
            order = book.by_id(account.name, int(name))
        else:
            raise Refused(Reason.ILLEGAL_PARAMETER, "order_id", name[:40])
        if order is None:
            raise Refused(Reason.ORDER_UNKNOWN, name)
        return order

    def query(self, account: Account, asked: Asked) -> Outcome:
        """GET orders/{id}."""
        return 200, self._views.order(self._order(account, asked.tail))

    def cancel(self, account: Account, asked: Asked) -> Outcome:
        """DELETE orders/{id}."""
        order = self._order(account, asked.tail)
        return 200, self._views.order(self._exchange.cancel(account, order))

    def cancel_all(self, account: Account, asked: Asked) -> Outcome:
        """DELETE orders of a contract, or of one side of it (bid, ask)."""
        symbol = self._public.market(asked.query).instrument.symbol
        side = one_of(asked.query, "side", ("bid", "ask"), "both") if text(asked.query, "side") else ""
        wanted = {"bid": (Side.BUY,), "ask": (Side.SELL,), "": tuple(Side)}[side]
        orders = [one for one in self._exchange.book.open_orders(account.name, symbol) if one.ticket.side in wanted]
        return 200, [self._views.order(self._exchange.cancel(account, one)) for one in orders]

    def cancel_batch(self, account: Account, asked: Asked) -> Outcome:
        """POST batch_cancel_orders, an array of ids."""
        user = user_id(account.name)

        def act(item: Any) -> Json:
            if not isinstance(item, str):
                raise Refused(Reason.ILLEGAL_PARAMETER, "body", "an array of strings is expected")
            self._exchange.cancel(account, self._order(account, item))
            return {"user_id": user, "id": item, "succeeded": True, "message": ""}

        def failed(item: Any, label: str, _: str) -> Json:
            return {"user_id": user, "id": str(item)[:40], "succeeded": False, "message": label}

        return 200, self._each(asked.items(MAX_BATCH_CANCEL), act, failed)

    # -- lists ----------------------------------------------------------------------------------

    def orders(self, account: Account, asked: Asked) -> Outcome:
        """GET orders by status, newest first."""
        status = one_of(asked.query, "status", ("open", "finished"))
        symbol, book = self._public.symbol_or_all(asked.query), self._exchange.book
        if status == "open":
            found = book.open_orders(account.name, symbol)
        else:
            found = [one for one in book.all_orders(account.name, symbol) if not one.status.is_open]
        if text(asked.query, "last_id"):
            last_id = whole(asked.query, "last_id", 0, 0, 2**63)
            found = [one for one in found if one.order_id < last_id]
        return 200, [self._views.order(one) for one in _page(asked.query, found)]

    def orders_by_time(self, account: Account, asked: Asked) -> Outcome:
        """GET orders_timerange: orders created between `from` and `to`, newest first."""
        symbol = self._public.symbol_or_all(asked.query)
        first_s, last_s = _span(asked.query)
        orders = self._exchange.book.all_orders(account.name, symbol)
        found = [one for one in orders if first_s <= one.created_ms // 1000 <= last_s]
        return 200, [self._views.order(one) for one in _page(asked.query, found)]

    def fills(self, account: Account, asked: Asked) -> Outcome:
        """GET my_trades and my_trades_timerange, newest first."""
        symbol, book = self._public.symbol_or_all(asked.query), self._exchange.book
        first_s, last_s = _span(asked.query)
        role, order_id = text(asked.query, "role"), whole(asked.query, "order", 0, 0, 2**63)

        def wanted(one: Fill) -> bool:
            return (
                first_s <= one.t_ms // 1000 <= last_s
                and role in ("", "maker" if one.maker else "taker")
                and order_id in (0, one.order_id)
            )

        found = [one for one in book.fills(account.name, symbol) if wanted(one)]
        markets = self._exchange.markets
        return 200, [
            self._views.fill(one, book.by_id(account.name, one.order_id), markets[one.symbol].instrument)
            for one in _page(asked.query, found)
        ]


def _coins(size: int, instrument: Instrument) -> Decimal:
    return abs(size) * instrument.step


def _check_price(market: Market, price: Decimal) -> None:
    if price and abs(price - market.mark) > DEVIATION * market.mark:
        raise Refused(Reason.ILLEGAL_PARAMETER, "price range", str(market.mark))


def _span(query: Params) -> tuple[int, int]:
    return whole(query, "from", 0, 0, LAST_S), whole(query, "to", LAST_S, 0, LAST_S)


def _page(query: Params, rows: list[Any]) -> list[Any]:
    """Newest first, `limit` from `offset` on."""
    limit, offset = whole(query, "limit", 100, 1, MAX_PAGE), whole(query, "offset", 0, 0, LAST_S)
    return rows[::-1][offset : offset + limit]
