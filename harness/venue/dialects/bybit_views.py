"""How bybit shows the core's orders, fills, positions, wallets and tickers: field names, types and places."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from harness.venue.core.account import Account, Position
from harness.venue.core.decimals import ZERO, canonical, fixed, money
from harness.venue.core.exchange import MAKER_FEE, TAKER_FEE
from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.instruments import Instrument
from harness.venue.core.market import FUNDING_PERIOD_MS, Market
from harness.venue.core.orders import Fill, Force, Kind, Order, Side, Status
from harness.venue.dialects.bybit_ids import number_of, uuid_of
from harness.venue.dialects.liquidation import liquidation_price
from harness.venue.venue import Venue

Json = dict[str, Any]
NUMERIC_ROW = "bybit orderId"
MAX_DIGITS = 19
SIDES = {Side.BUY: "Buy", Side.SELL: "Sell"}
KINDS = {Kind.LIMIT: "Limit", Kind.MARKET: "Market"}
FORCES = {Force.GTC: "GTC", Force.IOC: "IOC", Force.FOK: "FOK", Force.GTX: "PostOnly"}
STATUSES = {
    Status.NEW: "New",
    Status.PARTIALLY_FILLED: "PartiallyFilled",
    Status.FILLED: "Filled",
    # PartiallyFilledCanceled is a spot status: a contract order that ends half filled is Cancelled.
    Status.CANCELED: "Cancelled",
    Status.EXPIRED: "Cancelled",
}
REASONS = {
    Force.GTX: "EC_PostOnlyWillTakeLiquidity",
    Force.IOC: "EC_NoImmediateQtyToFill",
    Force.FOK: "EC_NoImmediateQtyToFill",
}
"""Why the venue itself ended an order."""


def price(value: Decimal, instrument: Instrument) -> str:
    """At least the tick's places, more where the value needs them."""
    text = canonical(value)
    return text if len(text.partition(".")[2]) > instrument.price_places else fixed(value, instrument.price_places)


def qty(value: Decimal, instrument: Instrument) -> str:
    """With the places of the instrument's step."""
    return fixed(value, instrument.qty_places)


def usdt(value: Decimal) -> str:
    """Eight decimals."""
    return fixed(value, 8)


class Views:
    """Renders for one venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._numbers_told = False
        """Ids went out as numbers, so they are understood when they come back."""

    def order_id(self, number: int, where: Scope | None = None) -> str:
        """As clients see it at `where`, by default in the answer to the request that is being carried out."""
        faults = self._venue.faults
        numeric = self._venue.allows(NUMERIC_ROW)
        if faults.standing:
            place = where or faults.request
            numeric ^= faults.fires(FaultKind.FIELD_FORM, place, f"order {number}", ("other_id",)) is not None
        self._numbers_told |= numeric
        return str(number) if numeric else uuid_of(number)

    def number_of(self, text: str) -> int | None:
        """The order that a client names, None when the text names none."""
        if text.isascii() and text.isdigit() and len(text) < MAX_DIGITS:
            if self._venue.allows(NUMERIC_ROW):
                self._venue.meters.lenient_uses[NUMERIC_ROW] += 1
                return int(text)
            return int(text) if self._numbers_told else None
        return number_of(text)

    def order(self, one: Order, where: Scope | None = None) -> Json:
        """ORDER."""
        instrument, ticket = one.instrument, one.ticket
        leaves = one.remaining if one.status.is_open else ZERO
        return {
            "symbol": one.symbol,
            "orderId": self.order_id(one.order_id, where),
            "orderLinkId": one.client_id,
            "orderType": KINDS[ticket.kind],
            "side": SIDES[ticket.side],
            "price": price(ticket.price, instrument) if ticket.price else "0",
            "qty": qty(ticket.qty, instrument),
            "timeInForce": FORCES[ticket.force],
            "orderStatus": STATUSES[one.status],
            "avgPrice": price(one.average, instrument) if one.executed else "",
            "leavesQty": qty(leaves, instrument),
            "leavesValue": canonical(leaves * ticket.price),
            "cumExecQty": qty(one.executed, instrument),
            "cumExecValue": canonical(one.quote_executed),
            "cumExecFee": canonical(one.fees),
            "cumFeeDetail": {instrument.quote: canonical(one.fees)} if one.fees else {},
            "rejectReason": REASONS.get(ticket.force, "EC_NoError") if one.ended_by_venue else "EC_NoError",
            "cancelType": "CancelByUser" if one.status is Status.CANCELED and not one.ended_by_venue else "UNKNOWN",
            "reduceOnly": ticket.reduce_only,
            "closeOnTrigger": False,
            "positionIdx": 0,
            "createType": "CreateByUser",
            "createdTime": str(one.created_ms),
            "updatedTime": str(one.updated_ms),
            "isLeverage": "",
            "blockTradeId": "",
            "orderIv": "",
            "stopOrderType": "",
            "triggerPrice": "",
            "triggerDirection": 0,
            "triggerBy": "",
            "takeProfit": "",
            "stopLoss": "",
            "tpTriggerBy": "",
            "slTriggerBy": "",
            "tpslMode": "",
            "tpLimitPrice": "",
            "slLimitPrice": "",
            "lastPriceOnCreated": "",
            "placeType": "",
            "smpType": "None",
            "smpGroup": 0,
            "smpOrderId": "",
        }

    def fill(self, one: Fill, order: Order | None, where: Scope | None = None) -> Json:
        """One of execution/list; `order` None when it was forgotten already."""
        instrument = self._exchange.markets[one.symbol].instrument
        leaves = ZERO
        if order is not None:
            done = [fill.qty for fill in order.fills if fill.trade_id <= one.trade_id]
            leaves = order.ticket.qty - sum(done, ZERO)
        return {
            "symbol": one.symbol,
            "execId": uuid_of(one.trade_id),
            "orderId": self.order_id(one.order_id, where),
            "orderLinkId": order.client_id if order is not None else "",
            "orderPrice": price(order.ticket.price, instrument) if order is not None and order.ticket.price else "0",
            "orderQty": qty(order.ticket.qty, instrument) if order is not None else "0",
            "orderType": KINDS[order.ticket.kind] if order is not None else "UNKNOWN",
            "stopOrderType": "UNKNOWN",
            "side": SIDES[one.side],
            "execPrice": price(one.price, instrument),
            "execQty": qty(one.qty, instrument),
            "execValue": canonical(one.price * one.qty),
            "execFee": canonical(one.fee),
            "feeRate": canonical(MAKER_FEE if one.maker else TAKER_FEE),
            "feeCurrency": instrument.quote,
            "execType": "Trade",
            "execTime": str(one.t_ms),
            "isMaker": one.maker,
            "leavesQty": qty(leaves, instrument),
            "closedSize": "",
            "markPrice": "",
            "indexPrice": "",
            "underlyingPrice": "",
            "markIv": "",
            "tradeIv": "",
            "blockTradeId": "",
            "createType": "CreateByUser",
            "seq": one.trade_id,
        }

    def position(self, owner: Account, one: Position) -> Json:
        """One of position/list; flat: size 0 and side empty."""
        market = self._exchange.markets[one.symbol]
        instrument = market.instrument
        liquidation = liquidation_price(self._exchange, owner, one)
        side = SIDES[Side.BUY if one.size > 0 else Side.SELL] if one.size else ""
        return {
            "positionIdx": 0,
            "riskId": 1,
            "riskLimitValue": "2000000",
            "symbol": one.symbol,
            "side": side,
            "size": qty(abs(one.size), instrument) if one.size else "0",
            "avgPrice": price(one.entry, instrument) if one.size else "0",
            "positionValue": canonical(abs(one.cost)),
            "tradeMode": 1 if one.margin_type == "isolated" else 0,
            "autoAddMargin": 0,
            "positionStatus": "Normal",
            "leverage": str(one.leverage),
            "markPrice": price(market.mark, instrument),
            "liqPrice": "" if liquidation is None else price(liquidation, instrument),
            "bustPrice": "",
            "positionIM": usdt(one.initial_margin(market.mark)),
            "positionMM": usdt(self._exchange.maintenance(one)),
            "positionBalance": usdt(one.initial_margin(market.mark)),
            "tpslMode": "Full",
            "takeProfit": "",
            "stopLoss": "",
            "trailingStop": "0",
            "unrealisedPnl": usdt(one.unrealised(market.mark)),
            "curRealisedPnl": usdt(one.realised),
            "cumRealisedPnl": usdt(one.realised),
            "createdTime": str(one.created_ms or owner.updated_ms),
            "updatedTime": str(one.updated_ms or owner.updated_ms),
            "adlRankIndicator": 1 if one.size else 0,
            "isReduceOnly": False,
            "leverageSysUpdatedTime": "",
            "mmrSysUpdatedTime": "",
            "seq": one.updated_ms,
        }

    def wallet(self, one: Account) -> Json:
        """One of wallet-balance."""
        exchange = self._exchange
        unrealised, initial = exchange.unrealised(one), exchange.position_margin(one)
        equity, available = one.wallet + unrealised, exchange.available(one)
        maintenance = sum((exchange.maintenance(held) for held in one.positions.values() if held.size), ZERO)
        realised = sum((held.realised for held in one.positions.values()), ZERO)
        coin = {
            "coin": "USDT",
            "equity": usdt(equity),
            "usdValue": usdt(equity),
            "walletBalance": usdt(one.wallet),
            "availableToWithdraw": usdt(available),
            "availableToBorrow": "",
            "borrowAmount": "0",
            "accruedInterest": "0",
            "bonus": "0",
            "locked": "0",
            "spotHedgingQty": "0",
            "totalOrderIM": usdt(one.reserved),
            "totalPositionIM": usdt(initial),
            "totalPositionMM": usdt(maintenance),
            "unrealisedPnl": usdt(unrealised),
            "cumRealisedPnl": usdt(realised),
            "marginCollateral": True,
            "collateralSwitch": True,
        }
        return {
            "accountType": "UNIFIED",
            "accountIMRate": _rate(initial + one.reserved, equity),
            "accountMMRate": _rate(maintenance, equity),
            "accountLTV": "0",
            "totalEquity": usdt(equity),
            "totalWalletBalance": usdt(one.wallet),
            "totalMarginBalance": usdt(equity),
            "totalAvailableBalance": usdt(available),
            "totalPerpUPL": usdt(unrealised),
            "totalInitialMargin": usdt(initial + one.reserved),
            "totalMaintenanceMargin": usdt(maintenance),
            "coin": [coin],
        }


def _rate(part: Decimal, whole: Decimal) -> str:
    return fixed(part / whole, 4) if whole > 0 else "0"


def ticker(market: Market, now_ms: int) -> Json:
    """One of tickers, REST and the snapshot of the stream alike."""
    one = market.instrument
    return {
        "symbol": one.symbol,
        "lastPrice": price(market.last, one),
        "indexPrice": price(market.mark, one),
        "markPrice": price(market.mark, one),
        "prevPrice24h": price(market.open, one),
        "price24hPcnt": change(market),
        "highPrice24h": price(market.high, one),
        "lowPrice24h": price(market.low, one),
        "prevPrice1h": price(market.open, one),
        "openInterest": qty(market.open_interest, one),
        "openInterestValue": canonical(money(market.open_interest * market.mark)),
        "turnover24h": canonical(market.turnover),
        "volume24h": qty(market.volume, one),
        "fundingRate": canonical(market.funding_rate),
        "nextFundingTime": str(market.next_funding_ms(now_ms)),
        "fundingIntervalHour": str(FUNDING_PERIOD_MS // 3_600_000),
        "predictedDeliveryPrice": "",
        "basisRate": "",
        "basis": "",
        "deliveryFeeRate": "",
        "deliveryTime": "0",
        "bid1Price": price(market.bid, one),
        "bid1Size": qty(market.top_qty, one),
        "ask1Price": price(market.ask, one),
        "ask1Size": qty(market.top_qty, one),
    }


def change(market: Market) -> str:
    """Of the day, as a fraction."""
    return fixed((market.last - market.open) / market.open, 6)


def levels(market: Market, side: Side, depth: int) -> list[list[str]]:
    """One side of the book as [price, quantity]."""
    one = market.instrument
    return [[price(value, one), qty(amount, one)] for value, amount in market.levels(side, depth)]
