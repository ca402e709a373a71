"""Binance's private REST: orders, account and positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.venue.core.account import Account
from harness.venue.core.decimals import ZERO
from harness.venue.core.disturbances import batch_fault, batch_rows, item_fails
from harness.venue.core.orders import Force, Kind, Order, Side, Ticket
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import binance_views as views
from harness.venue.dialects.binance_errors import spelled
from harness.venue.dialects.binance_params import (
    Params,
    client_id,
    decimal,
    flag,
    json_list,
    needed,
    one_of,
    text,
    whole,
)
from harness.venue.dialects.binance_settings import SettingCalls
from harness.venue.venue import Venue

ACCOUNT_ROW = "binance v2 account positions[]"
MAX_BATCH_PLACE = 5
MAX_BATCH_CANCEL = 10


class PrivateCalls:
    """Each method carries out one signed call on an account."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self.routes: dict[tuple[str, str], Callable[[Account, Params], Any]] = {
            ("POST", "/fapi/v1/order"): self.place,
            ("GET", "/fapi/v1/order"): self.query,
            ("DELETE", "/fapi/v1/order"): self.cancel,
            ("GET", "/fapi/v1/openOrder"): self.open_order,
            ("GET", "/fapi/v1/openOrders"): self.open_orders,
            ("GET", "/fapi/v1/allOrders"): self.all_orders,
            ("POST", "/fapi/v1/batchOrders"): self.place_batch,
            ("DELETE", "/fapi/v1/batchOrders"): self.cancel_batch,
            ("DELETE", "/fapi/v1/allOpenOrders"): self.cancel_all,
            ("GET", "/fapi/v2/account"): lambda account, _: self._account(account, 2),
            ("GET", "/fapi/v3/account"): lambda account, _: self._account(account, 3),
            ("GET", "/fapi/v2/balance"): lambda account, _: self._balance(account),
            ("GET", "/fapi/v3/balance"): lambda account, _: self._balance(account),
            ("GET", "/fapi/v2/positionRisk"): lambda account, params: self._positions(account, params, 2),
            ("GET", "/fapi/v3/positionRisk"): lambda account, params: self._positions(account, params, 3),
            ("GET", "/fapi/v1/leverageBracket"): self.brackets,
            ("GET", "/fapi/v1/userTrades"): self.fills,
            ("GET", "/fapi/v1/commissionRate"): self.commission,
            **SettingCalls(venue).routes,
            ("GET", "/papi/v1/account"): self.portfolio,
            ("GET", "/sapi/v1/capital/config/getall"): lambda *_: [],
            ("GET", "/sapi/v1/margin/allPairs"): lambda *_: [],
            ("GET", "/sapi/v1/margin/isolated/allPairs"): lambda *_: [],
        }

    # -- orders ---------------------------------------------------------------------------------

    def ticket(self, params: Params) -> Ticket:
        """What a place request asks for; Refused with the parameter that is missing or illegal."""
        symbol = needed(params, "symbol")
        self._exchange.market(symbol)
        side = one_of(Side, needed(params, "side"), "side")
        kind = one_of(Kind, needed(params, "type"), "type")
        qty = decimal(params, "quantity")
        price, force = ZERO, Force.GTC
        if kind is Kind.LIMIT:
            force = one_of(Force, needed(params, "timeInForce"), "timeInForce")
            price = decimal(params, "price")
        elif params.get("price"):
            raise Refused(Reason.ILLEGAL_PARAMETER, "notRequired", "price")
        if params.get("positionSide", "BOTH") != "BOTH":
            raise Refused(Reason.POSITION_SIDE)
        return Ticket(symbol, side, kind, qty, price, force, flag(params, "reduceOnly"), client_id(params))

    def place(self, account: Account, params: Params) -> Any:
        """POST order."""
        if params.get("newClientOrderId"):
            self._venue.meters.client_id_asked(account.name, params["newClientOrderId"])
        order = self._exchange.place(account, self.ticket(params))
        return views.order(order, accepted_only=params.get("newOrderRespType", "ACK") != "RESULT")

    def place_batch(self, account: Account, params: Params) -> Any:
        """POST batchOrders: each item succeeds or fails for itself."""
        items = json_list(params, "batchOrders")
        if not 1 <= len(items) <= MAX_BATCH_PLACE:
            raise Refused(Reason.TOO_MANY_ITEMS)
        answers: list[Any] = []
        how = batch_fault(self._venue.faults)
        for index, item in enumerate(items):
            try:
                if item_fails(how, index):
                    raise Refused(Reason.OVERLOADED)
                if not isinstance(item, dict):
                    raise Refused(Reason.ILLEGAL_PARAMETER, "batchOrders", "a list of objects")
                answers.append(self.place(account, {str(key): text(value) for key, value in item.items()}))
            except Refused as refused:
                code, _, message = spelled(refused)
                answers.append({"code": code, "msg": message})
        return batch_rows(answers, how)

    def query(self, account: Account, params: Params) -> Any:
        """GET order."""
        return views.queried_order(self._order(account, params, "query"))

    def open_order(self, account: Account, params: Params) -> Any:
        """GET openOrder."""
        order = self._order(account, params, "query")
        if not order.status.is_open:
            raise Refused(Reason.ORDER_UNKNOWN, "query")
        return views.queried_order(order)

    def open_orders(self, account: Account, params: Params) -> Any:
        """GET openOrders."""
        if params.get("symbol"):
            self._exchange.market(params["symbol"])
        return [
            views.queried_order(one) for one in self._exchange.book.open_orders(account.name, params.get("symbol", ""))
        ]

    def all_orders(self, account: Account, params: Params) -> Any:
        """GET allOrders, the latest `limit` (from `orderId` on, when given)."""
        symbol = self._exchange.market(needed(params, "symbol")).instrument.symbol
        limit = whole(params, "limit", 500, 1, 1000)
        first = whole(params, "orderId", 0, 0, 2**62)
        orders = [one for one in self._exchange.book.all_orders(account.name, symbol) if one.order_id >= first]
        return [views.queried_order(one) for one in (orders[:limit] if first else orders[-limit:])]

    def cancel(self, account: Account, params: Params) -> Any:
        """DELETE order."""
        order = self._exchange.cancel(account, self._order(account, params, "cancel"))
        return views.order(order)

    def cancel_batch(self, account: Account, params: Params) -> Any:
        """DELETE batchOrders by ids or client ids; the key's letter case does not matter."""
        symbol = self._exchange.market(needed(params, "symbol")).instrument.symbol
        folded = {name.lower(): value for name, value in params.items()}
        ids = json_list(folded, "orderidlist", optional=True)
        client_ids = json_list(folded, "origclientorderidlist", optional=True)
        wanted = [{"orderId": text(one)} for one in ids] or [{"origClientOrderId": text(one)} for one in client_ids]
        if not wanted:
            raise Refused(Reason.MISSING_PARAMETER, "orderIdList")
        if len(wanted) > MAX_BATCH_CANCEL:
            raise Refused(Reason.TOO_MANY_ITEMS)
        answers: list[Any] = []
        how = batch_fault(self._venue.faults)
        for index, one in enumerate(wanted):
            try:
                if item_fails(how, index):
                    raise Refused(Reason.OVERLOADED)
                answers.append(self.cancel(account, {"symbol": symbol, **one}))
            except Refused as refused:
                code, _, message = spelled(refused)
                answers.append({"code": code, "msg": message})
        return batch_rows(answers, how)

    def cancel_all(self, account: Account, params: Params) -> Any:
        """DELETE allOpenOrders of a symbol."""
        self._exchange.cancel_all(account, self._exchange.market(needed(params, "symbol")).instrument.symbol)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _order(self, account: Account, params: Params, purpose: str) -> Order:
        symbol = self._exchange.market(needed(params, "symbol")).instrument.symbol
        if params.get("orderId"):
            number = whole(params, "orderId", 0, 0, 2**62)
            order = self._exchange.book.by_id(account.name, number)
        elif params.get("origClientOrderId"):
            order = self._exchange.book.by_client_id(account.name, params["origClientOrderId"])
        else:
            raise Refused(Reason.MISSING_PARAMETER, "orderId")
        if order is None or order.symbol != symbol:
            raise Refused(Reason.ORDER_UNKNOWN, purpose)
        return order

    # -- account --------------------------------------------------------------------------------

    def _account(self, account: Account, version: int) -> Any:
        lenient = version == 2 and self._venue.allows(ACCOUNT_ROW)
        if lenient:
            self._venue.meters.lenient_uses[ACCOUNT_ROW] += 1
        return views.account(self._exchange, account, version=version, lenient=lenient)

    def _balance(self, account: Account) -> Any:
        whole_account = self._account(account, 3)
        return [
            {
                "accountAlias": account.name,
                "asset": "USDT",
                "balance": whole_account["totalWalletBalance"],
                "crossWalletBalance": whole_account["totalCrossWalletBalance"],
                "crossUnPnl": whole_account["totalCrossUnPnl"],
                "availableBalance": whole_account["availableBalance"],
                "maxWithdrawAmount": whole_account["maxWithdrawAmount"],
                "marginAvailable": True,
                "updateTime": account.updated_ms,
            }
        ]

    def _positions(self, account: Account, params: Params, version: int) -> Any:
        symbols = [params["symbol"]] if params.get("symbol") else list(self._exchange.markets)
        positions = [account.position(self._exchange.market(symbol).instrument.symbol) for symbol in symbols]
        return [
            views.position_risk(self._exchange, one, version=version) for one in positions if version == 2 or one.size
        ]

    def portfolio(self, account: Account, _: Params) -> Any:
        """GET /papi/v1/account."""
        shown = self._account(account, 3)
        return {
            "uniMMR": "999.99999999",
            "accountEquity": shown["totalMarginBalance"],
            "actualEquity": shown["totalMarginBalance"],
            "accountInitialMargin": shown["totalInitialMargin"],
            "accountMaintMargin": shown["totalMaintMargin"],
            "accountStatus": "NORMAL",
            "virtualMaxWithdrawAmount": shown["maxWithdrawAmount"],
            "totalAvailableBalance": shown["availableBalance"],
            "totalMarginOpenLoss": "0",
            "subPositions": [],
            "updateTime": account.updated_ms,
        }

    def brackets(self, _: Account, params: Params) -> Any:
        """GET leverageBracket: one bracket a symbol; an array also for a single symbol."""
        markets = [self._exchange.market(params["symbol"])] if params.get("symbol") else self._exchange.markets.values()
        return [
            {
                "symbol": market.instrument.symbol,
                "brackets": [
                    {
                        "bracket": 1,
                        "initialLeverage": market.instrument.max_leverage,
                        "notionalCap": 100_000_000,
                        "notionalFloor": 0,
                        "maintMarginRatio": float(market.instrument.maintenance_rate),
                        "cum": 0.0,
                    }
                ],
            }
            for market in markets
        ]

    def fills(self, account: Account, params: Params) -> Any:
        """GET userTrades, oldest first."""
        market = self._exchange.market(needed(params, "symbol"))
        limit = whole(params, "limit", 500, 1, 1000)
        wanted = whole(params, "orderId", 0, 0, 2**62)
        fills = [
            one
            for one in self._exchange.book.fills(account.name, market.instrument.symbol)
            if not wanted or one.order_id == wanted
        ]
        return [views.fill(one, market.instrument) for one in fills[-limit:]]

    def commission(self, _: Account, params: Params) -> Any:
        """GET commissionRate."""
        symbol = self._exchange.market(needed(params, "symbol")).instrument.symbol
        return {"symbol": symbol, "makerCommissionRate": "0.000200", "takerCommissionRate": "0.000400"}
