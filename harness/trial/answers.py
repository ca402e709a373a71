"""What each RPC must answer, read off the venue's own state: a table of questions for one backend."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

from harness.client.remote import RemoteExchange
from harness.client.requests import limit_order, market_order
from harness.trial.compare import Comparison, compare_order, compare_orders, compare_positions
from harness.venue.control import OrderState, VenueControl
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

SYMBOL, OTHER = "BTCUSDT", "ETHUSDT"
BUY, SELL = types.ORDER_SIDE_BUY, types.ORDER_SIDE_SELL
CANDLES = 10

Read = Callable[[Comparison, str, RemoteExchange, VenueControl], Awaitable[None]]
Write = Callable[[Comparison, RemoteExchange, VenueControl], Awaitable[None]]


async def _name(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    name = await client.get_name()
    compared.same("name", exchange in name.lower(), True)


async def _type(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    reply = await client.get_type()
    compared.same("type", types.ExchangeType.Name(reply.type), "EXCHANGE_TYPE_FUTURES")


async def _account(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    account, known = await client.get_account(), (await venue.state()).account
    compared.decimal("total_wallet_balance", account.total_wallet_balance.value, known.wallet_balance)
    compared.decimal("total_margin_balance", account.total_margin_balance.value, known.margin_balance)
    compared.decimal("available_balance", account.available_balance.value, known.available_balance)


async def _positions(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    compare_positions(compared, await client.get_positions(), (await venue.state()).positions)


async def _one_position(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    known = [one for one in (await venue.state()).positions if one.symbol == SYMBOL]
    compare_positions(compared, await client.get_positions(SYMBOL), known)


async def _balance(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    balance, known = await client.get_balance("USDT"), (await venue.state()).account
    # The contract does not say which balance it is: any of the account's own is right, to the last digit.
    owned = {Decimal(one) for one in (known.wallet_balance, known.available_balance, known.margin_balance)}
    compared.same("balance is one of the account's", Decimal(balance) in owned, True)


async def _symbol_info(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    info, known = await client.get_symbol_info(SYMBOL), (await venue.state()).market(SYMBOL)
    compared.same("symbol", info.symbol, SYMBOL)
    compared.same("assets", (info.base_asset, info.quote_asset), (known.base_asset, known.quote_asset))
    compared.decimal("tick_size", info.tick_size.value, known.tick_size)
    compared.decimal("step_size", info.step_size.value, known.step_size)
    compared.decimal("min_quantity", info.min_quantity.value, known.min_quantity)


async def _symbols(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    known = {one.symbol for one in (await venue.state()).markets}
    compared.same("symbols", sorted(known - set(await client.get_symbols())), [])


async def _price(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    compared.decimal("price", await client.get_latest_price(SYMBOL), (await venue.state()).market(SYMBOL).last)


async def _tickers(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    tickers = {one.symbol: one for one in await client.get_tickers()}
    for symbol in (SYMBOL, OTHER):
        compared.decimal(
            f"{symbol}.last_price", tickers[symbol].last_price.value, (await venue.state()).market(symbol).last
        )


async def _klines(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    candles, known = (
        await client.get_historical_klines(SYMBOL, "1m", CANDLES),
        await venue.candles(SYMBOL, "1m", CANDLES),
    )
    compared.same("opening times", [one.timestamp for one in candles], [one.open_ms for one in known])
    for got, wanted in zip(candles, known, strict=False):
        for part in ("open", "high", "low", "close"):
            compared.decimal(f"{wanted.open_ms}.{part}", getattr(got, part).value, getattr(wanted, part))


async def _funding(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    rate, known = await client.get_funding_rate(SYMBOL), (await venue.state()).market(SYMBOL)
    compared.decimal("rate", rate.rate.value, known.funding_rate)
    compared.same("symbol", rate.symbol, SYMBOL)


async def _funding_rates(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    rates = {one.symbol: one for one in await client.get_funding_rates()}
    compared.decimal("rate", rates[SYMBOL].rate.value, (await venue.state()).market(SYMBOL).funding_rate)


async def _past_funding(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    past = await client.get_historical_funding_rates(SYMBOL, 3)
    compared.same("entries of the symbol", {one.symbol for one in past} <= {SYMBOL} and len(past) <= 3, True)
    for one in past:
        compared.same("rate is a decimal", Decimal(one.rate.value).is_finite(), True)


async def _interest(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    known = (await venue.state()).market(SYMBOL).open_interest
    compared.decimal("open_interest", await client.get_open_interest(SYMBOL), known)


async def _info(compared: Comparison, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    await client.fetch_exchange_info(SYMBOL)


READS: Mapping[str, Read] = {
    "GetName": _name,
    "GetType": _type,
    "GetAccount": _account,
    "GetPositions": _positions,
    "GetPositions of one symbol": _one_position,
    "GetBalance": _balance,
    "GetSymbolInfo": _symbol_info,
    "GetSymbols": _symbols,
    "GetLatestPrice": _price,
    "GetTickers": _tickers,
    "GetHistoricalKlines": _klines,
    "GetFundingRate": _funding,
    "GetFundingRates": _funding_rates,
    "GetHistoricalFundingRates": _past_funding,
    "GetOpenInterest": _interest,
    "FetchExchangeInfo": _info,
}


async def _resting(venue: VenueControl) -> tuple[str, str]:
    """Quantity and price of an order that is accepted and stays on the book."""
    market = (await venue.state()).market(SYMBOL)
    tick, step = Decimal(market.tick_size), Decimal(market.step_size)
    price = (Decimal(market.last) * Decimal("0.9") // tick) * tick
    quantity = max(Decimal(market.min_quantity), (Decimal(market.min_notional) / price // step + 1) * step)
    return format(quantity, "f"), format(price, "f")


async def _known(venue: VenueControl, client_order_id: str) -> OrderState:
    order = await venue.order(client_order_id=client_order_id)
    if order is None:
        raise LookupError(f"the venue has no order with client id {client_order_id}")
    return order


async def _place(compared: Comparison, client: RemoteExchange, venue: VenueControl) -> None:
    quantity, price = await _resting(venue)
    order = await client.place_order(limit_order(SYMBOL, BUY, quantity, price, "nfr-place-1"))
    compare_order(compared, order, await _known(venue, "nfr-place-1"))
    compared.same("on the book", (await _known(venue, "nfr-place-1")).status, "NEW")


async def _place_again(compared: Comparison, client: RemoteExchange, venue: VenueControl) -> None:
    quantity, price = await _resting(venue)
    before = len((await venue.state()).orders)
    order = await client.place_order(limit_order(SYMBOL, BUY, quantity, price, "nfr-place-1"))
    compared.same("client_order_id", order.client_order_id, "nfr-place-1")
    compared.same("orders at the venue", len((await venue.state()).orders), before)


async def _get_by_id(compared: Comparison, client: RemoteExchange, venue: VenueControl) -> None:
    known = await _known(venue, "nfr-place-1")
    placed = next(one for one in await client.get_open_orders(SYMBOL) if one.client_order_id == "nfr-place-1")
    compare_order(compared, await client.get_order(SYMBOL, placed.order_id), known)


async def _get_by_client_id(compared: Comparison, client: RemoteExchange, venue: VenueControl) -> None:
    order = await client.get_order(SYMBOL, client_order_id="nfr-place-1")
    compare_order(compared, order, await _known(venue, "nfr-place-1"))


async def _open_orders(compared: Comparison, client: RemoteExchange, venue: VenueControl) -> None:
    compare_orders(compared, await client.get_open_orders(), (await venue.state()).open_orders)


async def _cancel(compared: Comparison, client: RemoteExchange, venue: VenueControl) -> None:
    order = await client.get_order(SYMBOL, client_order_id="nfr-place-1")
    await client.cancel_order(SYMBOL, order.order_id)
    compared.same("status at the venue", (await _known(venue, "nfr-place-1")).status, "CANCELED")


async def _market(compared: Comparison, client: RemoteExchange, venue: VenueControl) -> None:
    before = (await venue.state()).position(OTHER)
    order = await client.place_order(market_order(OTHER, SELL, "0.010", "nfr-market-1"))
    after = (await venue.state()).position(OTHER)
    moved = Decimal(after.size if after else "0") - Decimal(before.size if before else "0")
    compared.decimal("position moved by", format(moved, "f"), "-0.010")
    known = await _known(venue, "nfr-market-1")
    compared.same("status", types.OrderStatus.Name(order.status), f"ORDER_STATUS_{known.status}")
    compared.decimal("executed_qty", order.executed_qty.value, known.executed)


async def _batch_place(compared: Comparison, client: RemoteExchange, venue: VenueControl) -> None:
    quantity, price = await _resting(venue)
    ids = [f"nfr-batch-{number}" for number in range(3)]
    reply = await client.batch_place_orders([limit_order(SYMBOL, BUY, quantity, price, one) for one in ids])
    compared.same("all_success", reply.all_success, True)
    compared.same("client ids, in order", [one.client_order_id for one in reply.orders], ids)
    for one in ids:
        compared.same(f"{one} at the venue", (await _known(venue, one)).status, "NEW")


async def _batch_cancel(compared: Comparison, client: RemoteExchange, venue: VenueControl) -> None:
    ids = ("nfr-batch-0", "nfr-batch-1")
    orders = [one.order_id for one in await client.get_open_orders(SYMBOL) if one.client_order_id in ids]
    reply = await client.batch_cancel_orders(SYMBOL, orders)
    compared.same("errors", len(reply.errors), 0)
    for one in ids:
        compared.same(f"{one} at the venue", (await _known(venue, one)).status, "CANCELED")


async def _cancel_all(compared: Comparison, client: RemoteExchange, venue: VenueControl) -> None:
    await client.cancel_all_orders(SYMBOL)
    left = [one.order_id for one in (await venue.state()).open_orders if one.symbol == SYMBOL]
    compared.same("open orders at the venue", left, [])


WRITES: Mapping[str, Write] = {
    "PlaceOrder": _place,
    "PlaceOrder with the same client id": _place_again,
    "GetOrder by id": _get_by_id,
    "GetOrder by client id": _get_by_client_id,
    "GetOpenOrders": _open_orders,
    "CancelOrder": _cancel,
    "PlaceOrder at market": _market,
    "BatchPlaceOrders": _batch_place,
    "BatchCancelOrders": _batch_cancel,
    "CancelAllOrders": _cancel_all,
}
