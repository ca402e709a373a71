"""Bybit's private REST: orders, account, positions and settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.venue.core.account import Account
from harness.venue.core.decimals import ZERO
from harness.venue.core.orders import Force, Kind, Order, Side, Ticket
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.bybit_errors import spelled
from harness.venue.dialects.bybit_ids import number_of
from harness.venue.dialects.bybit_market import check_price
from harness.venue.dialects.bybit_params import Params
from harness.venue.dialects.bybit_views import FORCES, KINDS, SIDES, STATUSES, Views
from harness.venue.venue import Venue

MAX_BATCH = 10
MAX_PAGE = 50
USER_ID = 24_600_000
SIDE_OF = {word: side for side, word in SIDES.items()}
KIND_OF = {word: kind for kind, word in KINDS.items()}
FORCE_OF = {word: force for force, word in FORCES.items()}
MARGIN_MODES = {"REGULAR_MARGIN": "cross", "ISOLATED_MARGIN": "isolated"}
CONDITIONAL = ("triggerPrice", "triggerDirection", "takeProfit", "stopLoss")
SCOPE_ROW = "bybit position/list, order/realtime"


@dataclass(frozen=True, slots=True)
class Result:
    """The `result` of the envelope, and what a batch adds to `retExtInfo`."""

    result: Any
    extra: Any = field(default_factory=dict)


class PrivateCalls:
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
            ("GET", "/v5/account/wallet-balance"): self.wallet,
            ("GET", "/v5/account/info"): self.account_info,
            ("GET", "/v5/position/list"): self.positions,
            ("GET", "/v5/user/query-api"): self.key_info,
            ("POST", "/v5/position/set-leverage"): self.leverage,
            ("POST", "/v5/position/switch-mode"): self.position_mode,
            ("POST", "/v5/account/set-margin-mode"): self.margin_mode,
            # Asked for by general clients: there are no deposits here.
            ("GET", "/v5/asset/coin/query-info"): lambda *_: Result({"rows": []}),
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
        params = self._leniently(params)
        if params.client_id():
            self._venue.meters.client_id_asked(account.name, params.client_id())
        return self._exchange.place(account, self._ticket(params))

    def _leniently(self, params: Params) -> Params:
        return params.leniently(self._venue.meters.lenient_uses) if self._venue.lenient else params

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
        shown, codes = [], []
        for item in params.items("request", MAX_BATCH):
            try:
                row, code, message = act(item), 0, "OK"
            except Refused as refused:
                code, message = spelled(refused)
                row = {"orderId": "", "orderLinkId": self._told_id(item), **failed}
            shown.append({"category": "linear", "symbol": _told(item, "symbol"), **row})
            codes.append({"code": code, "msg": message})
            if both:
                shown[-1].update(codes[-1])
        return Result({"list": shown}, {"list": codes})

    def _told_id(self, item: Params) -> str:
        return _told(self._leniently(item), "orderLinkId")

    # -- finding and cancelling -----------------------------------------------------------------

    def _by_ids(self, account: Account, params: Params) -> Order | None:
        """The order named by id or client id; Refused when neither is given."""
        params = self._leniently(params)
        text = params.text("orderId")
        if text:
            number = number_of(text)
            if number is None and self._venue.lenient and text.isascii() and text.isdigit() and len(text) < 19:
                self._venue.meters.lenient_uses["bybit orderId"] += 1
                number = int(text)
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
        both = self._venue.lenient
        return self._batch(params, lambda item: self._ids(self._cancelled(account, item)), {}, both=both)

    def cancel_all(self, account: Account, params: Params) -> Result:
        """POST order/cancel-all of a symbol or a settle coin."""
        params.linear()
        symbol = self._scope(params)
        orders = self._exchange.cancel_all(account, symbol or "") if symbol is not None else []
        return Result({"list": [self._ids(one) for one in orders], "success": "1"})

    def _scope(self, params: Params, *, needed: bool = True) -> str | None:
        """The symbol that is asked about, "" for all; None when the settle or base coin is none of these contracts'."""
        if params.given("symbol"):
            return self._exchange.market(params.text("symbol")).instrument.symbol
        if params.given("settleCoin"):
            return "" if params.text("settleCoin") == "USDT" else None
        if params.given("baseCoin"):
            symbol = f"{params.text('baseCoin')}USDT"
            return symbol if symbol in self._exchange.markets else None
        if needed:
            raise Refused(Reason.MISSING_PARAMETER, "symbol or settleCoin")
        return ""

    def _lenient_scope(self, params: Params) -> str | None:
        scoped = any(params.given(name) for name in ("symbol", "settleCoin", "baseCoin"))
        if not scoped and self._venue.lenient:
            self._venue.meters.lenient_uses[SCOPE_ROW] += 1
        return self._scope(params, needed=not self._venue.lenient)

    def realtime(self, account: Account, params: Params) -> Result:
        """GET order/realtime: open orders, or the one named, open or not."""
        if params.category() != "linear":
            return _page(params, [], lambda one: {}, 0)
        symbol = self._lenient_scope(params)
        book = self._exchange.book
        if symbol is None:
            return self._orders(params, [])
        if params.given("orderId") or self._leniently(params).given("orderLinkId"):
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
            return _page(params, [], lambda one: {}, 0)
        symbol = self._scope(params, needed=False)
        if symbol is None:
            return self._orders(params, [])
        orders = [one for one in self._exchange.book.all_orders(account.name, symbol) if not one.status.is_open]
        if params.given("orderId") or self._leniently(params).given("orderLinkId"):
            order = self._by_ids(account, params)
            orders = [one for one in orders if one is order]
        first_ms, last_ms = params.whole("startTime", 0, 0, 2**53), params.whole("endTime", 2**53, 0, 2**53)
        return self._orders(params, [one for one in orders if first_ms <= one.created_ms <= last_ms])

    def _orders(self, params: Params, orders: list[Order]) -> Result:
        """Newest first."""
        status = params.text("orderStatus")
        wanted = [one for one in reversed(orders) if status in ("", STATUSES[one.status])]
        return _page(params, wanted, self._views.order, MAX_PAGE)

    def fills(self, account: Account, params: Params) -> Result:
        """GET execution/list, newest first."""
        if params.category() != "linear":
            return _page(params, [], lambda one: {}, 0)
        symbol, book = self._scope(params, needed=False), self._exchange.book
        fills = [] if symbol is None else list(reversed(book.fills(account.name, symbol)))
        if params.text("execType") not in ("", "Trade"):
            fills = []
        if params.given("orderId") or self._leniently(params).given("orderLinkId"):
            order = self._by_ids(account, params)
            fills = [one for one in fills if order is not None and one.order_id == order.order_id]
        first_ms, last_ms = params.whole("startTime", 0, 0, 2**53), params.whole("endTime", 2**53, 0, 2**53)
        fills = [one for one in fills if first_ms <= one.t_ms <= last_ms]
        return _page(params, fills, lambda one: self._views.fill(one, book.by_id(account.name, one.order_id)), 100)

    # -- account --------------------------------------------------------------------------------

    def wallet(self, account: Account, params: Params) -> Result:
        """GET account/wallet-balance."""
        if params.needed("accountType") not in ("UNIFIED", "CONTRACT", "SPOT"):
            raise Refused(Reason.ILLEGAL_PARAMETER, "accountType")
        shown = self._views.wallet(account)
        coins = params.text("coin").split(",") if params.given("coin") else ["USDT"]
        shown["coin"] = [one for one in shown["coin"] if one["coin"] in coins]
        return Result({"list": [shown] if params.text("accountType") == "UNIFIED" else []})

    def account_info(self, account: Account, _: Params) -> Result:
        """GET account/info."""
        isolated = any(one.margin_type == "isolated" for one in account.positions.values())
        return Result(
            {
                "unifiedMarginStatus": 5,
                "marginMode": "ISOLATED_MARGIN" if isolated else "REGULAR_MARGIN",
                "isMasterTrader": False,
                "spotHedgingStatus": "OFF",
                "dcpStatus": "OFF",
                "timeWindow": 10,
                "smpGroup": 0,
                "updatedTime": str(account.updated_ms),
            }
        )

    def key_info(self, account: Account, _: Params) -> Result:
        """GET user/query-api, without the key itself."""
        return Result(
            {
                "id": str(USER_ID),
                "note": account.name,
                "apiKey": next(one.key for one in self._venue.setup.keys if one.name == account.name),
                "readOnly": 0,
                "secret": "",
                "permissions": {"ContractTrade": ["Order", "Position"], "Derivatives": ["DerivativesTrade"]},
                "ips": ["*"],
                "type": 1,
                "unified": 0,
                "uta": 1,
                "userID": USER_ID,
                "inviterID": 0,
                "vipLevel": "No VIP",
                "mktMakerLevel": "0",
                "affiliateID": 0,
                "rsaPublicKey": "",
                "isMaster": True,
                "parentUid": "0",
            }
        )

    def positions(self, account: Account, params: Params) -> Result:
        """GET position/list: the symbol's, flat or not, or all that are not flat."""
        if params.category() != "linear":
            return _page(params, [], lambda one: {}, 0)
        symbol = self._lenient_scope(params)
        if symbol:
            held = [account.position(symbol)]
        else:
            held = [one for one in account.positions.values() if one.size and symbol is not None]
        return _page(params, held, lambda one: self._views.position(account, one), 200)

    # -- settings -------------------------------------------------------------------------------

    def leverage(self, account: Account, params: Params) -> Result:
        """POST position/set-leverage: one-way, so both sides have the same."""
        params.linear()
        instrument = self._exchange.market(params.needed("symbol")).instrument
        leverage = params.decimal("buyLeverage")
        if params.decimal("sellLeverage") != leverage:
            raise Refused(Reason.ILLEGAL_PARAMETER, "buyLeverage", "must be equal to sellLeverage")
        if leverage != int(leverage):
            raise Refused(Reason.ILLEGAL_PARAMETER, "buyLeverage")
        if not 1 <= leverage <= instrument.max_leverage:
            raise Refused(Reason.BAD_LEVERAGE, "leverage", str(leverage))
        position = account.position(instrument.symbol)
        if position.leverage == leverage:
            raise Refused(Reason.BAD_LEVERAGE, "unchanged")
        position.leverage = int(leverage)
        return Result({})

    def position_mode(self, _: Account, params: Params) -> Result:
        """POST position/switch-mode: this venue is one-way only."""
        params.linear()
        if not params.given("mode"):
            raise Refused(Reason.MISSING_PARAMETER, "mode")
        if not params.given("symbol") and not params.given("coin"):
            raise Refused(Reason.MISSING_PARAMETER, "symbol or coin")
        if params.whole("mode", 0, 0, 9):
            raise Refused(Reason.UNSUPPORTED, "mode")
        raise Refused(Reason.UNCHANGED_POSITION_MODE)

    def margin_mode(self, account: Account, params: Params) -> Result:
        """POST account/set-margin-mode, for the whole account."""
        wanted = params.one_of("setMarginMode", MARGIN_MODES)
        for symbol in self._exchange.markets:
            account.position(symbol).margin_type = wanted
        return Result({"reasons": []})


def _told(item: Params, name: str) -> str:
    """What an item says about itself, empty when that is no string."""
    try:
        return item.text(name)
    except Refused:
        return ""


def _page(params: Params, rows: list[Any], shown: Callable[[Any], Any], most: int) -> Result:
    """All rows, or from `cursor` on the `limit` asked for."""
    start = params.whole("cursor", 0, 0, 2**31)
    end = start + params.whole("limit", 20, 1, most) if params.given("limit") and most else len(rows)
    page = {
        "nextPageCursor": str(end) if end < len(rows) else "",
        "category": params.category(),
        "list": [shown(row) for row in rows[start:end]],
    }
    return Result(page)
