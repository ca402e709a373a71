"""OKX's private REST: orders one by one and in batches, and their history."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.venue.core.account import Account, Position
from harness.venue.core.decimals import ZERO
from harness.venue.core.disturbances import batch_fault, batch_rows, item_fails, other_refusal_form
from harness.venue.core.orders import Force, Kind, Order, Side, Status, Ticket
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import okx_views as views
from harness.venue.dialects.okx_errors import spelled
from harness.venue.dialects.okx_market import INST_TYPES, MODES, PublicCalls
from harness.venue.dialects.okx_outcome import Outcome
from harness.venue.dialects.okx_params import (
    LENIENT_CLIENT_ID,
    TAG,
    Params,
    client_id,
    decimal,
    flag,
    object_of,
    one_of,
    text,
    whole,
)
from harness.venue.venue import Venue

MAX_BATCH = 20
MAX_PAGE = 100
ORDER_TYPES: dict[str, tuple[Kind, Force]] = {
    "limit": (Kind.LIMIT, Force.GTC),
    "market": (Kind.MARKET, Force.GTC),
    "post_only": (Kind.LIMIT, Force.GTX),
    "ioc": (Kind.LIMIT, Force.IOC),
    "fok": (Kind.LIMIT, Force.FOK),
    "optimal_limit_ioc": (Kind.MARKET, Force.IOC),
}
ITEM = ("ordId", "clOrdId", "tag")
CLIENT_ID_ROW = "client order id key"
"""The lenient row of this venue, as a knob names it."""
Act = Callable[[Account, Params], dict[str, str]]


class OrderCalls:
    """Each method carries out one signed call on an account's orders."""

    def __init__(self, venue: Venue, public: PublicCalls) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._public = public
        self.gets: dict[str, Callable[[Account, Params], list[Any]]] = {
            "/api/v5/trade/order": self.query,
            "/api/v5/trade/orders-pending": self.open_orders,
            "/api/v5/trade/orders-history": self.past_orders,
            "/api/v5/trade/orders-history-archive": self.past_orders,
            "/api/v5/trade/fills": self.fills,
            "/api/v5/trade/fills-history": self.fills,
        }
        self.posts: dict[str, Callable[[Account, Any], Outcome]] = {
            "/api/v5/trade/order": lambda account, body: self._one(account, body, self.place),
            "/api/v5/trade/batch-orders": lambda account, body: self._batch(account, body, self.place),
            "/api/v5/trade/cancel-order": lambda account, body: self._one(account, body, self.cancel),
            "/api/v5/trade/cancel-batch-orders": lambda account, body: self._batch(account, body, self.cancel),
        }

    # -- orders ---------------------------------------------------------------------------------

    def _batch(self, account: Account, body: Any, act: Act) -> Outcome:
        """Up to twenty, answered in the order of the request unless a fault says otherwise."""
        if not isinstance(body, list):
            raise Refused(Reason.ILLEGAL_PARAMETER, "body")
        if not body:
            raise Refused(Reason.MISSING_PARAMETER, "orders")
        if len(body) > MAX_BATCH:
            raise Refused(Reason.TOO_MANY_ITEMS, "orders", str(MAX_BATCH))
        wrong = batch_fault(self._venue.faults)
        rows = [self._row(account, item, act, fails=item_fails(wrong, index)) for index, item in enumerate(body)]
        return self._outcome(batch_rows(rows, wrong))

    def _one(self, account: Account, body: Any, act: Act) -> Outcome:
        return self._outcome([self._row(account, object_of(body), act)])

    def _row(self, account: Account, item: Any, act: Act, *, fails: bool = False) -> dict[str, str]:
        """One item: it succeeds or fails for itself."""
        params = self._lenient(item) if isinstance(item, dict) else {}
        try:
            if not isinstance(item, dict):
                raise Refused(Reason.ILLEGAL_PARAMETER, "body")
            if fails:
                raise Refused(Reason.OVERLOADED)
            return {**act(account, params), "sCode": "0", "sMsg": "Order placed" if act == self.place else ""}
        except Refused as one:
            code, message = spelled(one)
            named = {name: str(params.get(name) or "") for name in ITEM}
            return {**named, "ts": self._ts(), "sCode": str(code), "sMsg": message}

    def _outcome(self, rows: list[dict[str, str]]) -> Outcome:
        """The envelope's code says how many items succeeded, unless a fault says success."""
        refused = sum(one["sCode"] != "0" for one in rows)
        if refused and other_refusal_form(self._venue.faults):
            return Outcome(rows)
        if refused < len(rows):
            return Outcome(rows, 2, "Bulk operation partially succeeded.") if refused else Outcome(rows)
        return Outcome(rows, 1, "All operations failed" if len(rows) > 1 else "Operation failed.")

    def _lenient(self, params: Params) -> Params:
        """Another spelling of the client id: known in the lenient profile, an unknown key in the strict one."""
        if LENIENT_CLIENT_ID in params and not params.get("clOrdId") and self._venue.allows(CLIENT_ID_ROW):
            self._venue.meters.lenient_uses[CLIENT_ID_ROW] += 1
            return {**params, "clOrdId": params[LENIENT_CLIENT_ID]}
        return params

    def _ts(self) -> str:
        return str(self._exchange.now_ms())

    def ticket(self, params: Params) -> Ticket:
        """What a place request asks for; Refused with the parameter that is missing or illegal."""
        instrument = self._public.market(params).instrument
        one_of(params, "tdMode", MODES)
        side = Side.BUY if one_of(params, "side", ("buy", "sell")) == "buy" else Side.SELL
        kind, force = ORDER_TYPES[one_of(params, "ordType", tuple(ORDER_TYPES))]
        if text(params, "posSide") not in ("", "net"):
            raise Refused(Reason.POSITION_SIDE)
        qty = decimal(params, "sz") * instrument.step
        price = decimal(params, "px") if kind is Kind.LIMIT else ZERO
        tag = text(params, "tag")
        if not TAG.fullmatch(tag):
            raise Refused(Reason.ILLEGAL_PARAMETER, "tag")
        return Ticket(
            instrument.symbol, side, kind, qty, price, force, flag(params, "reduceOnly"), client_id(params), tag
        )

    def _set_mode(self, account: Account, position: Position, mode: str) -> None:
        """The core keeps one position a symbol: its margin mode is that of the order that opens it."""
        if position.margin_type == mode:
            return
        if position.size or self._exchange.book.open_orders(account.name, position.symbol):
            raise Refused(Reason.ILLEGAL_PARAMETER, "tdMode")
        position.margin_type = mode

    def place(self, account: Account, params: Params) -> dict[str, str]:
        """POST order."""
        ticket = self.ticket(params)
        if ticket.client_id:
            self._venue.meters.client_id_asked(account.name, ticket.client_id)
        position = account.position(ticket.symbol)
        before = position.margin_type
        self._set_mode(account, position, text(params, "tdMode"))
        try:
            order = self._exchange.place(account, ticket)
        except Refused:
            position.margin_type = before
            raise
        return {"ordId": str(order.order_id), "clOrdId": order.client_id, "tag": ticket.tag, "ts": self._ts()}

    def cancel(self, account: Account, params: Params) -> dict[str, str]:
        """POST cancel-order."""
        order = self._order(account, params, "cancel")
        if not order.status.is_open:
            raise Refused(Reason.ORDER_DONE, "filled" if order.status is Status.FILLED else "canceled")
        self._exchange.cancel(account, order)
        return {"ordId": str(order.order_id), "clOrdId": order.client_id, "ts": self._ts()}

    def query(self, account: Account, params: Params) -> list[Any]:
        """GET order."""
        return [self._shown(account, self._order(account, self._lenient(params), "query"))]

    def _order(self, account: Account, params: Params, purpose: str) -> Order:
        symbol = self._public.market(params).instrument.symbol
        if text(params, "ordId"):
            order = self._exchange.book.by_id(account.name, whole(params, "ordId", 0, 0, 2**62))
        elif text(params, "clOrdId"):
            order = self._exchange.book.by_client_id(account.name, text(params, "clOrdId"))
        else:
            raise Refused(Reason.MISSING_PARAMETER, "ordId or clOrdId")
        if order is None or order.symbol != symbol:
            raise Refused(Reason.ORDER_UNKNOWN, purpose)
        return order

    def _shown(self, account: Account, order: Order) -> Any:
        return views.order(order, account.position(order.symbol), order.fills[-1] if order.fills else None)

    def _symbol(self, params: Params) -> str | None:
        """The symbol a list is limited to, empty for all; None when the list must be empty."""
        if text(params, "instType") and one_of(params, "instType", INST_TYPES) != views.SWAP:
            return None
        return self._public.market(params).instrument.symbol if text(params, "instId") else ""

    def open_orders(self, account: Account, params: Params) -> list[Any]:
        """GET orders-pending, newest first."""
        symbol = self._symbol(params)
        orders = [] if symbol is None else self._exchange.book.open_orders(account.name, symbol)
        return self._page(account, orders, params)

    def past_orders(self, account: Account, params: Params) -> list[Any]:
        """GET orders-history, newest first."""
        symbol = self._symbol(params)
        orders = [] if symbol is None else self._exchange.book.all_orders(account.name, symbol)
        return self._page(account, [one for one in orders if not one.status.is_open], params)

    def _page(self, account: Account, orders: list[Order], params: Params) -> list[Any]:
        """Newest first; `after`: only older ones than that id, `before`: only newer ones."""
        limit = whole(params, "limit", MAX_PAGE, 1, MAX_PAGE)
        after, before = whole(params, "after", 2**62, 0, 2**62), whole(params, "before", 0, 0, 2**62)
        wanted = {name: text(params, native) for name, native in (("state", "state"), ("kind", "ordType"))}
        found = [
            one
            for one in reversed(orders)
            if before < one.order_id < after
            and wanted["state"] in ("", views.STATES[one.status])
            and wanted["kind"] in ("", views.order_type(one))
        ]
        return [self._shown(account, one) for one in found[:limit]]

    def fills(self, account: Account, params: Params) -> list[Any]:
        """GET fills-history, newest first."""
        symbol = self._symbol(params)
        if symbol is None:
            return []
        book = self._exchange.book
        limit = whole(params, "limit", MAX_PAGE, 1, MAX_PAGE)
        wanted = whole(params, "ordId", 0, 0, 2**62)
        after, before = whole(params, "after", 2**62, 0, 2**62), whole(params, "before", 0, 0, 2**62)
        begin_ms, end_ms = whole(params, "begin", 0, 0, 2**53), whole(params, "end", 2**53, 0, 2**53)
        fills = [
            one
            for one in reversed(book.fills(account.name, symbol))
            if wanted in (0, one.order_id) and before < one.trade_id < after and begin_ms <= one.t_ms <= end_ms
        ]
        return [
            views.fill(one, book.by_id(account.name, one.order_id), self._exchange.market(one.symbol).instrument)
            for one in fills[:limit]
        ]
