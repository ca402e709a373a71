"""How binance shows the core's orders, positions, accounts and markets: field names, types and places."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from harness.venue.core.account import Account, Position
from harness.venue.core.candles import INTERVALS_MS, Candle
from harness.venue.core.decimals import ZERO, canonical, fixed, floor_to
from harness.venue.core.exchange import Exchange
from harness.venue.core.instruments import Instrument
from harness.venue.core.market import Market
from harness.venue.core.orders import Fill, Order

Json = dict[str, Any]


def money(value: Decimal) -> str:
    """Eight decimals."""
    return fixed(value, 8)


def price(value: Decimal, instrument: Instrument) -> str:
    """With the places of the instrument's tick."""
    return fixed(value, instrument.price_places)


def qty(value: Decimal, instrument: Instrument) -> str:
    """With the places of the instrument's step."""
    return fixed(value, instrument.qty_places)


def order(one: Order, *, status: str = "", accepted_only: bool = False) -> Json:
    """ORDER; `accepted_only`: as it was when it was accepted (newOrderRespType=ACK)."""
    instrument, ticket = one.instrument, one.ticket
    executed = ZERO if accepted_only else one.executed
    quote = ZERO if accepted_only else one.quote_executed
    return {
        "orderId": one.order_id,
        "symbol": one.symbol,
        "status": "NEW" if accepted_only else status or one.status.value,
        "clientOrderId": one.client_id,
        "price": price(ticket.price, instrument),
        "avgPrice": canonical_price(ZERO if accepted_only else one.average, instrument),
        "origQty": qty(ticket.qty, instrument),
        "executedQty": qty(executed, instrument),
        "cumQty": qty(executed, instrument),
        "cumQuote": canonical(quote),
        "timeInForce": ticket.force.value,
        "type": ticket.kind.value,
        "reduceOnly": ticket.reduce_only,
        "closePosition": False,
        "side": ticket.side.value,
        "positionSide": "BOTH",
        "stopPrice": "0",
        "workingType": "CONTRACT_PRICE",
        "priceProtect": False,
        "origType": ticket.kind.value,
        "priceMatch": "NONE",
        "selfTradePreventionMode": "NONE",
        "goodTillDate": 0,
        "updateTime": one.updated_ms,
    }


def queried_order(one: Order) -> Json:
    """ORDER with its creation time."""
    return {**order(one), "time": one.created_ms}


def canonical_price(value: Decimal, instrument: Instrument) -> str:
    """An average: at least the tick's places, more where it needs them."""
    text = canonical(value)
    return text if len(text.partition(".")[2]) > instrument.price_places else price(value, instrument)


def fill(one: Fill, instrument: Instrument) -> Json:
    """One of userTrades."""
    return {
        "symbol": one.symbol,
        "id": one.trade_id,
        "orderId": one.order_id,
        "side": one.side.value,
        "price": price(one.price, instrument),
        "qty": qty(one.qty, instrument),
        "realizedPnl": money(one.realised),
        "quoteQty": canonical(one.price * one.qty),
        "commission": money(one.fee),
        "commissionAsset": instrument.quote,
        "time": one.t_ms,
        "positionSide": "BOTH",
        "buyer": one.side.value == "BUY",
        "maker": one.maker,
    }


def account(exchange: Exchange, one: Account, *, version: int, lenient: bool) -> Json:
    """The account of v2 (every symbol) or v3 (only what is not flat)."""
    unrealised, initial = exchange.unrealised(one), exchange.position_margin(one)
    open_orders, available = one.reserved, exchange.available(one)
    held = [position for position in one.positions.values() if position.size]
    maintenance = sum((exchange.maintenance(position) for position in held), ZERO)
    margin = one.wallet + unrealised
    asset = {
        "asset": "USDT",
        "walletBalance": money(one.wallet),
        "unrealizedProfit": money(unrealised),
        "marginBalance": money(margin),
        "maintMargin": money(maintenance),
        "initialMargin": money(initial + open_orders),
        "positionInitialMargin": money(initial),
        "openOrderInitialMargin": money(open_orders),
        "crossWalletBalance": money(one.wallet),
        "crossUnPnl": money(unrealised),
        "availableBalance": money(available),
        "maxWithdrawAmount": money(min(available, max(one.wallet, ZERO))),
        "marginAvailable": True,
        "updateTime": one.updated_ms,
    }
    shown = held if version == 3 else [one.position(symbol) for symbol in exchange.markets]
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": True,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        "updateTime": 0,
        "totalInitialMargin": money(initial + open_orders),
        "totalMaintMargin": money(maintenance),
        "totalWalletBalance": money(one.wallet),
        "totalUnrealizedProfit": money(unrealised),
        "totalMarginBalance": money(margin),
        "totalPositionInitialMargin": money(initial),
        "totalOpenOrderInitialMargin": money(open_orders),
        "totalCrossWalletBalance": money(one.wallet),
        "totalCrossUnPnl": money(unrealised),
        "availableBalance": money(available),
        "maxWithdrawAmount": asset["maxWithdrawAmount"],
        "assets": [asset],
        "positions": [_account_position(exchange, position, version, lenient) for position in shown],
    }


def _account_position(exchange: Exchange, one: Position, version: int, lenient: bool) -> Json:
    market = exchange.markets[one.symbol]
    instrument = market.instrument
    initial = one.initial_margin(market.mark)
    view: Json = {
        "symbol": one.symbol,
        "positionSide": "BOTH",
        "positionAmt": qty(one.size, instrument),
        "entryPrice": canonical_price(one.entry, instrument),
        "unrealizedProfit": money(one.unrealised(market.mark)),
        "isolated": one.margin_type == "isolated",
        "isolatedMargin": money(isolated_margin(one, market)),
        "isolatedWallet": "0",
        "notional": money(one.size * market.mark),
        "initialMargin": money(initial),
        "positionInitialMargin": money(initial),
        "openOrderInitialMargin": "0",
        "maintMargin": money(exchange.maintenance(one)),
        "leverage": str(one.leverage),
        "updateTime": one.updated_ms,
    }
    if version == 2 and lenient:
        view |= {
            "markPrice": price(market.mark, instrument),
            "unRealizedProfit": view["unrealizedProfit"],
            "marginType": one.margin_type,
            "liquidationPrice": liquidation(exchange, one),
        }
    return view


def isolated_margin(one: Position, market: Market) -> Decimal:
    """Margin set aside for an isolated position, 0 for a cross one."""
    return one.initial_margin(market.mark) if one.margin_type == "isolated" else ZERO


def liquidation(exchange: Exchange, one: Position) -> str:
    """Price at which the margin balance would fall to the maintenance margin, 0 when there is none."""
    if not one.size:
        return "0"
    owner = next(account for account in exchange.accounts.values() if account.positions.get(one.symbol) is one)
    market = exchange.markets[one.symbol]
    rate = market.instrument.maintenance_rate
    cushion = owner.wallet + exchange.unrealised(owner) - exchange.maintenance(one)
    found = market.mark - cushion / (one.size * (1 - rate * (1 if one.size > 0 else -1)))
    return price(floor_to(found, market.instrument.tick), market.instrument) if found > 0 else "0"


def position_risk(exchange: Exchange, one: Position, *, version: int) -> Json:
    """One of positionRisk."""
    market = exchange.markets[one.symbol]
    instrument = market.instrument
    initial = one.initial_margin(market.mark)
    view: Json = {
        "symbol": one.symbol,
        "positionSide": "BOTH",
        "positionAmt": qty(one.size, instrument),
        "entryPrice": canonical_price(one.entry, instrument),
        "breakEvenPrice": canonical_price(one.entry, instrument),
        "markPrice": price(market.mark, instrument),
        "unRealizedProfit": money(one.unrealised(market.mark)),
        "liquidationPrice": liquidation(exchange, one),
        "isolatedMargin": money(isolated_margin(one, market)),
        "notional": money(one.size * market.mark),
        "marginAsset": instrument.quote,
        "isolatedWallet": "0",
        "initialMargin": money(initial),
        "maintMargin": money(exchange.maintenance(one)),
        "positionInitialMargin": money(initial),
        "openOrderInitialMargin": "0",
        "adl": 1 if one.size else 0,
        "bidNotional": "0",
        "askNotional": "0",
        "updateTime": one.updated_ms,
    }
    if version == 2:
        view |= {
            "leverage": str(one.leverage),
            "marginType": one.margin_type,
            "maxNotionalValue": "100000000",
            "isAutoAddMargin": "false",
        }
    return view


def day(market: Market, now_ms: int) -> Json:
    """One of ticker/24hr."""
    one = market.instrument
    change = market.last - market.open
    return {
        "symbol": one.symbol,
        "priceChange": price(change, one),
        "priceChangePercent": fixed(change / market.open * 100, 3),
        "weightedAvgPrice": price(market.turnover / market.volume, one),
        "lastPrice": price(market.last, one),
        "lastQty": qty(market.trades[-1].qty, one),
        "openPrice": price(market.open, one),
        "highPrice": price(market.high, one),
        "lowPrice": price(market.low, one),
        "volume": qty(market.volume, one),
        "quoteVolume": canonical(market.turnover),
        "openTime": now_ms - 86_400_000,
        "closeTime": now_ms,
        "firstId": market.first_trade_id,
        "lastId": market.last_trade_id,
        "count": market.trade_count,
    }


def kline(one: Candle, interval: str, instrument: Instrument) -> list[Any]:
    """One row of klines."""
    half = floor_to(one.volume / 2, instrument.step)
    return [
        one.open_ms,
        price(one.open, instrument),
        price(one.high, instrument),
        price(one.low, instrument),
        price(one.close, instrument),
        qty(one.volume, instrument),
        one.open_ms + INTERVALS_MS[interval] - 1,
        canonical(one.turnover),
        one.trades,
        qty(half, instrument),
        canonical(half * one.close),
        "0",
    ]
