"""Bitget's private REST about the account: balances, positions and settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.venue.core.account import Account
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import bitget_params as asked
from harness.venue.dialects import bitget_rows as rows
from harness.venue.dialects import bitget_views as views
from harness.venue.dialects.bitget_modes import PositionModes
from harness.venue.dialects.bitget_params import Params
from harness.venue.dialects.bitget_rows import Rows
from harness.venue.venue import Venue

ACC, POS = "/api/v2/mix/account", "/api/v2/mix/position"
MODES = {one: one for one in (views.ONE_WAY, views.HEDGE)}


class AccountCalls:
    """Each method carries out one signed call on an account."""

    def __init__(self, venue: Venue, modes: PositionModes, allowed: Rows) -> None:
        self._exchange = venue.exchange
        self._modes = modes
        self._rows = allowed
        self.routes: dict[tuple[str, str], Callable[[Account, Params], Any]] = {
            ("GET", f"{ACC}/accounts"): self.accounts,
            ("GET", f"{ACC}/account"): self.account,
            ("GET", f"{POS}/all-position"): self.positions,
            ("GET", f"{POS}/single-position"): self.position,
            ("POST", f"{ACC}/set-leverage"): self.leverage,
            ("POST", f"{ACC}/set-margin-mode"): self.margin_mode,
            ("POST", f"{ACC}/set-position-mode"): self.position_mode,
        }

    def accounts(self, account: Account, params: Params) -> Any:
        """GET accounts."""
        if not asked.product(params):
            return []
        return [views.account(self._exchange, account, lenient=self._rows.taken(rows.ACCOUNT))]

    def account(self, account: Account, params: Params) -> Any:
        """GET account: the same with a symbol's settings."""
        asked.margin_coin(params)
        given = asked.text(params, "symbol")
        if self._rows.taken(rows.ACCOUNT, odd=not given):
            asked.product(params)
            given = next(iter(self._exchange.markets))
        position = account.position(asked.symbol(self._exchange, {**params, "symbol": given}))
        leverage = position.leverage
        lenient = self._rows.taken(rows.ACCOUNT)
        shown = views.account(self._exchange, account, lenient=lenient)
        return shown | {
            "crossedMarginLeverage": str(leverage) if lenient else leverage,
            "isolatedLongLever": leverage,
            "isolatedShortLever": leverage,
            "marginMode": views.margin_mode(position),
            "posMode": self._modes.of(account.name),
        }

    def positions(self, account: Account, params: Params) -> Any:
        """GET all-position: what is not flat."""
        if asked.text(params, "marginCoin"):
            asked.margin_coin(params)
        if not asked.product(params):
            return []
        mode = self._modes.of(account.name)
        held = [one for one in account.positions.values() if one.size]
        lenient = self._rows.taken(rows.POSITIONS, odd=bool(held))
        return [views.position(self._exchange, account, one, mode, lenient=lenient) for one in held]

    def position(self, account: Account, params: Params) -> Any:
        """GET single-position, an empty list when it is flat."""
        if self._rows.taken(rows.POSITIONS, odd=not asked.text(params, "symbol")):
            return self.positions(account, params)
        symbol = asked.symbol(self._exchange, params)
        asked.margin_coin(params)
        return [one for one in self.positions(account, params) if one["symbol"] == symbol]

    # -- settings -------------------------------------------------------------------------------

    def leverage(self, account: Account, params: Params) -> Any:
        """POST set-leverage."""
        instrument = self._exchange.market(asked.symbol(self._exchange, params)).instrument
        asked.margin_coin(params)
        asked.needed(params, "leverage")
        leverage = asked.whole(params, "leverage", 0, 0, 10_000)
        if not 1 <= leverage <= instrument.max_leverage:
            raise Refused(Reason.BAD_LEVERAGE, "leverage", str(leverage))
        position = account.position(instrument.symbol)
        position.leverage = leverage
        word = str(leverage)
        return {
            "symbol": instrument.symbol, "marginCoin": instrument.quote, "longLeverage": word, "shortLeverage": word,
            "crossMarginLeverage": word, "marginMode": views.margin_mode(position),
        }  # fmt: skip

    def margin_mode(self, account: Account, params: Params) -> Any:
        """POST set-margin-mode: only while there is neither position nor order; unchanged is no error."""
        symbol = asked.symbol(self._exchange, params)
        asked.margin_coin(params)
        wanted = asked.choice(params, "marginMode", asked.MARGIN_MODES)
        position = account.position(symbol)
        if position.margin_type != wanted:
            if position.size or self._exchange.book.open_orders(account.name, symbol):
                raise Refused(Reason.UNSUPPORTED, "held")
            position.margin_type = wanted
        word = str(position.leverage)
        return {
            "symbol": symbol, "marginCoin": "USDT", "longLeverage": word, "shortLeverage": word,
            "marginMode": views.margin_mode(position),
        }  # fmt: skip

    def position_mode(self, account: Account, params: Params) -> Any:
        """POST set-position-mode: only while there is neither position nor order; unchanged is no error."""
        asked.product(params)
        wanted = asked.choice(params, "posMode", MODES)
        if wanted != self._modes.of(account.name):
            held = any(one.size for one in account.positions.values())
            if held or self._exchange.book.open_orders(account.name):
                raise Refused(Reason.UNSUPPORTED, "held")
            self._modes.choose(account.name, wanted)
        return {"posMode": wanted}
