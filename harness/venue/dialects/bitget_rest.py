"""Bitget's private REST about orders and fills."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.venue.core.account import Account
from harness.venue.core.decimals import ZERO
from harness.venue.core.disturbances import batch_fault, batch_rows, item_fails
from harness.venue.core.orders import Force, Kind, Order, Side, Ticket
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import bitget_params as asked
from harness.venue.dialects import bitget_rows as rows
from harness.venue.dialects import bitget_views as views
from harness.venue.dialects.bitget_errors import spelled
from harness.venue.dialects.bitget_modes import PositionModes
from harness.venue.dialects.bitget_params import Params
from harness.venue.dialects.bitget_rows import Rows
from harness.venue.venue import Venue

ORD = "/api/v2/mix/order"
MAX_BATCH = 50
SIDES = {"buy": Side.BUY, "sell": Side.SELL}
KINDS = {"limit": Kind.LIMIT, "market": Kind.MARKET}
FORCES = {"gtc": Force.GTC, "ioc": Force.IOC, "fok": Force.FOK, "post_only": Force.GTX}
YES_NO = {"YES": True, "NO": False}
TRADE_SIDES = {"open": "open", "close": "close"}


class OrderCalls:
    """Each method carries out one signed call on an account."""

    def __init__(self, venue: Venue, modes: PositionModes, allowed: Rows) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._modes = modes
        self._rows = allowed
        self.routes: dict[tuple[str, str], Callable[[Account, Params], Any]] = {
            ("POST", f"{ORD}/place-order"): self.place,
            ("POST", f"{ORD}/batch-place-order"): self.place_batch,
            ("POST", f"{ORD}/cancel-order"): self.cancel,
            ("POST", f"{ORD}/batch-cancel-orders"): self.cancel_batch,
            ("POST", f"{ORD}/cancel-all-orders"): self.cancel_all,
            ("GET", f"{ORD}/detail"): self.detail,
            ("GET", f"{ORD}/orders-pending"): self.pending,
            ("GET", f"{ORD}/orders-history"): self.history,
            ("GET", f"{ORD}/fills"): self.fills,
            ("GET", f"{ORD}/fill-history"): self.fills,
        }

    # -- placing --------------------------------------------------------------------------------

    def ticket(self, account: Account, params: Params) -> Ticket:
        """What a place request asks for; Refused with the parameter that is missing or wrong."""
        instrument = self._exchange.market(asked.symbol(self._exchange, params)).instrument
        asked.choice(params, "marginMode", asked.MARGIN_MODES)
        asked.margin_coin(params)
        side = asked.choice(params, "side", SIDES)
        kind = asked.choice(params, "orderType", KINDS)
        qty = asked.size(params, instrument)
        price, force = ZERO, Force.GTC
        if kind is Kind.LIMIT:
            price = asked.price(params, instrument)
            force = asked.choice({"force": asked.text(params, "force").lower()}, "force", FORCES, "gtc")
        reduce_only = asked.choice(params, "reduceOnly", YES_NO, "NO")
        trade_side = asked.text(params, "tradeSide").lower()
        if trade_side not in ("", *TRADE_SIDES):
            raise Refused(Reason.ILLEGAL_PARAMETER, "tradeSide")
        side, reduce_only = self._modes.order_side(account, instrument.symbol, side, trade_side, reduce_only)
        return Ticket(instrument.symbol, side, kind, qty, price, force, reduce_only, asked.client_id(params))

    def place(self, account: Account, params: Params) -> Any:
        """POST place-order."""
        given = asked.text(params, "clientOid")
        if asked.CLIENT_ID_FORM.fullmatch(given):
            self._venue.meters.client_id_asked(account.name, given)
        order = self._exchange.place(account, self.ticket(account, params))
        return ids(order)

    def place_batch(self, account: Account, params: Params) -> Any:
        """POST batch-place-order: each item succeeds or fails for itself."""
        common = {name: params.get(name) for name in ("symbol", "productType", "marginCoin", "marginMode")}
        self._exchange.market(asked.symbol(self._exchange, common))
        items = asked.objects(params, "orderList", MAX_BATCH, self._rows)
        return self._each(items, lambda item: self.place(account, {**item, **common}))

    def _each(self, items: list[Params], act: Callable[[Params], Any]) -> Any:
        done: list[Any] = []
        failed: list[Any] = []
        how = batch_fault(self._venue.faults)
        for index, item in enumerate(items):
            try:
                if item_fails(how, index):
                    raise Refused(Reason.OVERLOADED)
                done.append(act(item))
            except Refused as refused:
                code, _, message = spelled(refused)
                given = {name: _shown(item, name) for name in ("orderId", "clientOid")}
                failed.append({**given, "errorMsg": message, "errorCode": str(code)})
        return {"successList": batch_rows(done, how), "failureList": failed}

    # -- cancelling -----------------------------------------------------------------------------

    def cancel(self, account: Account, params: Params) -> Any:
        """POST cancel-order."""
        return ids(self._exchange.cancel(account, self._order(account, params, "cancel")))

    def cancel_batch(self, account: Account, params: Params) -> Any:
        """POST batch-cancel-orders: those listed, or all of the symbol without a list."""
        if params.get("orderIdList") is None:
            return self.cancel_all(account, params)
        symbol = asked.symbol(self._exchange, params)
        given = params["orderIdList"]
        plain = isinstance(given, list) and any(isinstance(one, str) for one in given)
        if self._rows.taken(rows.CANCEL_AND_CANDLES, odd=plain):
            given = [{"orderId": one} if isinstance(one, str) else one for one in given]
        items = asked.objects({"orderIdList": given}, "orderIdList", MAX_BATCH, self._rows)
        common = {"symbol": symbol, "productType": params["productType"]}
        return self._each(items, lambda item: self.cancel(account, {**item, **common}))

    def cancel_all(self, account: Account, params: Params) -> Any:
        """POST cancel-all-orders: of a symbol, or of all."""
        if not asked.product(params):
            return {"successList": [], "failureList": []}
        symbol = asked.symbol(self._exchange, params) if asked.text(params, "symbol") else ""
        return {"successList": [ids(one) for one in self._exchange.cancel_all(account, symbol)], "failureList": []}

    # -- asking ---------------------------------------------------------------------------------

    def detail(self, account: Account, params: Params) -> Any:
        """GET detail."""
        return self._view(account, self._order(account, params, "query"), listed=False)

    def pending(self, account: Account, params: Params) -> Any:
        """GET orders-pending, newest first."""
        page = self._page(account, params, [] if not asked.product(params) else self._open(account, params))
        # The two forms exclude each other: a lenient client reads the list where the native one reads an object.
        return page["entrustedList"] or [] if self._rows.taken(rows.PENDING) else page

    def history(self, account: Account, params: Params) -> Any:
        """GET orders-history: what is not open any more, newest first."""
        listed = asked.product(params)
        symbol = asked.symbol(self._exchange, params) if asked.text(params, "symbol") else ""
        orders = self._exchange.book.all_orders(account.name, symbol) if listed else []
        return self._page(account, params, [one for one in orders if not one.status.is_open])

    def _open(self, account: Account, params: Params) -> list[Order]:
        symbol = asked.symbol(self._exchange, params) if asked.text(params, "symbol") else ""
        return self._exchange.book.open_orders(account.name, symbol)

    def _page(self, account: Account, params: Params, orders: list[Order]) -> Any:
        limit = asked.whole(params, "limit", 100, 1, 100)
        before = asked.whole(params, "idLessThan", 0, 0, 10**asked.MAX_DIGITS)
        start_ms = asked.whole(params, "startTime", 0, 0, 10**15)
        end_ms = asked.whole(params, "endTime", 10**15, 0, 10**15)
        order_id, client_id = asked.text(params, "orderId"), asked.text(params, "clientOid")
        wanted = [
            one
            for one in reversed(orders)
            if (not before or one.order_id < before)
            and start_ms <= one.created_ms <= end_ms
            and order_id in ("", str(one.order_id))
            and client_id in ("", one.client_id)
        ][:limit]
        shown = [self._view(account, one, listed=True) for one in wanted]
        return {"entrustedList": shown or None, "endId": str(wanted[-1].order_id) if wanted else None}

    def _view(self, account: Account, order: Order, *, listed: bool) -> Any:
        position, mode = account.position(order.symbol), self._modes.of(account.name)
        return views.order(order, position, mode, listed=listed, lenient=self._rows.taken(rows.ORDER_FIELDS))

    def fills(self, account: Account, params: Params) -> Any:
        """GET fills, newest first."""
        symbol = asked.symbol(self._exchange, params) if asked.text(params, "symbol") else ""
        listed = asked.product(params)
        limit = asked.whole(params, "limit", 100, 1, 100)
        before = asked.whole(params, "idLessThan", 0, 0, 10**asked.MAX_DIGITS)
        order_id = asked.text(params, "orderId")
        book = self._exchange.book
        wanted = [
            one
            for one in reversed(book.fills(account.name, symbol) if listed else [])
            if (not before or one.trade_id < before) and order_id in ("", str(one.order_id))
        ][:limit]
        mode = self._modes.of(account.name)
        shown = [
            views.fill(one, book.by_id(account.name, one.order_id), self._exchange.market(one.symbol).instrument, mode)
            for one in wanted
        ]
        return {"fillList": shown or None, "endId": str(wanted[-1].trade_id) if wanted else None}

    def _order(self, account: Account, params: Params, purpose: str) -> Order:
        symbol = asked.symbol(self._exchange, params)
        if asked.text(params, "orderId"):
            number = asked.whole(params, "orderId", 0, 0, 10**asked.MAX_DIGITS)
            order = self._exchange.book.by_id(account.name, number)
        elif asked.text(params, "clientOid"):
            order = self._exchange.book.by_client_id(account.name, asked.text(params, "clientOid"))
        else:
            raise Refused(Reason.MISSING_PARAMETER, "orderId")
        if order is None or order.symbol != symbol:
            raise Refused(Reason.ORDER_UNKNOWN, purpose)
        return order


def ids(order: Order) -> dict[str, str]:
    """What placing and cancelling answer."""
    return {"orderId": str(order.order_id), "clientOid": order.client_id}


def _shown(item: Params, name: str) -> str:
    value = item.get(name)
    return value if isinstance(value, str) else ""
