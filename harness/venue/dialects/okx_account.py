"""OKX's private REST: balance, positions, leverage and the other settings of an account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.venue.core.account import Account
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import okx_views as views
from harness.venue.dialects.okx_market import INST_TYPES, MODES, PublicCalls
from harness.venue.dialects.okx_outcome import Outcome
from harness.venue.dialects.okx_params import Params, decimal, needed, object_of, one_of, text
from harness.venue.venue import Venue


class AccountCalls:
    """Each method carries out one signed call on an account."""

    def __init__(self, venue: Venue, public: PublicCalls) -> None:
        self._exchange = venue.exchange
        self._public = public
        self.gets: dict[str, Callable[[Account, Params], list[Any]]] = {
            "/api/v5/account/balance": self.balance,
            "/api/v5/account/positions": self.positions,
            "/api/v5/account/config": self.config,
            "/api/v5/account/leverage-info": self.leverage_info,
            "/api/v5/account/trade-fee": self.trade_fee,
            # Asked for by general clients of the whole venue: nothing but the swaps is simulated.
            "/api/v5/asset/currencies": lambda *_: [],
            "/api/v5/asset/balances": lambda *_: [],
        }
        self.posts: dict[str, Callable[[Account, Any], Outcome]] = {
            "/api/v5/account/set-leverage": lambda account, body: Outcome(self.set_leverage(account, object_of(body))),
            "/api/v5/account/set-position-mode": lambda _, body: Outcome(self.set_position_mode(object_of(body))),
        }

    def balance(self, account: Account, params: Params) -> list[Any]:
        """GET balance."""
        wanted = text(params, "ccy")
        return [views.balance(self._exchange, account, coins=not wanted or "USDT" in wanted.split(","))]

    def positions(self, account: Account, params: Params) -> list[Any]:
        """GET positions: those that are open."""
        if text(params, "instType") and one_of(params, "instType", INST_TYPES) != views.SWAP:
            return []
        ids = [one for one in text(params, "instId").split(",") if one]
        symbols = [self._public.market_of(one).instrument.symbol for one in ids] or list(self._exchange.markets)
        positions = [account.position(symbol) for symbol in symbols]
        return [views.position(self._exchange, account, one) for one in positions if one.size]

    def config(self, account: Account, _: Params) -> list[Any]:
        """GET config."""
        number = views.number_of(account.name)
        return [
            {
                "uid": number,
                "mainUid": number,
                "label": account.name,
                "acctLv": "2",
                "posMode": "net_mode",
                "autoLoan": False,
                "ctIsoMode": "automatic",
                "mgnIsoMode": "automatic",
                "greeksType": "PA",
                "level": "Lv1",
                "levelTmp": "",
                "perm": "read_only,trade",
                "ip": "",
                "type": "0",
                "spotOffsetType": "",
                "roleType": "0",
            }
        ]

    def leverage_info(self, account: Account, params: Params) -> list[Any]:
        """GET leverage-info."""
        mode = one_of(params, "mgnMode", MODES)
        return [
            {"instId": one, "mgnMode": mode, "posSide": "net", "ccy": "", "lever": str(self._leverage(account, one))}
            for one in needed(params, "instId").split(",")
        ]

    def _leverage(self, account: Account, inst_id: str) -> int:
        return account.position(self._public.market_of(inst_id).instrument.symbol).leverage

    def trade_fee(self, _: Account, params: Params) -> list[Any]:
        """GET trade-fee: what the core takes."""
        maker, taker = "-0.0002", "-0.0004"
        return [
            {
                "instType": one_of(params, "instType", INST_TYPES),
                "level": "Lv1",
                "category": "1",
                "maker": maker,
                "taker": taker,
                "makerU": maker,
                "takerU": taker,
                "makerUSDC": "",
                "takerUSDC": "",
                "delivery": "",
                "exercise": "",
                "ts": str(self._exchange.now_ms()),
            }
        ]

    def set_leverage(self, account: Account, params: Params) -> list[Any]:
        """POST set-leverage."""
        instrument = self._public.market(params).instrument
        mode = one_of(params, "mgnMode", MODES)
        leverage = decimal(params, "lever")
        if not 1 <= leverage <= instrument.max_leverage or leverage % 1:
            raise Refused(Reason.BAD_LEVERAGE, "lever", str(leverage))
        account.position(instrument.symbol).leverage = int(leverage)
        return [{"lever": str(int(leverage)), "mgnMode": mode, "instId": views.inst_id(instrument), "posSide": "net"}]

    def set_position_mode(self, params: Params) -> list[Any]:
        """POST set-position-mode: this venue is one-way only."""
        if one_of(params, "posMode", ("net_mode", "long_short_mode")) != "net_mode":
            raise Refused(Reason.UNSUPPORTED)
        return [{"posMode": "net_mode"}]
