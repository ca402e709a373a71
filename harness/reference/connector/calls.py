"""The 22 unary RPCs: each turns a request into one call of the backend and its result into the reply."""

from __future__ import annotations

from harness.reference.connector.backends.backend import Backend
from harness.reference.connector.decimals import wire
from harness.reference.connector.refusal import Refusal, invalid
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources


def _symbol(symbol: str) -> str:
    if not symbol:
        raise invalid("symbol is missing")
    return symbol


class Calls:
    """One method per unary RPC, named as the RPC in snake case. All raise Refusal."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def get_name(self, _: rpc.GetNameRequest) -> rpc.GetNameResponse:
        """Which exchange this is."""
        return rpc.GetNameResponse(name=self._backend.name)

    async def get_type(self, _: rpc.GetTypeRequest) -> rpc.GetTypeResponse:
        """Spot or futures, and the kind of margin."""
        kind, is_unified = self._backend.margin()
        return rpc.GetTypeResponse(type=kind, is_unified_margin=is_unified)

    async def place_order(self, request: resources.PlaceOrderRequest) -> resources.Order:
        """Place, or return the order that already has this client id."""
        _symbol(request.symbol)
        return await self._backend.place_order(request)

    async def batch_place_orders(self, request: rpc.BatchPlaceOrdersRequest) -> rpc.BatchPlaceOrdersResponse:
        """Place each; those refused are listed with their index and status code."""
        reply = rpc.BatchPlaceOrdersResponse()
        for index, result in enumerate(await self._backend.place_orders(list(request.orders))):
            if isinstance(result, Refusal):
                client_order_id = request.orders[index].client_order_id
                reply.errors.append(_batch_error(index, client_order_id, result))
            else:
                reply.orders.append(result)
        reply.all_success = not reply.errors
        return reply

    async def cancel_order(self, request: rpc.CancelOrderRequest) -> rpc.CancelOrderResponse:
        """Cancel one order."""
        await self._backend.cancel_order(_symbol(request.symbol), request.order_id)
        return rpc.CancelOrderResponse()

    async def batch_cancel_orders(self, request: rpc.BatchCancelOrdersRequest) -> rpc.BatchCancelOrdersResponse:
        """Cancel each; those refused are listed."""
        results = await self._backend.cancel_orders(_symbol(request.symbol), list(request.order_ids))
        errors = [_batch_error(index, "", one) for index, one in enumerate(results) if one is not None]
        return rpc.BatchCancelOrdersResponse(errors=errors)

    async def cancel_all_orders(self, request: rpc.CancelAllOrdersRequest) -> rpc.CancelAllOrdersResponse:
        """Cancel all of a symbol."""
        await self._backend.cancel_all_orders(_symbol(request.symbol))
        return rpc.CancelAllOrdersResponse()

    async def get_order(self, request: rpc.GetOrderRequest) -> resources.Order:
        """By order id, else by client id."""
        if not request.order_id and not request.client_order_id:
            raise invalid("order_id or client_order_id is needed")
        return await self._backend.order(_symbol(request.symbol), request.order_id, request.client_order_id)

    async def get_open_orders(self, request: rpc.GetOpenOrdersRequest) -> rpc.GetOpenOrdersResponse:
        """Open orders, of all symbols when none is given."""
        return rpc.GetOpenOrdersResponse(orders=await self._backend.open_orders(request.symbol))

    async def get_account(self, _: rpc.GetAccountRequest) -> resources.Account:
        """The account, asked of the venue."""
        return await self._backend.account()

    async def get_positions(self, request: rpc.GetPositionsRequest) -> rpc.GetPositionsResponse:
        """Open positions, of all symbols when none is given."""
        return rpc.GetPositionsResponse(positions=await self._backend.positions(request.symbol))

    async def get_balance(self, request: rpc.GetBalanceRequest) -> rpc.GetBalanceResponse:
        """Wallet balance of one asset (USDT when none is given)."""
        return rpc.GetBalanceResponse(balance=wire(await self._backend.balance(request.asset or "USDT")))

    async def get_latest_price(self, request: rpc.GetLatestPriceRequest) -> rpc.GetLatestPriceResponse:
        """Last traded price."""
        return rpc.GetLatestPriceResponse(price=wire(await self._backend.latest_price(_symbol(request.symbol))))

    async def get_tickers(self, _: rpc.GetTickersRequest) -> rpc.GetTickersResponse:
        """The day's figures of every symbol."""
        return rpc.GetTickersResponse(tickers=await self._backend.tickers())

    async def get_open_interest(self, request: rpc.GetOpenInterestRequest) -> rpc.GetOpenInterestResponse:
        """Open interest in base coins."""
        interest = await self._backend.open_interest(_symbol(request.symbol))
        return rpc.GetOpenInterestResponse(open_interest=wire(interest))

    async def get_historical_klines(self, request: rpc.GetHistoricalKlinesRequest) -> rpc.GetHistoricalKlinesResponse:
        """Candles, oldest first."""
        if request.limit < 0:
            raise invalid("limit must not be negative")
        candles = await self._backend.klines(_symbol(request.symbol), request.interval or "1m", request.limit)
        return rpc.GetHistoricalKlinesResponse(candles=candles)

    async def fetch_exchange_info(self, request: rpc.FetchExchangeInfoRequest) -> rpc.FetchExchangeInfoResponse:
        """Read the trading rules again."""
        await self._backend.refresh_symbols(request.symbol)
        return rpc.FetchExchangeInfoResponse()

    async def get_symbol_info(self, request: rpc.GetSymbolInfoRequest) -> resources.SymbolInfo:
        """Trading rules of a symbol."""
        return await self._backend.symbol_info(_symbol(request.symbol))

    async def get_symbols(self, _: rpc.GetSymbolsRequest) -> rpc.GetSymbolsResponse:
        """Every tradable symbol."""
        return rpc.GetSymbolsResponse(symbols=await self._backend.symbols())

    async def get_funding_rate(self, request: rpc.GetFundingRateRequest) -> resources.FundingRate:
        """Current funding of a symbol."""
        return await self._backend.funding_rate(_symbol(request.symbol))

    async def get_funding_rates(self, _: rpc.GetFundingRatesRequest) -> rpc.GetFundingRatesResponse:
        """Current funding of every symbol."""
        return rpc.GetFundingRatesResponse(rates=await self._backend.funding_rates())

    async def get_historical_funding_rates(
        self, request: rpc.GetHistoricalFundingRatesRequest
    ) -> rpc.GetHistoricalFundingRatesResponse:
        """Past funding, oldest first."""
        if request.limit < 0:
            raise invalid("limit must not be negative")
        rates = await self._backend.funding_history(_symbol(request.symbol), request.limit)
        return rpc.GetHistoricalFundingRatesResponse(rates=rates)


def _batch_error(index: int, client_order_id: str, refusal: Refusal) -> rpc.BatchOrderError:
    code: int = refusal.code.value[0]
    return rpc.BatchOrderError(index=index, client_order_id=client_order_id, error_message=refusal.reason, code=code)
