"""Gate's private REST: balance, positions and settings."""

from __future__ import annotations

from harness.venue.core.account import Account
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.gate_market import FUTURES, PublicCalls
from harness.venue.dialects.gate_orders import Outcome, Route
from harness.venue.dialects.gate_params import Asked, decimal, one_of, text
from harness.venue.dialects.gate_views import Views, contract, user_id
from harness.venue.venue import Venue


class AccountCalls:
    """Each route carries out one signed call on an account; {} stands for a variable part of the path."""

    def __init__(self, venue: Venue, public: PublicCalls, views: Views) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._public = public
        self._views = views
        self.routes: dict[tuple[str, str], Route] = {
            ("GET", f"{FUTURES}accounts"): lambda account, _: (200, views.account(account)),
            ("GET", f"{FUTURES}positions"): self.positions,
            ("GET", f"{FUTURES}positions/{{}}"): self.position,
            ("POST", f"{FUTURES}positions/{{}}/leverage"): self.leverage,
            ("POST", f"{FUTURES}dual_mode"): self.dual_mode,
            ("GET", f"{FUTURES}fee"): self.fees,
            ("GET", "/api/v4/account/detail"): self.detail,
        }

    def detail(self, account: Account, _: Asked) -> Outcome:
        """GET account/detail: a classic account, no unified one."""
        key = {"mode": 1}
        return 200, {
            "user_id": user_id(account.name), "ip_whitelist": [], "currency_pairs": [], "key": key, "tier": 0,
            "copy_trading_role": 0,
        }  # fmt: skip

    def fees(self, _: Account, asked: Asked) -> Outcome:
        """GET fee, by contract."""
        only = self._public.symbol_or_all(asked.query)
        instruments = [one.instrument for one in self._exchange.markets.values()]
        rates = {"taker_fee": "0.0004", "maker_fee": "0.0002"}
        return 200, {contract(one): rates for one in instruments if only in ("", one.symbol)}

    def positions(self, account: Account, asked: Asked) -> Outcome:
        """GET positions: all that there ever were, closed ones with size 0 unless `holding` says otherwise."""
        held_only = text(asked.query, "holding") == "true"
        held = [one for one in account.positions.values() if one.size or (one.created_ms and not held_only)]
        return 200, [self._views.position(account, one) for one in held]

    def position(self, account: Account, asked: Asked) -> Outcome:
        """GET positions/{contract}, flat or not."""
        symbol = self._public.market_of(asked.tail).instrument.symbol
        return 200, self._views.position(account, account.position(symbol))

    def leverage(self, account: Account, asked: Asked) -> Outcome:
        """POST positions/{contract}/leverage: above 0 isolated; 0 is cross, up to cross_leverage_limit."""
        instrument = self._public.market_of(asked.tail).instrument
        wanted, cross = decimal(asked.query, "leverage"), text(asked.query, "cross_leverage_limit")
        position = account.position(instrument.symbol)
        limit = decimal(asked.query, "cross_leverage_limit") if cross else wanted
        leverage = wanted or limit
        if 0 < leverage < 1:
            raise Refused(Reason.BAD_LEVERAGE, "low", str(leverage))
        if leverage > instrument.max_leverage:
            raise Refused(Reason.BAD_LEVERAGE, "", str(leverage))
        if leverage != int(leverage):
            raise Refused(Reason.ILLEGAL_PARAMETER, "leverage", str(leverage))
        position.margin_type = "isolated" if wanted else "cross"
        position.leverage = int(leverage) or position.leverage
        return 200, self._views.position(account, position)

    def dual_mode(self, account: Account, asked: Asked) -> Outcome:
        """POST dual_mode: this venue is one-way only."""
        # The venue's own SDK writes True and False.
        if one_of(asked.query, "dual_mode", ("true", "false", "True", "False")).lower() == "true":
            raise Refused(Reason.UNSUPPORTED, "dual_mode")
        return 200, self._views.account(account)
