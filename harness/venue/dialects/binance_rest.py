"""Binance's private REST: orders, account, positions, settings and listen keys."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from harness.venue.core.account import Account
from harness.venue.core.decimals import ZERO, parse
from harness.venue.core.keys import ApiKey
from harness.venue.core.orders import Force, Kind, Order, Side, Ticket
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import binance_views as views
from harness.venue.dialects.binance_errors import spelled
from harness.venue.dialects.binance_market import Params, whole
from harness.venue.venue import Venue

DECIMAL = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
DECIMAL_RANGE = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")
MAX_BATCH_PLACE = 5
MAX_BATCH_CANCEL = 10
LISTEN_KEY_LIFE_MS = 60 * 60_000


@dataclass(slots=True)
class ListenKey:
    """The user stream of one API key."""

    listen_key: str
    key: ApiKey
    expires_ms: int


class ListenKeys:
    """One alive listen key per API key."""

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._keys: dict[str, ListenKey] = {}

    def find(self, listen_key: str) -> ListenKey | None:
        """The alive listen key of that text."""
        one = self._keys.get(listen_key)
        return one if one is not None and one.expires_ms > self._now_ms() else None

    def post(self, key: ApiKey) -> ListenKey:
        """The same one while it is alive, its life extended."""
        for one in self._keys.values():
            if one.key is key and one.expires_ms > self._now_ms():
                one.expires_ms = self._now_ms() + LISTEN_KEY_LIFE_MS
                return one
        one = ListenKey(secrets.token_hex(32), key, self._now_ms() + LISTEN_KEY_LIFE_MS)
        self._keys[one.listen_key] = one
        return one

    def put(self, key: ApiKey) -> ListenKey:
        """Extend; Refused when the API key has none alive."""
        for one in self._keys.values():
            if one.key is key and one.expires_ms > self._now_ms():
                one.expires_ms = self._now_ms() + LISTEN_KEY_LIFE_MS
                return one
        raise Refused(Reason.LISTEN_KEY)

    def take(self, key: str = "", *, overdue_only: bool = False) -> list[ListenKey]:
        """Remove those of an API key (empty: of all), or those whose time is over."""
        now_ms = self._now_ms()
        taken = [
            one
            for one in self._keys.values()
            if (one.expires_ms <= now_ms if overdue_only else key in ("", one.key.key))
        ]
        for one in taken:
            del self._keys[one.listen_key]
        return taken


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
            ("GET", "/fapi/v1/symbolConfig"): self.symbol_config,
            ("POST", "/fapi/v1/leverage"): self.leverage,
            ("POST", "/fapi/v1/marginType"): self.margin_type,
            ("POST", "/fapi/v1/positionSide/dual"): self.position_mode,
            ("GET", "/fapi/v1/positionSide/dual"): lambda *_: {"dualSidePosition": False},
            ("GET", "/fapi/v1/multiAssetsMargin"): lambda *_: {"multiAssetsMargin": False},
            ("GET", "/papi/v1/account"): self.portfolio,
            ("GET", "/sapi/v1/capital/config/getall"): lambda *_: [],
            ("GET", "/sapi/v1/margin/allPairs"): lambda *_: [],
            ("GET", "/sapi/v1/margin/isolated/allPairs"): lambda *_: [],
        }

    # -- orders ---------------------------------------------------------------------------------

    def ticket(self, params: Params) -> Ticket:
        """What a place request asks for; Refused with the parameter that is missing or illegal."""
        symbol = _needed(params, "symbol")
        self._exchange.market(symbol)
        side = _one_of(Side, _needed(params, "side"), "side")
        kind = _one_of(Kind, _needed(params, "type"), "type")
        qty = _decimal(params, "quantity")
        price, force = ZERO, Force.GTC
        if kind is Kind.LIMIT:
            force = _one_of(Force, _needed(params, "timeInForce"), "timeInForce")
            price = _decimal(params, "price")
        elif params.get("price"):
            raise Refused(Reason.ILLEGAL_PARAMETER, "notRequired", "price")
        if params.get("positionSide", "BOTH") != "BOTH":
            raise Refused(Reason.POSITION_SIDE)
        return Ticket(symbol, side, kind, qty, price, force, _flag(params, "reduceOnly"), _client_id(params))

    def place(self, account: Account, params: Params) -> Any:
        """POST order."""
        if params.get("newClientOrderId"):
            self._venue.meters.client_id_asked(account.name, params["newClientOrderId"])
        order = self._exchange.place(account, self.ticket(params))
        return views.order(order, accepted_only=params.get("newOrderRespType", "ACK") != "RESULT")

    def place_batch(self, account: Account, params: Params) -> Any:
        """POST batchOrders: each item succeeds or fails for itself."""
        items = _json_list(params, "batchOrders")
        if not 1 <= len(items) <= MAX_BATCH_PLACE:
            raise Refused(Reason.TOO_MANY_ITEMS)
        answers: list[Any] = []
        for item in items:
            try:
                if not isinstance(item, dict):
                    raise Refused(Reason.ILLEGAL_PARAMETER, "batchOrders", "a list of objects")
                answers.append(self.place(account, {str(key): _text(value) for key, value in item.items()}))
            except Refused as refused:
                code, _, message = spelled(refused)
                answers.append({"code": code, "msg": message})
        return answers

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
        return [views.queried_order(one) for one in self._exchange.book.open_orders(account.name, params.get("symbol", ""))]

    def all_orders(self, account: Account, params: Params) -> Any:
        """GET allOrders, the latest `limit` (from `orderId` on, when given)."""
        symbol = self._exchange.market(_needed(params, "symbol")).instrument.symbol
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
        symbol = self._exchange.market(_needed(params, "symbol")).instrument.symbol
        folded = {name.lower(): value for name, value in params.items()}
        ids = _json_list(folded, "orderidlist", optional=True)
        client_ids = _json_list(folded, "origclientorderidlist", optional=True)
        wanted = [{"orderId": _text(one)} for one in ids] or [{"origClientOrderId": _text(one)} for one in client_ids]
        if not wanted:
            raise Refused(Reason.MISSING_PARAMETER, "orderIdList")
        if len(wanted) > MAX_BATCH_CANCEL:
            raise Refused(Reason.TOO_MANY_ITEMS)
        answers: list[Any] = []
        for one in wanted:
            try:
                answers.append(self.cancel(account, {"symbol": symbol, **one}))
            except Refused as refused:
                code, _, message = spelled(refused)
                answers.append({"code": code, "msg": message})
        return answers

    def cancel_all(self, account: Account, params: Params) -> Any:
        """DELETE allOpenOrders of a symbol."""
        self._exchange.cancel_all(account, self._exchange.market(_needed(params, "symbol")).instrument.symbol)
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _order(self, account: Account, params: Params, purpose: str) -> Order:
        symbol = self._exchange.market(_needed(params, "symbol")).instrument.symbol
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
        return views.account(self._exchange, account, version=version, lenient=self._venue.lenient)

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
        market = self._exchange.market(_needed(params, "symbol"))
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
        symbol = self._exchange.market(_needed(params, "symbol")).instrument.symbol
        return {"symbol": symbol, "makerCommissionRate": "0.000200", "takerCommissionRate": "0.000400"}

    # -- settings -------------------------------------------------------------------------------

    def symbol_config(self, account: Account, params: Params) -> Any:
        """GET symbolConfig."""
        symbols = [params["symbol"]] if params.get("symbol") else list(self._exchange.markets)
        return [
            {
                "symbol": self._exchange.market(symbol).instrument.symbol,
                "marginType": "ISOLATED" if account.position(symbol).margin_type == "isolated" else "CROSSED",
                "isAutoAddMargin": False,
                "leverage": account.position(symbol).leverage,
                "maxNotionalValue": "100000000",
            }
            for symbol in symbols
        ]

    def leverage(self, account: Account, params: Params) -> Any:
        """POST leverage."""
        instrument = self._exchange.market(_needed(params, "symbol")).instrument
        _needed(params, "leverage")
        leverage = whole(params, "leverage", 0, 0, 10_000)
        if not 1 <= leverage <= instrument.max_leverage:
            raise Refused(Reason.BAD_LEVERAGE, "leverage", str(leverage))
        account.position(instrument.symbol).leverage = leverage
        return {"symbol": instrument.symbol, "leverage": leverage, "maxNotionalValue": "100000000"}

    def margin_type(self, account: Account, params: Params) -> Any:
        """POST marginType."""
        instrument = self._exchange.market(_needed(params, "symbol")).instrument
        wanted = {"CROSSED": "cross", "ISOLATED": "isolated"}.get(_needed(params, "marginType"))
        if wanted is None:
            raise Refused(Reason.ILLEGAL_PARAMETER, "marginType", "CROSSED, ISOLATED")
        position = account.position(instrument.symbol)
        if position.margin_type == wanted:
            raise Refused(Reason.UNCHANGED_MARGIN_TYPE)
        position.margin_type = wanted
        return {"code": 200, "msg": "success"}

    def position_mode(self, _: Account, params: Params) -> Any:
        """POST positionSide/dual: this venue is one-way only."""
        _needed(params, "dualSidePosition")
        if _flag(params, "dualSidePosition"):
            raise Refused(Reason.UNSUPPORTED)
        raise Refused(Reason.UNCHANGED_POSITION_MODE)


def _needed(params: Params, name: str) -> str:
    value = params.get(name, "")
    if not value:
        raise Refused(Reason.MISSING_PARAMETER, name)
    return value


def _one_of(kind: Any, text: str, name: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise Refused(Reason.ILLEGAL_PARAMETER, name) from None


def _decimal(params: Params, name: str) -> Decimal:
    text = _needed(params, name)
    value = parse(text) if DECIMAL.fullmatch(text) else None
    if value is None:
        raise Refused(Reason.ILLEGAL_PARAMETER, name, DECIMAL_RANGE)
    return value


def _flag(params: Params, name: str) -> bool:
    text = params.get(name, "false").lower()
    if text not in ("true", "false"):
        raise Refused(Reason.ILLEGAL_PARAMETER, name, "true, false")
    return text == "true"


def _client_id(params: Params) -> str:
    text = params.get("newClientOrderId", "")
    if not text:
        return secrets.token_hex(11)
    if not CLIENT_ID.fullmatch(text):
        raise Refused(Reason.ILLEGAL_PARAMETER, "newClientOrderId")
    return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _json_list(params: Params, name: str, *, optional: bool = False) -> list[Any]:
    text = params.get(name, "")
    if not text and optional:
        return []
    try:
        value = json.loads(_needed(params, name))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise Refused(Reason.ILLEGAL_PARAMETER, name, "a JSON array")
    return value
