"""Bybit's private REST: orders and executions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.venue.core.account import Account
from harness.venue.core.decimals import ZERO
from harness.venue.core.disturbances import batch_fault, batch_rows, item_fails
from harness.venue.core.orders import Force, Kind, Order, Side, Ticket
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.bybit_answers import Result, lenient_scope, native, nothing, page, scope
from harness.venue.dialects.bybit_errors import spelled
from harness.venue.dialects.bybit_market import check_price
from harness.venue.dialects.bybit_params import Params
from harness.venue.dialects.bybit_views import FORCES, KINDS, SIDES, STATUSES, Views
from harness.venue.venue import Venue

MAX_BATCH = 10
MAX_PAGE = 50
SIDE_OF = {word: side for side, word in SIDES.items()}
KIND_OF = {word: kind for kind, word in KINDS.items()}
FORCE_OF = {word: force for force, word in FORCES.items()}
CONDITIONAL = ("triggerPrice", "triggerDirection", "takeProfit", "stopLoss")
BATCH_CODES_ROW = "bybit cancel-batch codes"


class OrderCalls:
    """Each method carries out one signed call on an account."""

    def __init__(self, venue: Venue, views: Views) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._views = views
        self.routes: dict[tuple[str, str], Callable[[Account, Params], Result]] = {
            ("POST", "/v5/order/create"): self.place,
            ("POST", "/v5/order/create-batch"): self.place_batch,
            ("POST", "/v5/order/cancel"): self.cancel,
            ("POST", "/v5/order/cancel-batch"): self.cancel_batch,
            ("POST", "/v5/order/cancel-all"): self.cancel_all,
            ("GET", "/v5/order/realtime"): self.realtime,
            ("GET", "/v5/order/history"): self.history,
            ("GET", "/v5/execution/list"): self.fills,
        }

    # -- placing --------------------------------------------------------------------------------

    def _ticket(self, params: Params) -> Ticket:
        symbol = params.needed("symbol")
        instrument = self._exchange.market(symbol).instrument
        side: Side = params.one_of("side", SIDE_OF)
        kind: Kind = params.one_of("orderType", KIND_OF)
        qty = params.decimal("qty")
        force: Force = params.one_of("timeInForce", FORCE_OF, "IOC" if kind is Kind.MARKET else "GTC")
        price = ZERO
        if kind is Kind.LIMIT:
            price = params.decimal("price")
            check_price(price, instrument)
        else:
            force = Force.IOC
        for name in CONDITIONAL:
            if params.given(name):
                raise Refused(Reason.UNSUPPORTED, name)
        if params.whole("positionIdx", 0, 0, 2):
            raise Refused(Reason.POSITION_SIDE)
        return Ticket(symbol, side, kind, qty, price, force, params.flag("reduceOnly"), params.client_id())

    def _placed(self, account: Account, params: Params) -> Order:
        params = native(self._venue, params)
        if params.client_id():
            self._venue.meters.client_id_asked(account.name, params.client_id())
        return self._exchange.place(account, self._ticket(params))

    def _ids(self, order: Order) -> dict[str, Any]:
        return {"orderId": self._views.order_id(order.order_id), "orderLinkId": order.client_id}

    def place(self, account: Account, params: Params) -> Result:
        """POST order/create."""
        params.linear()
        return Result(self._ids(self._placed(account, params)))

    def place_batch(self, account: Account, params: Params) -> Result:
        """POST order/create-batch: each item succeeds or fails for itself."""
        params.linear()

        def one(item: Params) -> dict[str, Any]:
            order = self._placed(account, item)
            return {**self._ids(order), "createAt": str(order.created_ms)}

        return self._batch(params, one, {"createAt": ""})

    def _batch(
        self, params: Params, act: Callable[[Params], dict[str, Any]], failed: dict[str, Any], *, both: bool = False
    ) -> Result:
        shown: list[dict[str, Any]] = []
        codes: list[dict[str, Any]] = []
        items = params.items("request", MAX_BATCH)
        wrong = batch_fault(self._venue.faults)
        for index, item in enumerate(items):
            try:
                if item_fails(wrong, index):
                    raise Refused(Reason.OVERLOADED)
                row, code, message = act(item), 0, "OK"
            except Refused as refused:
                code, message = spelled(refused)
                row = {"orderId": "", "orderLinkId": self._told_id(item), **failed}
            shown.append({"category": "linear", "symbol": _told(item, "symbol"), **row})
            codes.append({"code": code, "msg": message})
            if both:
                shown[-1].update(codes[-1])
        return Result({"list": batch_rows(shown, wrong)}, {"list": batch_rows(codes, wrong)})

    def _told_id(self, item: Params) -> str:
        return _told(native(self._venue, item), "orderLinkId")

    # -- finding and cancelling -----------------------------------------------------------------

    def _by_ids(self, account: Account, params: Params) -> Order | None:
        """The order named by id or client id; Refused when neither is given."""
        params = native(self._venue, params)
        text = params.text("orderId")
        if text:
            number = self._views.number_of(text)
            return None if number is None else self._exchange.book.by_id(account.name, number)
        if params.text("orderLinkId"):
            return self._exchange.book.by_client_id(account.name, params.text("orderLinkId"))
        raise Refused(Reason.MISSING_PARAMETER, "orderId or orderLinkId")

    def _cancelled(self, account: Account, params: Params) -> Order:
        symbol = self._exchange.market(params.needed("symbol")).instrument.symbol
        order = self._by_ids(account, params)
        if order is None or order.symbol != symbol:
            raise Refused(Reason.ORDER_UNKNOWN)
        return self._exchange.cancel(account, order)

    def cancel(self, account: Account, params: Params) -> Result:
        """POST order/cancel."""
        params.linear()
        return Result(self._ids(self._cancelled(account, params)))

    def cancel_batch(self, account: Account, params: Params) -> Result:
        """POST order/cancel-batch."""
        params.linear()
        both = self._venue.allows(BATCH_CODES_ROW)
        return self._batch(params, lambda item: self._ids(self._cancelled(account, item)), {}, both=both)

    def cancel_all(self, account: Account, params: Params) -> Result:
        """POST order/cancel-all of a symbol or a settle coin."""
        params.linear()
        symbol = scope(self._venue, params, needed=True)
        orders = self._exchange.cancel_all(account, symbol or "") if symbol is not None else []
        return Result({"list": [self._ids(one) for one in orders], "success": "1"})

    def realtime(self, account: Account, params: Params) -> Result:
        """GET order/realtime: open orders, or the one named, open or not."""
        if params.category() != "linear":
            return nothing(params)
        symbol = lenient_scope(self._venue, params)
        book = self._exchange.book
        if symbol is None:
            return self._orders(params, [])
        if params.given("orderId") or native(self._venue, params).given("orderLinkId"):
            order = self._by_ids(account, params)
            return self._orders(params, [order] if order is not None and symbol in ("", order.symbol) else [])
        if params.whole("openOnly", 0, 0, 2):
            return self._orders(
                params, [one for one in book.all_orders(account.name, symbol) if not one.status.is_open]
            )
        return self._orders(params, book.open_orders(account.name, symbol))

    def history(self, account: Account, params: Params) -> Result:
        """GET order/history: orders that are final."""
        if params.category() != "linear":
            return nothing(params)
        symbol = scope(self._venue, params, needed=False)
        if symbol is None:
            return self._orders(params, [])
        orders = [one for one in self._exchange.book.all_orders(account.name, symbol) if not one.status.is_open]
        if params.given("orderId") or native(self._venue, params).given("orderLinkId"):
            order = self._by_ids(account, params)
            orders = [one for one in orders if one is order]
        first_ms, last_ms = params.whole("startTime", 0, 0, 2**53), params.whole("endTime", 2**53, 0, 2**53)
        return self._orders(params, [one for one in orders if first_ms <= one.created_ms <= last_ms])

    def _orders(self, params: Params, orders: list[Order]) -> Result:
        """Newest first."""
        status = params.text("orderStatus")
        wanted = [one for one in reversed(orders) if status in ("", STATUSES[one.status])]
        return page(params, wanted, self._views.order, MAX_PAGE)

    def fills(self, account: Account, params: Params) -> Result:
        """GET execution/list, newest first."""
        if params.category() != "linear":
            return nothing(params)
        symbol, book = scope(self._venue, params, needed=False), self._exchange.book
        fills = [] if symbol is None else list(reversed(book.fills(account.name, symbol)))
        if params.text("execType") not in ("", "Trade"):
            fills = []
        if params.given("orderId") or native(self._venue, params).given("orderLinkId"):
            order = self._by_ids(account, params)
            fills = [one for one in fills if order is not None and one.order_id == order.order_id]
        first_ms, last_ms = params.whole("startTime", 0, 0, 2**53), params.whole("endTime", 2**53, 0, 2**53)
        fills = [one for one in fills if first_ms <= one.t_ms <= last_ms]
        return page(params, fills, lambda one: self._views.fill(one, book.by_id(account.name, one.order_id)), 100)


def _told(item: Params, name: str) -> str:
    """What an item says about itself, empty when that is no string."""
    try:
        return item.text(name)
    except Refused:
        return ""
