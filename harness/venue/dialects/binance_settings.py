"""Binance's private REST: leverage, margin type and position mode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.venue.core.account import Account
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects.binance_params import Params, flag, needed, whole
from harness.venue.venue import Venue


class SettingCalls:
    """Each method carries out one signed call on an account's settings."""

    def __init__(self, venue: Venue) -> None:
        self._exchange = venue.exchange
        self.routes: dict[tuple[str, str], Callable[[Account, Params], Any]] = {
            ("GET", "/fapi/v1/symbolConfig"): self.symbol_config,
            ("POST", "/fapi/v1/leverage"): self.leverage,
            ("POST", "/fapi/v1/marginType"): self.margin_type,
            ("POST", "/fapi/v1/positionSide/dual"): self.position_mode,
            ("GET", "/fapi/v1/positionSide/dual"): lambda *_: {"dualSidePosition": False},
            ("GET", "/fapi/v1/multiAssetsMargin"): lambda *_: {"multiAssetsMargin": False},
        }

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
        instrument = self._exchange.market(needed(params, "symbol")).instrument
        needed(params, "leverage")
        leverage = whole(params, "leverage", 0, 0, 10_000)
        if not 1 <= leverage <= instrument.max_leverage:
            raise Refused(Reason.BAD_LEVERAGE, "leverage", str(leverage))
        account.position(instrument.symbol).leverage = leverage
        return {"symbol": instrument.symbol, "leverage": leverage, "maxNotionalValue": "100000000"}

    def margin_type(self, account: Account, params: Params) -> Any:
        """POST marginType."""
        instrument = self._exchange.market(needed(params, "symbol")).instrument
        wanted = {"CROSSED": "cross", "ISOLATED": "isolated"}.get(needed(params, "marginType"))
        if wanted is None:
            raise Refused(Reason.ILLEGAL_PARAMETER, "marginType", "CROSSED, ISOLATED")
        position = account.position(instrument.symbol)
        if position.margin_type == wanted:
            raise Refused(Reason.UNCHANGED_MARGIN_TYPE)
        position.margin_type = wanted
        return {"code": 200, "msg": "success"}

    def position_mode(self, _: Account, params: Params) -> Any:
        """POST positionSide/dual: this venue is one-way only."""
        needed(params, "dualSidePosition")
        if flag(params, "dualSidePosition"):
            raise Refused(Reason.UNSUPPORTED)
        raise Refused(Reason.UNCHANGED_POSITION_MODE)
