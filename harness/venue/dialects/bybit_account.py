"""Bybit's private REST beside orders: wallet, positions, account and settings."""

from __future__ import annotations

from collections.abc import Callable

from harness.venue.core.account import Account
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.bybit_answers import Result, lenient_scope, nothing, page
from harness.venue.dialects.bybit_params import Params
from harness.venue.dialects.bybit_views import Views
from harness.venue.venue import Venue

USER_ID = 24_600_000
MARGIN_MODES = {"REGULAR_MARGIN": "cross", "ISOLATED_MARGIN": "isolated"}


class AccountCalls:
    """Each method carries out one signed call on an account."""

    def __init__(self, venue: Venue, views: Views) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._views = views
        self.routes: dict[tuple[str, str], Callable[[Account, Params], Result]] = {
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
            return nothing(params)
        symbol = lenient_scope(self._venue, params)
        if symbol:
            held = [account.position(symbol)]
        else:
            held = [one for one in account.positions.values() if one.size and symbol is not None]
        return page(params, held, lambda one: self._views.position(account, one), 200)

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
