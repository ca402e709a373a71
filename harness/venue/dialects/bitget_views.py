"""How bitget shows the core's orders, fills, positions and accounts: field names, types and places."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from harness.venue.core.account import Account, Position
from harness.venue.core.decimals import ZERO, canonical, fixed
from harness.venue.core.exchange import Exchange
from harness.venue.core.instruments import Instrument
from harness.venue.core.orders import Fill, Force, Order, Side, Status
from harness.venue.dialects.liquidation import liquidation_price

Json = dict[str, Any]
HEDGE, ONE_WAY = "hedge_mode", "one_way_mode"
STATUSES = {
    Status.NEW: "live",
    Status.PARTIALLY_FILLED: "partially_filled",
    Status.FILLED: "filled",
    Status.CANCELED: "canceled",
    Status.EXPIRED: "canceled",
}
FORCES = {Force.GTC: "gtc", Force.IOC: "ioc", Force.FOK: "fok", Force.GTX: "post_only"}


def money(value: Decimal) -> str:
    """Eight decimals."""
    return fixed(value, 8)


def price(value: Decimal, instrument: Instrument) -> str:
    """At least the places of the instrument's tick, more where an average needs them."""
    text = canonical(value)
    return text if len(text.partition(".")[2]) > instrument.price_places else fixed(value, instrument.price_places)


def qty(value: Decimal, instrument: Instrument) -> str:
    """With the places of the instrument's step."""
    return fixed(value, instrument.qty_places)


def margin_mode(position: Position) -> str:
    """crossed or isolated."""
    return "isolated" if position.margin_type == "isolated" else "crossed"


def native_side(side: Side, *, reduce_only: bool, mode: str) -> str:
    """In hedge mode an order's side names the position, also when it closes it."""
    closes = mode == HEDGE and reduce_only
    return "buy" if (side is Side.BUY) != closes else "sell"


def pos_side(side: Side, *, reduce_only: bool, mode: str) -> str:
    """long or short in hedge mode, else net."""
    if mode != HEDGE:
        return "net"
    return "long" if native_side(side, reduce_only=reduce_only, mode=mode) == "buy" else "short"


def trade_side(side: Side, *, reduce_only: bool, mode: str) -> str:
    """open or close in hedge mode, else the one-way words."""
    if mode == HEDGE:
        return "close" if reduce_only else "open"
    word = f"{side.value.lower()}_single"
    return f"reduce_{word}" if reduce_only else word


def sides(order: Order, mode: str) -> Json:
    """side, posSide, tradeSide and posMode of an order."""
    ticket = order.ticket
    return {
        "side": native_side(ticket.side, reduce_only=ticket.reduce_only, mode=mode),
        "posSide": pos_side(ticket.side, reduce_only=ticket.reduce_only, mode=mode),
        "tradeSide": trade_side(ticket.side, reduce_only=ticket.reduce_only, mode=mode),
        "posMode": mode,
    }


def order(one: Order, position: Position, mode: str, *, listed: bool, lenient: bool) -> Json:
    """ORDER; `listed`: its state is called status."""
    instrument, ticket = one.instrument, one.ticket
    state = STATUSES[one.status]
    view: Json = {
        "symbol": one.symbol,
        "size": qty(ticket.qty, instrument),
        "orderId": str(one.order_id),
        "clientOid": one.client_id,
        "baseVolume": qty(one.executed, instrument),
        "fee": money(-one.fees),
        "price": price(ticket.price, instrument),
        "priceAvg": price(one.average, instrument) if one.executed else "",
        **({"status": state} if listed else {"state": state}),
        **sides(one, mode),
        "force": FORCES[ticket.force],
        "totalProfits": money(sum((fill.realised for fill in one.fills), ZERO)),
        "marginCoin": instrument.quote,
        "quoteVolume": canonical(one.quote_executed),
        "leverage": str(one.leverage),
        "marginMode": margin_mode(position),
        "enterPointSource": "API",
        "orderType": ticket.kind.value.lower(),
        "orderSource": "normal",
        "reduceOnly": "YES" if ticket.reduce_only else "NO",
        "cTime": str(one.created_ms),
        "uTime": str(one.updated_ms),
    }
    if lenient:
        filled = view["baseVolume"]
        view |= {"state": state, "status": state, "filledQty": filled, "filledSize": filled}
    return view


def fee_detail(fill: Fill, instrument: Instrument) -> list[Json]:
    """One fee, a cost being negative."""
    return [
        {"deduction": "no", "feeCoin": instrument.quote, "totalDeductionFee": "0", "totalFee": money(-fill.fee)},
    ]


def fill(one: Fill, order: Order | None, instrument: Instrument, mode: str) -> Json:
    """One of ORD/fills. `order` None: forgotten already."""
    reduce_only = order is not None and order.ticket.reduce_only
    return {
        "tradeId": str(one.trade_id),
        "symbol": one.symbol,
        "orderId": str(one.order_id),
        "price": price(one.price, instrument),
        "baseVolume": qty(one.qty, instrument),
        "feeDetail": fee_detail(one, instrument),
        "side": native_side(one.side, reduce_only=reduce_only, mode=mode),
        "quoteVolume": canonical(one.price * one.qty),
        "profit": money(one.realised),
        "enterPointSource": "api",
        "tradeSide": trade_side(one.side, reduce_only=reduce_only, mode=mode),
        "posMode": mode,
        "tradeScope": "maker" if one.maker else "taker",
        "cTime": str(one.t_ms),
    }


def account(exchange: Exchange, one: Account, *, lenient: bool) -> Json:
    """One of ACC/accounts: `available` is the wallet, what new orders may use is crossedMaxAvailable."""
    unrealised = exchange.unrealised(one)
    usable = exchange.available(one)
    equity = one.wallet + unrealised
    held = sum((exchange.maintenance(position) for position in one.positions.values()), ZERO)
    leverage = next((position.leverage for position in one.positions.values() if position.size), 20)
    transferable = min(usable, max(one.wallet, ZERO))
    return {
        "marginCoin": "USDT",
        "locked": money(one.reserved),
        "available": money(one.wallet),
        "crossedMaxAvailable": money(usable),
        "isolatedMaxAvailable": money(usable),
        "maxTransferOut": money(transferable),
        "accountEquity": money(equity),
        "usdtEquity": money(equity),
        # No market of this simulator prices it: at the start price of bitcoin.
        "btcEquity": money(equity / 45000),
        # Long enough that maintenance margin can be computed back to the last digit.
        "crossedRiskRate": fixed(held / equity, 18) if equity > 0 else "0",
        "crossedMarginLeverage": str(leverage) if lenient else leverage,
        "unrealizedPL": money(unrealised),
        "coupon": "0",
        "crossedUnrealizedPL": money(unrealised),
        "isolatedUnrealizedPL": "",
        "assetMode": "single",
    }


def liquidation(exchange: Exchange, owner: Account, one: Position) -> str:
    """The liquidation price, 0 when there is none."""
    found = liquidation_price(exchange, owner, one)
    return "0" if found is None else price(found, exchange.markets[one.symbol].instrument)


def position(exchange: Exchange, owner: Account, one: Position, mode: str, *, lenient: bool) -> Json:
    """One of all-position; `one` is not flat."""
    market = exchange.markets[one.symbol]
    instrument = market.instrument
    closing = Side.SELL if one.size > 0 else Side.BUY
    orders = exchange.book.open_orders(owner.name, one.symbol)
    locked = sum((o.remaining for o in orders if o.ticket.reduce_only and o.ticket.side is closing), ZERO)
    delegated = sum((o.remaining for o in orders if not o.ticket.reduce_only), ZERO)
    total = abs(one.size)
    entry = price(one.entry, instrument)
    view: Json = {
        "marginCoin": instrument.quote,
        "symbol": one.symbol,
        "holdSide": "long" if one.size > 0 else "short",
        "openDelegateSize": qty(delegated, instrument),
        "marginSize": money(one.initial_margin(market.mark)),
        "available": qty(max(ZERO, total - locked), instrument),
        "locked": qty(min(locked, total), instrument),
        "total": qty(total, instrument),
        "leverage": str(one.leverage),
        "achievedProfits": money(one.realised),
        "openPriceAvg": entry,
        "marginMode": margin_mode(one),
        "posMode": mode,
        "unrealizedPL": money(one.unrealised(market.mark)),
        "liquidationPrice": liquidation(exchange, owner, one),
        "keepMarginRate": canonical(instrument.maintenance_rate),
        "markPrice": price(market.mark, instrument),
        "marginRatio": "0",
        "breakEvenPrice": entry,
        "totalFee": "",
        "deductedFee": "0",
        "grant": "",
        "assetMode": "single",
        "autoMargin": "off",
        "takeProfit": "",
        "stopLoss": "",
        "cTime": str(one.created_ms),
        "uTime": str(one.updated_ms),
    }
    if lenient:
        view["averageOpenPrice"] = entry
    return view
